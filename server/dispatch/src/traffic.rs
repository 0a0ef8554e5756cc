//! How fast somebody gets on at which hour.
//!
//! Speed is a step function of time and a drive uses it up as it goes, as Ichoua, Gendreau and Potvin describe ("Vehicle
//! dispatching with time-dependent travel times", 2003). So who sets out later never arrives earlier, whatever the
//! steps are; and both questions that a route asks, when a drive from here is over and when it has to begin to be over by
//! then, are answered exactly by the way that could have been driven up to each step.

use thiserror::Error;

use crate::interval::{Interval, IntervalError, in_range};
use crate::rest::NEVER;

/// An engineer's speed from each of some moments on, as a share of his usual one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Traffic {
    /// In order. Without any it is the usual speed at all times.
    steps: Vec<Step>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Step {
    from: i64,
    permille: i64,
    /// How far one has come by then since the first step, in thousandths of what a second brings at the usual speed.
    way: i64,
}

/// Why some steps are no traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TrafficError {
    #[error("{0}")]
    From(IntervalError),
    #[error("the step from {from} on is not after the one from {before} on")]
    NotForward { before: i64, from: i64 },
    #[error("{permille} thousandths of the usual speed is not between 10 and 10000")]
    Speed { permille: u32 },
}

impl Traffic {
    /// The usual speed at all times.
    pub const EVEN: Traffic = Traffic { steps: Vec::new() };

    /// From each moment on so many thousandths of the usual speed, 10 to 10,000; before the first as from it on.
    ///
    /// # Errors
    /// A moment that is not after the one before it or more than about 30,000 years from 1970, or a speed out of bounds.
    pub fn new(steps: &[(i64, u32)]) -> Result<Self, TrafficError> {
        let mut made: Vec<Step> = Vec::with_capacity(steps.len());
        for &(from, permille) in steps {
            in_range(from).map_err(TrafficError::From)?;
            if !(10..=10_000).contains(&permille) {
                return Err(TrafficError::Speed { permille });
            }
            let step = Step { from, permille: i64::from(permille), way: 0 };
            match made.last() {
                Some(last) if from <= last.from => {
                    return Err(TrafficError::NotForward { before: last.from, from });
                }
                Some(last) if last.permille == step.permille => {}
                Some(last) => made.push(Step { way: last.way_at(from), ..step }),
                None => made.push(step),
            }
        }
        let is_usual = made.iter().all(|step| step.permille == USUAL);
        Ok(Self { steps: if is_usual { Vec::new() } else { made } })
    }

    /// Whether it is the usual speed at all times.
    #[inline]
    pub fn is_even(&self) -> bool {
        self.steps.is_empty()
    }

    /// The moments and the speeds from there on.
    pub fn steps(&self) -> impl Iterator<Item = (i64, u32)> {
        self.steps.iter().map(|step| (step.from, step.permille as u32))
    }

    /// The highest speed of all, in thousandths of the usual one.
    pub fn fastest_permille(&self) -> u32 {
        self.steps.iter().map(|step| step.permille).max().unwrap_or(USUAL) as u32
    }

    /// What holds during an interval; outside of it the speeds are those at its ends.
    pub(crate) fn during(&self, interval: Interval) -> Traffic {
        let first = self.steps.partition_point(|step| step.from <= interval.start()).saturating_sub(1);
        let end = self.steps.partition_point(|step| step.from < interval.end()).max(first + 1);
        let steps = self.steps.get(first..end).unwrap_or_default();
        let is_usual = steps.iter().all(|step| step.permille == USUAL);
        Traffic { steps: if is_usual { Vec::new() } else { steps.to_vec() } }
    }

    /// When somebody is there who sets out at `from` for a drive of `drive_s` seconds at the usual speed.
    #[inline]
    pub(crate) fn reach(&self, from: i64, drive_s: i64) -> i64 {
        if self.steps.is_empty() { from + drive_s } else { self.reach_by_steps(from, drive_s) }
    }

    /// The latest departure with which [`Traffic::reach`] is not after `by`.
    #[inline]
    pub(crate) fn leave(&self, by: i64, drive_s: i64) -> i64 {
        if self.steps.is_empty() { by - drive_s } else { self.leave_by_steps(by, drive_s) }
    }

    /// The way of a drive, in the measure of [`Traffic::driven`].
    #[inline]
    pub(crate) fn way_of(&self, drive_s: i64) -> i64 {
        if self.steps.is_empty() { drive_s } else { drive_s * USUAL }
    }

    /// The way that is driven between two moments.
    #[inline]
    pub(crate) fn driven(&self, from: i64, to: i64) -> i64 {
        if self.steps.is_empty() { to - from } else { self.way_at(to) - self.way_at(from) }
    }

    /// When somebody is there who sets out at `from` with so much of the way before him.
    #[inline]
    pub(crate) fn cover(&self, from: i64, way: i64) -> i64 {
        if self.steps.is_empty() {
            return from + way;
        }
        let way = self.way_at(from) + way;
        let step = self.steps[self.steps.partition_point(|step| step.way < way).saturating_sub(1)];
        let further = way - step.way;
        step.from + further.div_euclid(step.permille) + i64::from(further.rem_euclid(step.permille) > 0)
    }

