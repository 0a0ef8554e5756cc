//! Rests: breaks and time off, during which nobody works or drives, and what they do to a drive.
//!
//! A rest begins within a window of its own, so where exactly it lies is decided anew whenever a route changes. The
//! rests of a duty are taken in their order. What a route has to know is only how many of them are behind it: with one
//! break that doubles the work of a test, and it stays exact.

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
/// Resting as early as allowed is never worse: what follows may only begin later by waiting.
pub(crate) fn reach(from: i64, drive_s: i64, rests: &[Rest]) -> i64 {
    let (mut now, mut left) = (from, drive_s);
    for rest in rests {
        let begin = now.max(rest.earliest);
        if begin > rest.latest {
            return NEVER;
        }
        left = (left - (begin - now)).max(0);
        now = begin + rest.length_s;
    }
    now + left
}

/// The latest departure with which [`reach`] is not after `by`; [`TOO_LATE`] if there is none.
pub(crate) fn leave(by: i64, drive_s: i64, rests: &[Rest]) -> i64 {
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
    use proptest::prelude::*;

    fn rest(earliest: i64, latest: i64, length_s: i64) -> Rest {
        Rest { earliest, latest, length_s }
    }

    #[test]
    fn a_drive_goes_on_after_a_rest() {
        let noon = [rest(100, 100, 30)];
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

    proptest! {
        #[test]
        fn resting_as_early_as_allowed_is_best(rests in any_rests(), from in 0i64..80, drive_s in 0i64..40) {
            prop_assert_eq!(reach(from, drive_s, &rests), reach_slowly(from, drive_s, &rests).min(NEVER));
        }

        #[test]
        fn leave_is_the_latest_departure_in_time(rests in any_rests(), by in 0i64..140, drive_s in 0i64..40) {
            let last = (-60..=by).rev().find(|from| reach(*from, drive_s, &rests) <= by);
            prop_assert_eq!(leave(by, drive_s, &rests), last.unwrap_or(TOO_LATE));
        }

        #[test]
        fn who_leaves_later_never_arrives_earlier(rests in any_rests(), from in 0i64..80, drive_s in 0i64..40) {
            prop_assert!(reach(from, drive_s, &rests) <= reach(from + 1, drive_s, &rests));
        }
    }
}
