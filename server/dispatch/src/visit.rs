//! What has to be done: one presence of an engineer on a site.

use crate::engineer::{CertificateIndex, EngineerIndex, Skill, TerritoryIndex};
use crate::interval::TimeWindow;
use crate::place::Place;

/// Position of a visit in [`crate::Board::visits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VisitIndex(pub u32);

/// From 1, the most urgent, to 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Priority(u8);

/// One visit to be planned. [`Visit::new`] gives one that anybody may do at any time; the fields narrow it.
#[derive(Clone, Debug)]
pub struct Visit {
    pub place: Place,
    /// Seconds on site.
    pub duration_s: u32,
    /// When it may start; empty means at any time. The order does not matter.
    pub windows: Vec<TimeWindow>,
    pub skills: Vec<Skill>,
    pub certificates: Vec<CertificateIndex>,
    pub territory: Option<TerritoryIndex>,
    pub priority: Priority,
    /// When the visit should have ended by its SLA. Late is worse, not forbidden.
    pub due: Option<i64>,
    /// Only this engineer may do it.
    pub pinned_engineer: Option<EngineerIndex>,
    /// It starts exactly then, whatever the windows say.
    pub pinned_start: Option<i64>,
    /// Engineers who may not do it: barred by the customer, or for whom the customer is barred.
    pub barred: Vec<EngineerIndex>,
    pub preferred: Vec<EngineerIndex>,
}

impl Priority {
    pub const MOST_URGENT: Priority = Priority(1);
    pub const ORDINARY: Priority = Priority(3);
    pub const LEAST_URGENT: Priority = Priority(5);

    /// `None` outside of 1 to 5.
    pub fn new(priority: u8) -> Option<Self> {
        (1..=5).contains(&priority).then_some(Self(priority))
    }

    pub fn get(self) -> u8 {
        self.0
    }

    /// Where this priority stands in the tables of [`crate::Policy`]: 0 is the most urgent.
    pub(crate) fn level(self) -> usize {
        usize::from(self.0 - 1)
    }
}

impl Visit {
    pub fn new(place: Place, duration_s: u32) -> Self {
        Self {
            place,
            duration_s,
            windows: Vec::new(),
            skills: Vec::new(),
            certificates: Vec::new(),
            territory: None,
            priority: Priority::ORDINARY,
            due: None,
            pinned_engineer: None,
            pinned_start: None,
            barred: Vec::new(),
            preferred: Vec::new(),
        }
    }

    /// The first moment from `from` on at which the windows and the pinned time let the visit start.
    pub fn first_start(&self, from: i64) -> Option<i64> {
        if let Some(pinned) = self.pinned_start {
            return (pinned >= from).then_some(pinned);
        }
        if self.windows.is_empty() {
            return Some(from);
        }
        let open = self.windows.iter().filter(|window| window.latest() >= from);
        open.map(|window| window.earliest().max(from)).min()
    }

    /// The last moment up to `by` at which the windows and the pinned time let the visit start.
    pub fn last_start(&self, by: i64) -> Option<i64> {
        if let Some(pinned) = self.pinned_start {
            return (pinned <= by).then_some(pinned);
        }
        if self.windows.is_empty() {
            return Some(by);
        }
        let open = self.windows.iter().filter(|window| window.earliest() <= by);
        open.map(|window| window.latest().min(by)).max()
    }

    /// How late an end is, in seconds; 0 without an SLA.
    pub(crate) fn late_s(&self, end: i64) -> i64 {
        self.due.map_or(0, |due| end.saturating_sub(due).max(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_say_when_a_visit_may_start() {
        let mut visit = Visit::new(Place::new(0.0, 0.0).unwrap(), 600);
        assert_eq!(visit.first_start(7), Some(7));
        visit.windows = vec![TimeWindow::new(100, 200).unwrap(), TimeWindow::new(20, 50).unwrap()];
        let first = [0, 20, 50, 51, 150, 201].map(|from| visit.first_start(from));
        assert_eq!(first, [Some(20), Some(20), Some(50), Some(100), Some(150), None]);
        let last = [10, 20, 60, 99, 120, 500].map(|by| visit.last_start(by));
        assert_eq!(last, [None, Some(20), Some(50), Some(50), Some(120), Some(200)]);
        visit.pinned_start = Some(70);
        assert_eq!([visit.first_start(70), visit.first_start(71)], [Some(70), None]);
    }

    #[test]
    fn there_are_five_priorities() {
        assert_eq!([0, 1, 5, 6].map(Priority::new), [None, Some(Priority(1)), Some(Priority(5)), None]);
        assert!(Priority::MOST_URGENT < Priority::LEAST_URGENT);
    }
}
