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

    /// The same window, open at least until then.
    pub(crate) fn until(self, latest: i64) -> Self {
        Self { latest: latest.max(self.latest), ..self }
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

const FURTHEST: i64 = 1 << 40;

pub(crate) fn in_range(instant: i64) -> Result<(), IntervalError> {
    if (-FURTHEST..=FURTHEST).contains(&instant) { Ok(()) } else { Err(IntervalError::OutOfRange(instant)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn backwards_intervals_are_refused() {
        assert_eq!(Interval::new(5, 5), Err(IntervalError::NotForward { start: 5, end: 5 }));
        assert!(TimeWindow::new(5, 5).is_ok());
        assert!(TimeWindow::new(5, 4).is_err());
        assert_eq!(Interval::new(0, i64::MAX), Err(IntervalError::OutOfRange(i64::MAX)));
    }

    proptest! {
        #[test]
        fn merging_keeps_every_moment(raw in prop::collection::vec((0i64..100, 1i64..20), 0..6)) {
            let parts: Vec<Interval> = raw.into_iter().map(|(s, l)| Interval::new(s, s + l).unwrap()).collect();
            let whole = merged(parts.clone());
            let holds = |list: &[Interval], at: i64| list.iter().any(|part| part.start <= at && at < part.end);
            prop_assert!((0..130).all(|at| holds(&parts, at) == holds(&whole, at)));
            prop_assert!(whole.windows(2).all(|pair| pair[0].end < pair[1].start));
        }
    }
}
