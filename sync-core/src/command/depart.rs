use crate::command::{Author, Refusal, Stamp, TicketView};
use crate::document::{Fact, FactBody};
use crate::ids::VisitId;

/// The engineer sets out.
pub fn depart(ticket: &TicketView<'_>, author: &Author, stamp: Stamp, visit: VisitId) -> Result<Fact, Refusal> {
    ticket.say(author, stamp, Some(visit), FactBody::Depart {})
}
