use crate::command::{Author, Refusal, Stamp, TicketView};
use crate::document::{Fact, FactBody};
use crate::ids::VisitId;

/// The engineer leaves. The labour log ends; a visit that is not done waits for the next check-in.
pub fn check_out(ticket: &TicketView<'_>, author: &Author, stamp: Stamp, visit: VisitId) -> Result<Fact, Refusal> {
    ticket.say(author, stamp, Some(visit), FactBody::CheckOut {})
}
