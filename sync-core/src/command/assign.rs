use crate::command::{Author, Refusal, Stamp, TicketView};
use crate::document::{Fact, FactBody};
use crate::ids::{GrantId, UserId, VisitId};
use crate::time::TimeWindow;

/// The desk gives a visit to an engineer under a fresh grant, planned for this slot if there is one. The server writes the grant in the same change.
pub fn assign(
    ticket: &TicketView<'_>,
    author: &Author,
    stamp: Stamp,
    visit: VisitId,
    (grant, user): (GrantId, UserId),
    slot: Option<TimeWindow>,
) -> Result<Fact, Refusal> {
    if ticket.doc.grants().contains_key(&grant) {
        return Err(Refusal::AlreadyThere(grant.0));
    }
    let (start, end) = (slot.map(TimeWindow::start), slot.map(TimeWindow::end));
    ticket.say(author, stamp, Some(visit), FactBody::Assign { grant, user, start, end })
}
