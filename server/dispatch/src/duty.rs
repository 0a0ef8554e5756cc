//! A duty: one shift of one engineer, as time that can be filled with visits.

use std::ops::Range;

use crate::engineer::{Break, Engineer, EngineerIndex, Shift};
use crate::interval::{Interval, merged};
use crate::place::Place;
use crate::rest::{Rest, at_the_wheel, leave, reach};
use crate::traffic::Traffic;
use crate::visit::Task;

/// What does not change while a duty is filled.
#[derive(Clone, Debug)]
pub(crate) struct Duty {
    pub engineer: EngineerIndex,
    /// Which of the engineer's shifts.
    pub shift: u32,
    pub hours: Hours,
    /// As the hours would be without time off, if there is any.
    pub without_time_off: Option<Box<Hours>>,
    /// From here on it is overtime; `hours.closes` is later by as much as is allowed.
    pub regular_end: i64,
    pub from: Place,
    pub to: Option<Place>,
    pub speed_mps: f64,
    /// Seconds of work the whole shift has room for: its length without breaks and time off, at least 1.
    pub capacity_s: i64,
    /// How much load the duty takes.
    pub room: i64,
    /// Work that is expected to come in yet.
    pub forecast_s: i64,
    /// Where its places stand in the atlas, and which of its speeds is this one.
    pub from_node: u32,
    pub to_node: Option<u32>,
    pub pace: u32,
}

/// When work is possible.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Hours {
    /// When the engineer can set out: the start of the shift, or now, or when time off ends.
    pub opens: i64,
    pub closes: i64,
    /// In the order in which they are taken.
    pub rests: Vec<Rest>,
    /// How fast it goes when.
    pub traffic: Traffic,
}

impl Duty {
    /// The duties of an engineer that have not ended at `now`, one a shift, in the order of the shifts. Their places
    /// are on no atlas yet.
    pub fn of(index: EngineerIndex, engineer: &Engineer, now: i64) -> impl Iterator<Item = Duty> {
        let ahead = (0..).zip(&engineer.shifts).filter(move |(_, shift)| end_of(shift) > now);
        ahead.map(move |(number, shift)| {
            let is_running = shift.interval.start() <= now;
            let is_off =
                engineer.time_off.iter().any(|off| off.start() < end_of(shift) && off.end() > shift.interval.start());
            let hours = Hours::of(shift, engineer, &engineer.time_off, now);
            Duty {
                engineer: index,
                shift: number,
                without_time_off: is_off.then(|| Box::new(Hours::of(shift, engineer, &[], now))),
                regular_end: shift.interval.end().min(hours.closes),
                hours,
                from: engineer.position.filter(|_| is_running).unwrap_or(shift.from),
                to: shift.to,
                speed_mps: engineer.speed_mps,
                capacity_s: capacity_s(shift, &engineer.time_off),
                room: engineer.capacity.map_or(i64::MAX, i64::from),
                forecast_s: i64::from(shift.forecast_s),
                from_node: 0,
                to_node: None,
                pace: 0,
            }
        })
    }
}

impl Hours {
    fn of(shift: &Shift, engineer: &Engineer, time_off: &[Interval], now: i64) -> Hours {
        let (opens, closes) = (shift.interval.start().max(now), end_of(shift));
        let traffic = Interval::new(opens, closes).map_or(Traffic::EVEN, |hours| engineer.traffic.during(hours));
        let mut hours = Hours { opens, closes, rests: Vec::new(), traffic };
        let fixed = shift.breaks.iter().filter_map(|pause| pause.as_fixed()).chain(time_off.iter().copied());
        for block in without(merged(fixed.collect()), engineer) {
            if block.start() <= hours.opens {
                hours.opens = hours.opens.max(block.end());
            } else if block.end() >= hours.closes {
                hours.closes = hours.closes.min(block.start());
            } else {
                let (earliest, latest) = (block.start(), block.start());
                hours.rests.push(Rest { earliest, latest, length_s: block.length_s() });
            }
        }
        for pause in shift.breaks.iter().filter(|pause| pause.as_fixed().is_none()) {
            let rest = Rest {
                earliest: pause.window.earliest(),
                latest: pause.window.latest(),
                length_s: i64::from(pause.duration_s),
            };
            // Whoever has time off then rests anyway; whoever should have rested before now has.
            let is_off = |off: &Interval| {
                off.start().max(rest.earliest) <= rest.latest.min(off.end().saturating_sub(rest.length_s))
            };
            if rest.latest >= hours.opens && !time_off.iter().any(is_off) {
                hours.rests.push(rest);
            }
        }
        hours.rests.sort_by_key(|rest| (rest.latest, rest.earliest, rest.length_s));
        hours
    }

