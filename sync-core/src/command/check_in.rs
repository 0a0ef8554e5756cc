use crate::command::{Author, Refusal, Stamp, TicketView};
use crate::document::{Fact, FactBody};
use crate::ids::VisitId;

/// The engineer is on site. A labour log begins.
pub fn check_in(ticket: &TicketView<'_>, author: &Author, stamp: Stamp, visit: VisitId) -> Result<Fact, Refusal> {
    ticket.say(author, stamp, Some(visit), FactBody::CheckIn {})
}