    fn reach_by_steps(&self, from: i64, drive_s: i64) -> i64 {
        if is_beyond(from) || is_beyond(drive_s) { from + drive_s } else { self.cover(from, drive_s * USUAL) }
    }

    fn leave_by_steps(&self, by: i64, drive_s: i64) -> i64 {
        if is_beyond(by) || is_beyond(drive_s) {
            return by - drive_s;
        }
        let way = self.way_at(by) - drive_s * USUAL;
        let step = self.steps[self.steps.partition_point(|step| step.way <= way).saturating_sub(1)];
        step.from + (way - step.way).div_euclid(step.permille)
    }

    fn way_at(&self, at: i64) -> i64 {
        self.steps[self.steps.partition_point(|step| step.from <= at).saturating_sub(1)].way_at(at)
    }
}

impl Step {
    fn way_at(&self, at: i64) -> i64 {
        self.way + (at - self.from) * self.permille
    }
}

/// Whether a time or a drive is one of those that stand for what cannot be.
fn is_beyond(seconds: i64) -> bool {
    seconds.abs() >= NEVER
}

const USUAL: i64 = 1000;

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    fn traffic(steps: &[(i64, u32)]) -> Traffic {
        Traffic::new(steps).unwrap()
    }

    #[test]
    fn a_drive_goes_through_the_rush_hour_and_out_of_it() {
        let rush = traffic(&[(0, 1000), (100, 500), (200, 1000)]);
        assert_eq!(rush.reach(0, 50), 50);
        assert_eq!(rush.reach(80, 40), 140, "twenty before it, twenty at half the speed");
        assert_eq!(rush.reach(150, 60), 235);
        assert_eq!(rush.leave(235, 60), 150);
        assert_eq!(rush.leave(140, 40), 80);
        assert_eq!(rush.reach(NEVER, 5), NEVER + 5);
        assert_eq!(rush.leave(-NEVER, 5), -NEVER - 5);
        assert_eq!(rush.reach(0, NEVER), NEVER);
    }

    #[test]
    fn what_is_no_traffic_is_refused() {
        assert_eq!(Traffic::new(&[(5, 1000), (5, 900)]), Err(TrafficError::NotForward { before: 5, from: 5 }));
        assert_eq!(Traffic::new(&[(5, 9)]), Err(TrafficError::Speed { permille: 9 }));
        assert_eq!(Traffic::new(&[(5, 10_001)]), Err(TrafficError::Speed { permille: 10_001 }));
        assert!(matches!(Traffic::new(&[(i64::MAX, 1000)]), Err(TrafficError::From(_))));
        assert!(traffic(&[(0, 1000), (9, 1000)]).is_even() && traffic(&[]).is_even());
        assert_eq!(traffic(&[(0, 900), (9, 900), (20, 1100)]).steps.len(), 2);
    }

    #[test]
    fn what_holds_in_a_shift_is_all_that_it_asks_about() {
        let day = traffic(&[(0, 1000), (100, 500), (200, 1000), (300, 700)]);
        let shift = day.during(Interval::new(120, 300).unwrap());
        assert_eq!(shift.steps.len(), 2);
        assert_eq!((shift.reach(150, 60), shift.leave(235, 60)), (day.reach(150, 60), day.leave(235, 60)));
        assert!(day.during(Interval::new(200, 300).unwrap()).is_even());
        assert!(day.during(Interval::new(-50, 20).unwrap()).is_even());
        let slow = traffic(&[(100, 500)]);
        assert_eq!(slow.during(Interval::new(0, 50).unwrap()).reach(10, 10), 30, "before the first step as from it on");
    }

    /// With steps in so many seconds.
    pub(crate) fn any_traffic(span_s: i64) -> impl Strategy<Value = Traffic> {
        prop::collection::btree_map(0..span_s, prop_oneof![Just(1000u32), 10u32..300, 300u32..4000], 0..5)
            .prop_map(|steps| traffic(&steps.into_iter().collect::<Vec<_>>()))
    }

    /// Second by second.
    fn reach_slowly(traffic: &Traffic, from: i64, drive_s: i64) -> i64 {
        let (mut now, mut left) = (from, drive_s * USUAL);
        while left > 0 {
            let step = traffic.steps.iter().rev().find(|step| step.from <= now).or(traffic.steps.first());
            left -= step.map_or(USUAL, |step| step.permille);
            now += 1;
        }
        now
    }

    proptest! {
        #[test]
        fn a_drive_takes_what_its_seconds_bring(traffic in any_traffic(120), from in -40i64..160, drive_s in 0i64..90) {
            let reached = traffic.reach(from, drive_s);
            prop_assert_eq!(reached, reach_slowly(&traffic, from, drive_s));
            prop_assert!(traffic.reach(from + 1, drive_s) >= reached);
            prop_assert!(traffic.driven(from, reached) >= traffic.way_of(drive_s));
        }

        #[test]
        fn leave_is_the_latest_departure_in_time(traffic in any_traffic(120), by in -40i64..200, drive_s in 0i64..60) {
            let leaves = traffic.leave(by, drive_s);
            prop_assert!(traffic.reach(leaves, drive_s) <= by);
            prop_assert!(traffic.reach(leaves + 1, drive_s) > by);
        }
    }
}
