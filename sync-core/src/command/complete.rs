use crate::command::{Author, Refusal, Stamp, TicketView};
use crate::document::{Fact, FactBody, Sealed};
use crate::ids::VisitId;

/// The engineer reports the visit done: `outcome` is a code (`solved`, `part_done`, …), `solution` says what was done,
/// sealed for the field `solution`. Refused while something that the workflow wants is missing.
pub fn complete(
    ticket: &TicketView<'_>,
    author: &Author,
    stamp: Stamp,
    visit: VisitId,
    outcome: String,
    solution: Option<Sealed>,
) -> Result<Fact, Refusal> {
    ticket.say(author, stamp, Some(visit), FactBody::Done { outcome, solution })
}
