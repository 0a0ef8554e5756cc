use crate::command::{Author, Refusal, Stamp, TicketView};
use crate::document::{Fact, FactBody};

/// The desk has checked the result of the ticket.
pub fn verify(ticket: &TicketView<'_>, author: &Author, stamp: Stamp) -> Result<Fact, Refusal> {
    ticket.say(author, stamp, None, FactBody::Verify {})
}
