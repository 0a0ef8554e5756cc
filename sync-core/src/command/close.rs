use crate::command::{Author, Refusal, Stamp, TicketView};
use crate::document::{Fact, FactBody};

/// The desk closes the ticket. Notes that engineers wrote meanwhile still come in, as late ones.
pub fn close(ticket: &TicketView<'_>, author: &Author, stamp: Stamp) -> Result<Fact, Refusal> {
    ticket.say(author, stamp, None, FactBody::Close {})
}
