//! Stretches of time and the two questions asked of them. An instant is an `i64`: seconds since the Unix epoch, UTC.
//!
//! [`Interval`] is time that is taken or free, without its end; [`TimeWindow`] is the moments at which a visit may
//! start, with its end. Both are right by construction.

use thiserror::Error;

/// Time from `start` up to, but not including, `end`. Never empty, never backwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interval {
    start: i64,
    end: i64,
}

/// The moments at which a visit may start: from `earliest` to `latest`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeWindow {
    earliest: i64,
    latest: i64,
}

/// Why two instants make no interval or window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum IntervalError {
    #[error("ends at {end}, which is not after its start {start}")]
    NotForward { start: i64, end: i64 },
    #[error("instant {0} is outside of the years this engine calculates with")]
    OutOfRange(i64),
}

impl Interval {
    /// # Errors
    /// `end` is not after `start`, or an instant is more than about 30,000 years from 1970.
    pub fn new(start: i64, end: i64) -> Result<Self, IntervalError> {
        in_range(start)?;
        in_range(end)?;
        if end <= start { Err(IntervalError::NotForward { start, end }) } else { Ok(Self { start, end }) }
    }

    pub fn start(self) -> i64 {
        self.start
    }

    pub fn end(self) -> i64 {
        self.end
    }

    /// Length in seconds, at least 1.
    pub fn length_s(self) -> i64 {
        self.end - self.start
    }

    pub fn overlaps(self, other: Interval) -> bool {
        self.start < other.end && other.start < self.end
    }
}

impl TimeWindow {
    /// # Errors
    /// `latest` is before `earliest`, or an instant is more than about 30,000 years from 1970.
    pub fn new(earliest: i64, latest: i64) -> Result<Self, IntervalError> {
        in_range(earliest)?;
        in_range(latest)?;
        if latest < earliest {
            return Err(IntervalError::NotForward { start: earliest, end: latest });
        }
        Ok(Self { earliest, latest })
    }

    pub fn earliest(self) -> i64 {
        self.earliest
    }

    pub fn latest(self) -> i64 {
        self.latest
    }
}

/// Sorted, and joined where they overlap or touch.
pub(crate) fn merged(mut intervals: Vec<Interval>) -> Vec<Interval> {
    intervals.sort_unstable();
    let mut out: Vec<Interval> = Vec::with_capacity(intervals.len());
    for next in intervals {
        match out.last_mut() {
            Some(last) if next.start <= last.end => last.end = last.end.max(next.end),
            _ => out.push(next),
        }
    }
    out
}

/// When `drive_s` seconds of driving end that begin at `from`, if nobody drives during `blocked` (sorted, disjoint).
/// A drive of no length ends where it began, blocked or not.
pub(crate) fn advance(from: i64, drive_s: i64, blocked: &[Interval]) -> i64 {
    let (mut now, mut left) = (from, drive_s);
    if left == 0 {
        return now;
    }
    for block in blocked.iter().filter(|block| block.end > from) {
        if now < block.start {
            if now + left <= block.start {
                return now + left;
            }
            left -= block.start - now;
        }
        now = block.end;
    }
    now + left
}

/// The latest departure with which [`advance`] is not after `by`.
pub(crate) fn retreat(by: i64, drive_s: i64, blocked: &[Interval]) -> i64 {
    let (mut now, mut left) = (by, drive_s);
    if left == 0 {
        return now;
    }
    for block in blocked.iter().rev().filter(|block| block.start < by) {
        if now > block.end {
            if now - left >= block.end {
                return now - left;
            }
            left -= now - block.end;
        }
        now = block.start;
    }
    now - left
}

const FURTHEST: i64 = 1 << 40;

pub(crate) fn in_range(instant: i64) -> Result<(), IntervalError> {
    if (-FURTHEST..=FURTHEST).contains(&instant) { Ok(()) } else { Err(IntervalError::OutOfRange(instant)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn blocks() -> impl Strategy<Value = Vec<Interval>> {
        prop::collection::vec((0i64..200, 1i64..20), 0..5)
            .prop_map(|raw| merged(raw.into_iter().map(|(s, l)| Interval::new(s, s + l).unwrap()).collect()))
    }

    #[test]
    fn a_drive_waits_while_the_driver_rests() {
        let rest = [Interval::new(100, 130).unwrap()];
        assert_eq!(advance(80, 20, &rest), 100, "it may end as the rest begins");
        assert_eq!(advance(80, 21, &rest), 131);
        assert_eq!(advance(110, 5, &rest), 135);
        assert_eq!(advance(110, 0, &rest), 110);
        assert_eq!(retreat(131, 21, &rest), 80);
        assert_eq!(retreat(100, 20, &rest), 80);
    }

    #[test]
    fn backwards_intervals_are_refused() {
        assert_eq!(Interval::new(5, 5), Err(IntervalError::NotForward { start: 5, end: 5 }));
        assert!(TimeWindow::new(5, 5).is_ok());
        assert!(TimeWindow::new(5, 4).is_err());
        assert_eq!(Interval::new(0, i64::MAX), Err(IntervalError::OutOfRange(i64::MAX)));
    }

    proptest! {
        #[test]
        fn retreat_is_the_latest_departure_in_time(blocked in blocks(), by in 0i64..250, drive_s in 0i64..60) {
            let leave = retreat(by, drive_s, &blocked);
            prop_assert!(advance(leave, drive_s, &blocked) <= by);
            prop_assert!((leave + 1..leave + 40).all(|later| advance(later, drive_s, &blocked) > by));
        }

        #[test]
        fn who_leaves_later_never_arrives_earlier(blocked in blocks(), from in 0i64..250, drive_s in 0i64..60) {
            prop_assert!(advance(from, drive_s, &blocked) <= advance(from + 1, drive_s, &blocked));
            prop_assert!(advance(from, drive_s, &blocked) >= from + drive_s);
        }
    }
}
