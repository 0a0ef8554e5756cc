use crate::command::{Author, Refusal, Stamp, TicketView};
use crate::document::{Fact, FactBody};
use crate::ids::VisitId;

/// The work begins, or goes on after a pause.
pub fn start(ticket: &TicketView<'_>, author: &Author, stamp: Stamp, visit: VisitId) -> Result<Fact, Refusal> {
    ticket.say(author, stamp, Some(visit), FactBody::Start {})
}
