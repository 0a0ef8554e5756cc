//! Rests: breaks and time off, during which nobody works or drives, and what they do to a drive.
//!
//! A rest begins within a window of its own, so where exactly it lies is decided anew whenever a route changes. The
//! rests of a duty are taken in their order. What a route has to know is only how many of them are behind it: with one
//! break that doubles the work of a test, and it stays exact.
//!
//! A rest is taken as early as it may be. At an even speed nothing is better; where the hours differ somebody might do
//! better who rests through the rush hour, and the plan does not count on that.

use crate::traffic::Traffic;

/// Time during which an engineer neither works nor drives. Time off is a rest whose window is one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Rest {
    /// The window in which it begins, both included.
    pub earliest: i64,
    pub latest: i64,
    pub length_s: i64,
}

/// Later than anything: cannot be reached.
pub(crate) const NEVER: i64 = i64::MAX / 4;
/// Earlier than anything: would have to have been left.
pub(crate) const TOO_LATE: i64 = -NEVER;

/// When somebody is at the end of a drive who sets out at `from` and takes all of `rests` on the way or on either end
/// of it; [`NEVER`] if one of them can no longer begin in time.
///
/// At an even speed, resting as early as allowed is never worse: what follows may only begin later by waiting.
#[inline]
pub(crate) fn reach(traffic: &Traffic, from: i64, drive_s: i64, rests: &[Rest]) -> i64 {
    if rests.is_empty() {
        return traffic.reach(from, drive_s);
    }
    if drive_s >= NEVER {
        return NEVER;
    }
    let (mut now, mut left) = (from, traffic.way_of(drive_s));
    for rest in rests {
        let begin = now.max(rest.earliest);
        if begin > rest.latest {
            return NEVER;
        }
        left = (left - traffic.driven(now, begin)).max(0);
        now = begin + rest.length_s;
    }
    traffic.cover(now, left)
}

/// How long somebody is at the wheel who drives as [`reach`] says.
#[inline]
pub(crate) fn at_the_wheel(traffic: &Traffic, from: i64, drive_s: i64, rests: &[Rest]) -> i64 {
    if traffic.is_even() {
        return drive_s;
    }
    let (mut now, mut left, mut driven_s) = (from, traffic.way_of(drive_s), 0);
    for rest in rests {
        let begin = now.max(rest.earliest);
        driven_s += begin.min(traffic.cover(now, left)) - now;
        left = (left - traffic.driven(now, begin)).max(0);
        now = begin + rest.length_s;
    }
    driven_s + traffic.cover(now, left) - now
}

/// The latest departure with which [`reach`] is not after `by`; [`TOO_LATE`] if there is none.
pub(crate) fn leave(traffic: &Traffic, by: i64, drive_s: i64, rests: &[Rest]) -> i64 {
    match rests {
        [] => traffic.leave(by, drive_s),
        _ if traffic.is_even() => leave_evenly(by, drive_s, rests),
        _ if by <= TOO_LATE || drive_s >= NEVER => TOO_LATE,
        [first, ..] => {
            // Who is there before the first rest may begin has rested as soon as anybody can.
            let (mut in_time, mut too_late) =
                (traffic.leave(by.min(first.earliest), drive_s), by.min(first.latest) + 1);
            let is_in_time = |from: i64| reach(traffic, from, drive_s, rests) <= by;
            if !is_in_time(in_time) {
                return TOO_LATE;
            }
            while too_late - in_time > 1 {
                let between = in_time + (too_late - in_time) / 2;
                if is_in_time(between) {
                    in_time = between;
                } else {
                    too_late = between;
                }
            }
            in_time
        }
    }
}

