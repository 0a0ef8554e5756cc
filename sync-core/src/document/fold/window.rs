//! A visit's time window, and the wishes to move one or both of its sides.
//!
//! A wish names only the sides it moves and what stood there, so a start moved on the phone and an end moved at the
//! desk both stay.

use crate::document::admission::WindowEffect;
use crate::document::body::{FactBody, Side};
use crate::document::fold::Input;
use crate::document::fold::order::Order;
use crate::ids::VisitId;
use crate::time::{ServerTime, TimeWindow};

/// The window that a wish leads to, or why it is kept aside. The server asks this once, at admission, and writes
/// down the answer; whether the engineer is free then is for the server to say.
pub fn reschedule(
    current: Option<TimeWindow>,
    start: Option<Side>,
    end: Option<Side>,
) -> Result<TimeWindow, WindowEffect> {
    let side = |wish: Option<Side>, stands: Option<ServerTime>| match wish {
        Some(wish) if wish.seen == stands || Some(wish.to) == stands => Ok(Some(wish.to)),
        Some(_) => Err(WindowEffect::Stale),
        None => Ok(stands),
    };
    let start = side(start, current.map(TimeWindow::start))?;
    let end = side(end, current.map(TimeWindow::end))?;
    let (start, end) = start.zip(end).ok_or(WindowEffect::Backwards)?;
    TimeWindow::new(start, end).map_err(|_| WindowEffect::Backwards)
}

/// The core's window with the wishes of this phone that the server has not answered, in causal order.
pub(crate) fn overlaid(input: &Input<'_>, order: &Order<'_>, visit: VisitId) -> Option<TimeWindow> {
    let mut window = input.core.visits.get(&visit).and_then(|plan| plan.window);
    for (_, fact) in order.facts() {
        if let FactBody::Reschedule { start, end } = fact.body
            && fact.visit == Some(visit)
            && !input.admissions.contains_key(&fact.id)
        {
            window = reschedule(window, start, end).ok().or(window);
        }
    }
    window
}
