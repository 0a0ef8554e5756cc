use crate::command::{Author, Refusal, Stamp, TicketView};
use crate::document::{Fact, FactBody};
use crate::ids::GrantId;

/// The desk takes a visit back. An engineer who is on site stays until he leaves. The server ends the grant in the
/// same change.
pub fn unassign(ticket: &TicketView<'_>, author: &Author, stamp: Stamp, grant: GrantId) -> Result<Fact, Refusal> {
    let held = ticket.doc.grants().get(&grant).filter(|held| held.ended.is_none());
    let visit = held.ok_or(Refusal::NotThere(grant.0))?.visit;
    ticket.say(author, stamp, Some(visit), FactBody::Unassign { grant })
}
