use crate::command::{Author, Refusal, Stamp, TicketView};
use crate::document::{Fact, FactBody, Sealed};
use crate::ids::{FactId, VisitId};

/// Writes something down, sealed for the field `text`; on a visit or on the ticket. `corrects` names the note that
/// this one replaces.
pub fn note(
    ticket: &TicketView<'_>,
    author: &Author,
    stamp: Stamp,
    visit: Option<VisitId>,
    text: Sealed,
    corrects: Option<FactId>,
) -> Result<Fact, Refusal> {
    ticket.must_have(corrects)?;
    ticket.say(author, stamp, visit, FactBody::Note { text, corrects })
}
