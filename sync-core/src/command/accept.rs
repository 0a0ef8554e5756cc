use crate::command::{Author, Refusal, Stamp, TicketView};
use crate::document::{Fact, FactBody};
use crate::ids::VisitId;

/// The engineer takes the visit on.
pub fn accept(ticket: &TicketView<'_>, author: &Author, stamp: Stamp, visit: VisitId) -> Result<Fact, Refusal> {
    ticket.say(author, stamp, Some(visit), FactBody::Accept {})
}
