use crate::command::{Author, Refusal, Stamp, TicketView};
use crate::document::{Fact, FactBody, Side};
use crate::ids::VisitId;
use crate::time::{ServerTime, TimeWindow};

/// Moves one or both sides of a visit's window, and says only those: a side that somebody else moves meanwhile stays
/// moved. Until the server answers, the author sees his wish.
pub fn reschedule(
    ticket: &TicketView<'_>,
    author: &Author,
    stamp: Stamp,
    visit: VisitId,
    (start, end): (Option<ServerTime>, Option<ServerTime>),
) -> Result<Fact, Refusal> {
    let window = ticket.state.visits.get(&visit).and_then(|visit| visit.window);
    let side = |to: Option<ServerTime>, seen: Option<ServerTime>| {
        to.filter(|to| Some(*to) != seen).map(|to| Side { seen, to })
    };
    let start = side(start, window.map(TimeWindow::start));
    let end = side(end, window.map(TimeWindow::end));
    if start.is_none() && end.is_none() {
        return Err(Refusal::NoChange);
    }
    crate::document::reschedule(window, start, end).map_err(|_| Refusal::NoWindow)?;
    ticket.say(author, stamp, Some(visit), FactBody::Reschedule { start, end })
}
