use crate::command::{Author, Refusal, Stamp, TicketView};
use crate::document::{Fact, FactBody};
use crate::ids::{GrantId, UserId, VisitId};

/// The desk gives a visit to an engineer under a fresh grant. The server writes the grant in the same change.
pub fn assign(
    ticket: &TicketView<'_>,
    author: &Author,
    stamp: Stamp,
    visit: VisitId,
    (grant, user): (GrantId, UserId),
) -> Result<Fact, Refusal> {
    if ticket.doc.grants().contains_key(&grant) {
        return Err(Refusal::AlreadyThere(grant.0));
    }
    ticket.say(author, stamp, Some(visit), FactBody::Assign { grant, user })
}
