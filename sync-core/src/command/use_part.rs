use crate::command::{Author, Refusal, Stamp, TicketView};
use crate::document::{Fact, FactBody, Quantity};
use crate::ids::{PartId, VisitId};

/// A part went into the customer's asset. More than the van should hold is accepted too: it was used.
pub fn use_part(
    ticket: &TicketView<'_>,
    author: &Author,
    stamp: Stamp,
    visit: VisitId,
    (part, quantity): (PartId, Quantity),
    serial: Option<String>,
) -> Result<Fact, Refusal> {
    ticket.say(author, stamp, Some(visit), FactBody::PartUsed { part, quantity, serial })
}
