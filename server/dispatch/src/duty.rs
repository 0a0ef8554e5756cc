//! A duty: one shift of one engineer, as time that can be filled with visits.

use crate::engineer::{Engineer, EngineerIndex};
use crate::interval::{Interval, merged};
use crate::place::Place;
use crate::visit::Visit;

/// What does not change while a duty is filled.
#[derive(Clone, Debug)]
pub(crate) struct Duty {
    pub engineer: EngineerIndex,
    /// Which of the engineer's shifts.
    pub shift: u32,
    /// When the engineer can leave `from`: the start of the shift, or now.
    pub opens: i64,
    pub closes: i64,
    pub from: Place,
    pub to: Option<Place>,
    pub speed_mps: f64,
    /// Seconds of work the whole shift has room for: its length without breaks and time off, at least 1.
    pub capacity_s: i64,
    /// Breaks alone, and breaks with time off; both sorted and disjoint.
    pub breaks: Vec<Interval>,
    pub blocked: Vec<Interval>,
}

impl Duty {
    /// The duties of an engineer that have not ended at `now`, one a shift, in the order of the shifts.
    pub fn of(index: EngineerIndex, engineer: &Engineer, now: i64) -> impl Iterator<Item = Duty> {
        let ahead = (0..).zip(&engineer.shifts).filter(move |(_, shift)| shift.interval.end() > now);
        ahead.map(move |(number, shift)| {
            let within = |list: &[Interval]| -> Vec<Interval> {
                list.iter().copied().filter(|item| item.overlaps(shift.interval)).collect()
            };
            let breaks = merged(within(&shift.breaks));
            let blocked = merged([within(&shift.breaks), within(&engineer.time_off)].concat());
            let lost_s: i64 = blocked.iter().map(|block| overlap_s(*block, shift.interval)).sum();
            let is_running = shift.interval.start() <= now;
            Duty {
                engineer: index,
                shift: number,
                opens: shift.interval.start().max(now),
                closes: shift.interval.end(),
                from: engineer.position.filter(|_| is_running).unwrap_or(shift.from),
                to: shift.to,
                speed_mps: engineer.speed_mps,
                capacity_s: (shift.interval.length_s() - lost_s).max(1),
                breaks,
                blocked,
            }
        })
    }

    /// The first start from `from` on at which the visit fits between `blocked` and ends by `deadline` and within the
    /// shift.
    pub fn earliest_start(&self, visit: &Visit, from: i64, deadline: i64, blocked: &[Interval]) -> Option<i64> {
        let duration_s = i64::from(visit.duration_s);
        let latest = (self.closes - duration_s.max(1)).min(deadline - duration_s);
        let mut start = from.max(self.opens);
        loop {
            start = visit.first_start(start)?;
            if start > latest {
                return None;
            }
            match blocked.iter().find(|block| collides(start, duration_s, **block)) {
                Some(block) => start = block.end(),
                None => return Some(start),
            }
        }
    }

    /// The last start with which the visit fits and ends by `by`, by `deadline` and within the shift.
    pub fn latest_start(&self, visit: &Visit, by: i64, deadline: i64) -> Option<i64> {
        let duration_s = i64::from(visit.duration_s);
        let mut start = (self.closes - duration_s.max(1)).min(by.min(deadline) - duration_s);
        loop {
            start = visit.last_start(start)?;
            if start < self.opens {
                return None;
            }
            match self.blocked.iter().rev().find(|block| collides(start, duration_s, **block)) {
                Some(block) => start = block.start() - duration_s.max(1),
                None => return Some(start),
            }
        }
    }
}

/// Even a visit of no length takes its moment.
fn collides(start: i64, duration_s: i64, block: Interval) -> bool {
    start < block.end() && start + duration_s.max(1) > block.start()
}

fn overlap_s(one: Interval, other: Interval) -> i64 {
    (one.end().min(other.end()) - one.start().max(other.start())).max(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engineer::Shift;
    use crate::interval::TimeWindow;
    use proptest::prelude::*;

    fn duty(breaks: Vec<Interval>) -> Duty {
        let home = Place::new(0.0, 0.0).unwrap();
        let mut engineer = Engineer::new(home);
        let mut shift = Shift::open(Interval::new(10, 100).unwrap(), home);
        shift.breaks = breaks;
        engineer.shifts.push(shift);
        Duty::of(EngineerIndex(0), &engineer, 0).next().unwrap()
    }

    proptest! {
        #[test]
        fn earliest_and_latest_start_are_the_first_and_last_that_fit(
            breaks in prop::collection::vec((0i64..100, 1i64..15), 0..4),
            windows in prop::collection::vec((0i64..110, 0i64..20), 0..4),
            duration_s in 0u32..25,
            bound in 0i64..120,
            deadline in 60i64..120,
        ) {
            let duty = duty(breaks.into_iter().map(|(s, l)| Interval::new(s, s + l).unwrap()).collect());
            let mut visit = Visit::new(Place::new(0.0, 0.0).unwrap(), duration_s);
            visit.windows = windows.into_iter().map(|(s, l)| TimeWindow::new(s, s + l).unwrap()).collect();
            let length = i64::from(duration_s);
            let fits = |start: i64| {
                start >= 10 && start + length.max(1) <= 100 && start + length <= deadline && visit.first_start(start) == Some(start)
                    && (start..start + length.max(1)).all(|moment| {
                        duty.blocked.iter().all(|block| moment < block.start() || moment >= block.end())
                    })
            };
            let first = (bound..130).find(|start| fits(*start));
            let last = (-30..=bound - length).rev().find(|start| fits(*start));
            prop_assert_eq!(duty.earliest_start(&visit, bound, deadline, &duty.blocked), first);
            prop_assert_eq!(duty.latest_start(&visit, bound, deadline), last);
        }
    }
}