fn leave_evenly(by: i64, drive_s: i64, rests: &[Rest]) -> i64 {
    let (mut now, mut left) = (by, drive_s);
    for rest in rests.iter().rev() {
        let begin = rest.latest.min(now - rest.length_s);
        if begin < rest.earliest {
            return TOO_LATE;
        }
        left = (left - (now - begin - rest.length_s)).max(0);
        now = begin;
    }
    now - left
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::tests::any_traffic;
    use proptest::prelude::*;

    fn rest(earliest: i64, latest: i64, length_s: i64) -> Rest {
        Rest { earliest, latest, length_s }
    }

    #[test]
    fn a_drive_goes_on_after_a_rest() {
        let noon = [rest(100, 100, 30)];
        let reach = |from, drive_s, rests: &[Rest]| reach(&Traffic::EVEN, from, drive_s, rests);
        let leave = |by, drive_s, rests: &[Rest]| leave(&Traffic::EVEN, by, drive_s, rests);
        assert_eq!(reach(80, 20, &noon), 130, "the rest is taken where the drive ends");
        assert_eq!(reach(80, 21, &noon), 131);
        assert_eq!(reach(101, 5, &noon), NEVER, "it can no longer be taken");
        assert_eq!(leave(131, 21, &noon), 80);
        assert_eq!(leave(130, 5, &noon), 95);
        assert_eq!(leave(129, 5, &noon), TOO_LATE);
        assert_eq!(reach(90, 5, &[rest(60, 200, 30)]), 125, "nobody waits for a rest that may begin");
    }

    /// Every moment one by one: drive, or begin a rest, or wait.
    fn reach_slowly(from: i64, drive_s: i64, rests: &[Rest]) -> i64 {
        let Some((first, others)) = rests.split_first() else { return from + drive_s };
        let begins = first.earliest.max(from)..=first.latest;
        let after = |begin: i64| reach_slowly(begin + first.length_s, (drive_s - (begin - from)).max(0), others);
        begins.map(after).min().unwrap_or(NEVER)
    }

    fn any_rests() -> impl Strategy<Value = Vec<Rest>> {
        prop::collection::vec((0i64..60, 0i64..25, 1i64..15), 0..4).prop_map(|raw| {
            let mut rests: Vec<Rest> = raw.into_iter().map(|(e, wide, length_s)| rest(e, e + wide, length_s)).collect();
            rests.sort_by_key(|rest| (rest.latest, rest.earliest));
            rests
        })
    }

    fn any_hours() -> impl Strategy<Value = (Traffic, Vec<Rest>)> {
        (prop_oneof![Just(Traffic::EVEN), any_traffic(120)], any_rests())
    }

    /// Second by second, with each rest as soon as it may be: when it is over, and how many seconds were driven.
    fn follow(traffic: &Traffic, from: i64, drive_s: i64, rests: &[Rest]) -> (i64, i64) {
        let (mut now, mut left, mut rests) = (from, traffic.way_of(drive_s), rests.iter().peekable());
        let mut driven_s = 0;
        while left > 0 || rests.peek().is_some() {
            match rests.next_if(|rest| now >= rest.earliest) {
                Some(rest) if now > rest.latest => return (NEVER, driven_s),
                Some(rest) => now += rest.length_s,
                None => {
                    driven_s += i64::from(left > 0);
                    left -= traffic.driven(now, now + 1);
                    now += 1;
                }
            }
        }
        (now, driven_s)
    }

    proptest! {
        #[test]
        fn resting_as_early_as_allowed_is_best(rests in any_rests(), from in 0i64..80, drive_s in 0i64..40) {
            let found = reach(&Traffic::EVEN, from, drive_s, &rests);
            prop_assert_eq!(found, reach_slowly(from, drive_s, &rests).min(NEVER));
        }

        #[test]
        fn leave_is_the_latest_departure_in_time(
            (traffic, rests) in any_hours(), by in 0i64..140, drive_s in 0i64..40,
        ) {
            let slowest = traffic.leave(0, drive_s);
            let last = (slowest.min(-60)..=by).rev().find(|from| reach(&traffic, *from, drive_s, &rests) <= by);
            prop_assert_eq!(leave(&traffic, by, drive_s, &rests), last.unwrap_or(TOO_LATE));
        }

        #[test]
        fn who_leaves_later_never_arrives_earlier(
            (traffic, rests) in any_hours(), from in 0i64..80, drive_s in 0i64..40,
        ) {
            prop_assert!(reach(&traffic, from, drive_s, &rests) <= reach(&traffic, from + 1, drive_s, &rests));
        }

        #[test]
        fn a_rest_in_the_rush_hour_is_driven_around_second_by_second(
            (traffic, rests) in any_hours(), from in 0i64..80, drive_s in 0i64..40,
        ) {
            let (reached, driven_s) = follow(&traffic, from, drive_s, &rests);
            prop_assert_eq!(reach(&traffic, from, drive_s, &rests), reached);
            if reached < NEVER {
                prop_assert_eq!(at_the_wheel(&traffic, from, drive_s, &rests), driven_s);
            }
        }
    }
}
