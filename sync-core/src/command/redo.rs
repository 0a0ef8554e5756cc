//! Puts a fact on a newer document, after the server refused something that it followed.

use std::collections::{BTreeMap, BTreeSet};

use crate::command::{Author, Refusal, TicketView, check};
use crate::document::Fact;
use crate::ids::FactId;

/// The same fact, id and words kept, asked about again. Where it followed a refused fact it now follows what that
/// one had followed; `refused` gives for each refused fact its `after`. It is never made to follow anything that its
/// author had not seen.
pub fn redo(
    fact: Fact,
    refused: &BTreeMap<FactId, Vec<FactId>>,
    ticket: &TicketView<'_>,
    author: &Author,
) -> Result<Fact, Refusal> {
    let mut open = fact.after.clone();
    let mut after = BTreeSet::new();
    let mut replaced = BTreeSet::new();
    while let Some(id) = open.pop() {
        match refused.get(&id) {
            Some(instead) if replaced.insert(id) => open.extend(instead),
            Some(_) => {}
            None if ticket.fact(id).is_none() => return Err(Refusal::NotThere(id.0)),
            None => {
                after.insert(id);
            }
        }
    }
    let followed: Vec<FactId> =
        after.iter().filter_map(|id| ticket.fact(*id)).flat_map(|one| one.after.clone()).collect();
    let latest = after.into_iter().filter(|id| !ticket.doc.saw(&followed, |seen| seen.id == *id)).collect();
    let fact = Fact { after: latest, ..fact };
    check(ticket, author, &fact)?;
    Ok(fact)
}
