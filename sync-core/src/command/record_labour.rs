use crate::command::{Author, Refusal, Stamp, TicketView};
use crate::document::{Fact, FactBody};
use crate::ids::VisitId;
use crate::time::DeviceTime;

/// Enters time worked by hand, beside what check-ins show.
pub fn record_labour(
    ticket: &TicketView<'_>,
    author: &Author,
    stamp: Stamp,
    visit: VisitId,
    start: DeviceTime,
    end: DeviceTime,
) -> Result<Fact, Refusal> {
    if end < start {
        return Err(Refusal::NoWindow);
    }
    ticket.say(author, stamp, Some(visit), FactBody::Labour { start, end })
}
