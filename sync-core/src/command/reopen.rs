use crate::command::{Author, Refusal, Stamp, TicketView};
use crate::document::{Fact, FactBody};
use crate::ids::VisitId;

/// The desk opens again what was done, closed or cancelled: one visit, or without one the ticket.
pub fn reopen(
    ticket: &TicketView<'_>,
    author: &Author,
    stamp: Stamp,
    visit: Option<VisitId>,
    reason: String,
) -> Result<Fact, Refusal> {
    ticket.say(author, stamp, visit, FactBody::Reopen { reason })
}
