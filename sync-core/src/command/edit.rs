use crate::command::{Author, Refusal, Stamp, TicketView};
use crate::document::{Fact, FactBody, Flag, Scalar};

/// A field of the core that should change, with the value that its editor saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldEdit {
    /// The field, as in [`crate::document::core`].
    pub path: String,
    /// What stood there for the editor; nothing if it was empty.
    pub seen: Option<Scalar>,
    /// What should stand there; nothing to empty it.
    pub to: Option<Scalar>,
}

/// The desk changes one field. What stood there is kept in the fact; if the field had changed since the editor saw
/// it, the last one wins and the fact is flagged for review. Several fields are several facts, each said
/// [`with`](TicketView::with) the one before.
pub fn edit(
    ticket: &TicketView<'_>,
    author: &Author,
    stamp: Stamp,
    edit: FieldEdit,
) -> Result<(Fact, Option<Flag>), Refusal> {
    let FieldEdit { path, seen, to: new } = edit;
    let old = ticket.value_at(&path);
    if old == new {
        return Err(Refusal::NoChange);
    }
    let flag = (old != seen).then_some(Flag::EditedTwice);
    let fact = ticket.say(author, stamp, None, FactBody::DeskEdit { path, old, new })?;
    Ok((fact, flag))
}

impl TicketView<'_> {
    /// What stands in a field of the core after what has been said.
    fn value_at(&self, field: &str) -> Option<Scalar> {
        let edited = self.said.iter().rev().find_map(|fact| match &fact.body {
            FactBody::DeskEdit { path, new, .. } if path == field => Some(new.clone()),
            _ => None,
        });
        edited.unwrap_or_else(|| self.doc.core_fields().get(field).cloned())
    }
}
