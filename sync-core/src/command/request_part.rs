use crate::command::{Author, Refusal, Stamp, TicketView};
use crate::document::{Fact, FactBody, Quantity, Sealed};
use crate::ids::{PartId, VisitId};

/// Asks the warehouse for a part; `note` is sealed for the field `note`.
pub fn request_part(
    ticket: &TicketView<'_>,
    author: &Author,
    stamp: Stamp,
    visit: Option<VisitId>,
    (part, quantity): (PartId, Quantity),
    note: Option<Sealed>,
) -> Result<Fact, Refusal> {
    ticket.say(author, stamp, visit, FactBody::PartRequest { part, quantity, note })
}
