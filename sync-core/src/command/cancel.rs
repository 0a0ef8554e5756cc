use crate::command::{Author, Refusal, Stamp, TicketView};
use crate::document::{Fact, FactBody};
use crate::ids::VisitId;

/// The desk calls off one visit, or without one the ticket. Work that was already being done stands.
pub fn cancel(
    ticket: &TicketView<'_>,
    author: &Author,
    stamp: Stamp,
    visit: Option<VisitId>,
    reason: String,
) -> Result<Fact, Refusal> {
    ticket.say(author, stamp, visit, FactBody::Cancel { reason })
}
