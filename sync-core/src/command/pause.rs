use crate::command::{Author, Refusal, Stamp, TicketView};
use crate::document::{Fact, FactBody};
use crate::ids::VisitId;

/// The work is interrupted; `reason` is a code from the tenant's list.
pub fn pause(
    ticket: &TicketView<'_>,
    author: &Author,
    stamp: Stamp,
    visit: VisitId,
    reason: String,
) -> Result<Fact, Refusal> {
    ticket.say(author, stamp, Some(visit), FactBody::Pause { reason })
}
