use crate::command::{Author, Refusal, Stamp, TicketView};
use crate::document::{Fact, FactBody};
use crate::ids::VisitId;

/// The engineer turns the visit down; `reason` is a code from the tenant's list. The desk learns of it and gives it to another.
pub fn decline(
    ticket: &TicketView<'_>,
    author: &Author,
    stamp: Stamp,
    visit: VisitId,
    reason: String,
) -> Result<Fact, Refusal> {
    ticket.say(author, stamp, Some(visit), FactBody::Decline { reason })
}