    /// When a drive is over that begins at `from`, with the rests from one number up to another taken on it.
    #[inline]
    pub fn reach(&self, from: i64, drive_s: i64, taken: Range<usize>) -> i64 {
        reach(&self.traffic, from, drive_s, &self.rests[taken])
    }

    /// How much of that one is at the wheel.
    #[inline]
    pub fn at_the_wheel(&self, from: i64, drive_s: i64, taken: Range<usize>) -> i64 {
        at_the_wheel(&self.traffic, from, drive_s, &self.rests[taken])
    }

    /// When such a drive must begin at the latest to be over by then.
    #[inline]
    pub fn leave(&self, by: i64, drive_s: i64, taken: Range<usize>) -> i64 {
        leave(&self.traffic, by, drive_s, &self.rests[taken])
    }

    /// By when the last work must be done and the engineer be where the duty ends, with so many rests taken. The
    /// others are free if they may still begin then.
    pub fn done_by(&self, taken: usize) -> i64 {
        self.rests.get(taken).map_or(self.closes, |next| next.latest.min(self.closes))
    }

    /// Whether a task fits if nothing else is there and nobody has to drive.
    pub fn has_room(&self, task: &Task, deadline: i64) -> bool {
        let most = self.rests.len();
        (0..=most).any(|before| {
            let start = task.starts.first(reach(&Traffic::EVEN, self.opens, 0, &self.rests[..before]));
            let end = start.saturating_add(task.duration_s);
            let last = |after: usize| leave(&Traffic::EVEN, self.done_by(after), 0, &self.rests[before..after]);
            end <= deadline && (before..=most).any(|after| end <= last(after))
        })
    }
}

impl Break {
    /// The time of a break that cannot be moved.
    fn as_fixed(self) -> Option<Interval> {
        let start = self.window.earliest();
        let is_fixed = start == self.window.latest();
        is_fixed.then(|| Interval::new(start, start + i64::from(self.duration_s.max(1))).ok()).flatten()
    }
}

fn end_of(shift: &Shift) -> i64 {
    shift.interval.end() + i64::from(shift.overtime_s)
}

fn capacity_s(shift: &Shift, time_off: &[Interval]) -> i64 {
    let fixed = shift.breaks.iter().filter_map(|pause| pause.as_fixed());
    let blocked = merged(fixed.chain(time_off.iter().copied()).collect());
    let overlap_s =
        |block: &Interval| (block.end().min(shift.interval.end()) - block.start().max(shift.interval.start())).max(0);
    let movable = shift.breaks.iter().filter(|pause| pause.as_fixed().is_none());
    let lost_s =
        blocked.iter().map(overlap_s).sum::<i64>() + movable.map(|pause| i64::from(pause.duration_s)).sum::<i64>();
    (shift.interval.length_s() - lost_s).max(1)
}

/// What is left of rests where somebody is booked all the same: that was decided by people, and stays.
fn without(rests: Vec<Interval>, engineer: &Engineer) -> Vec<Interval> {
    let booked = merged(engineer.commitments.iter().map(|commitment| commitment.interval).collect());
    let mut left = Vec::with_capacity(rests.len());
    for rest in rests {
        let mut from = rest.start();
        for taken in booked.iter().filter(|taken| taken.overlaps(rest)) {
            left.extend(Interval::new(from, taken.start()));
            from = taken.end();
        }
        left.extend(Interval::new(from, rest.end()));
    }
    left
}
