//! What has to be done: one presence of an engineer on a site.

use std::sync::Arc;

use crate::engineer::{CertificateIndex, EngineerIndex, Parts, Skill, TerritoryIndex};
use crate::interval::TimeWindow;
use crate::place::Place;
use crate::rest::{NEVER, TOO_LATE};

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
    /// How much of an engineer's capacity it takes.
    pub load: u32,
    /// What must be at hand; an engineer whose van lacks it has to fetch it, which costs and is not forbidden.
    pub parts: Vec<Parts>,
    /// How many engineers it takes, each with all that is asked for, all beginning together. At least 1.
    pub crew_size: u8,
    /// Visits that must have ended before this one starts. If one of them is left out, so is this one.
    pub after: Vec<Dependency>,
    /// What has been promised already: moving it costs.
    pub published: Option<Published>,
}

/// A visit that comes before another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dependency {
    pub visit: VisitIndex,
    /// Seconds that must lie between its end and the start of the other.
    pub gap_s: u32,
}

/// An appointment in the plan that people know of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    pub engineer: EngineerIndex,
    pub start: i64,
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
            load: 0,
            parts: Vec::new(),
            crew_size: 1,
            after: Vec::new(),
            published: None,
        }
    }

    /// The first moment from `from` on at which the windows and the pinned time let the visit start.
    pub fn first_start(&self, from: i64) -> Option<i64> {
        Some(Starts::of(self).first(from)).filter(|start| *start < NEVER)
    }

    /// The last moment up to `by` at which the windows and the pinned time let the visit start.
    pub fn last_start(&self, by: i64) -> Option<i64> {
        Some(Starts::of(self).last(by)).filter(|start| *start > TOO_LATE)
    }
}

/// A visit as the times of a route see it.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub place: Place,
    pub duration_s: i64,
    pub load: i64,
    pub starts: Starts,
    pub priority: Priority,
    /// When it should have ended by its SLA; [`NEVER`] without one.
    pub due: i64,
    pub published: Option<Published>,
}

/// The moments at which something may start.
#[derive(Clone, Debug)]
pub(crate) struct Starts {
    pub first: i64,
    pub last: i64,
    /// All windows, sorted and joined, if there are gaps between them.
    windows: Option<Arc<[TimeWindow]>>,
}

impl Task {
    pub fn of(visit: &Visit) -> Task {
        Task {
            place: visit.place,
            duration_s: i64::from(visit.duration_s),
            load: i64::from(visit.load),
            starts: Starts::of(visit),
            priority: visit.priority,
            due: visit.due.unwrap_or(NEVER),
            published: visit.published,
        }
    }

    /// The same at one moment only.
    pub fn fixed_at(&self, start: i64) -> Task {
        Task { starts: Starts::at(start), ..self.clone() }
    }

    /// How late an end is, in seconds; 0 without an SLA.
    pub fn late_s(&self, end: i64) -> i64 {
        (end - self.due).max(0)
    }
}

impl Starts {
    /// Only then.
    pub fn at(start: i64) -> Starts {
        Starts { first: start, last: start, windows: None }
    }

    fn of(visit: &Visit) -> Starts {
        if let Some(pinned) = visit.pinned_start {
            return Starts::at(pinned);
        }
        let mut windows = visit.windows.clone();
        windows.sort_unstable();
        windows.dedup_by(|next, kept| {
            let is_joined = next.earliest() <= kept.latest() + 1;
            if is_joined {
                *kept = kept.until(next.latest());
            }
            is_joined
        });
        match (windows.first(), windows.last()) {
            (Some(first), Some(last)) => Starts {
                first: first.earliest(),
                last: last.latest(),
                windows: (windows.len() > 1).then(|| windows.as_slice().into()),
            },
            _ => Starts { first: TOO_LATE, last: NEVER, windows: None },
        }
    }

    /// Those between two moments, both included; `None` if there are none.
    pub fn within(&self, from: i64, by: i64) -> Option<Starts> {
        let (first, last) = (self.first(from), self.last(by));
        (first <= last).then(|| Starts { first, last, windows: self.windows.clone() })
    }

    /// The first of them from `from` on; [`NEVER`] if there is none.
    pub fn first(&self, from: i64) -> i64 {
        let start = from.max(self.first);
        if start > self.last {
            return NEVER;
        }
        match self.windows.as_deref() {
            None => start,
            Some(windows) => {
                let open = windows.iter().find(|window| window.latest() >= start);
                open.map_or(NEVER, |window| window.earliest().max(start))
            }
        }
    }

    /// The last of them up to `by`; [`TOO_LATE`] if there is none.
    pub fn last(&self, by: i64) -> i64 {
        let start = by.min(self.last);
        if start < self.first {
            return TOO_LATE;
        }
        match self.windows.as_deref() {
            None => start,
            Some(windows) => {
                let open = windows.iter().rev().find(|window| window.earliest() <= start);
                open.map_or(TOO_LATE, |window| window.latest().min(start))
            }
        }
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
