//! The breaks of a shift.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::words::{Period, Unacceptable};

/// A break: it begins between these two moments, wherever the engineer then is. Stored with its shift as it is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Break {
    pub earliest_start: DateTime<Utc>,
    pub latest_start: DateTime<Utc>,
    /// 1 to 240.
    pub duration_min: u32,
}

impl Break {
    /// Some breaks in the order in which they are taken, if they can all be taken within a shift.
    ///
    /// # Errors
    /// One takes no time or too much, begins outside of the shift, or cannot be taken beside the others.
    pub fn within(shift: Period, mut breaks: Vec<Self>) -> Result<Vec<Self>, Unacceptable> {
        if breaks.len() > MOST_BREAKS {
            return Err(Unacceptable::new("a shift has at most 4 breaks"));
        }
        breaks.sort_by_key(|pause| (pause.latest_start, pause.earliest_start));
        let mut free = shift.starts_at();
        for pause in &breaks {
            if !(1..=LONGEST_MIN).contains(&pause.duration_min) {
                return Err(Unacceptable::new("a break takes 1 to 240 minutes"));
            }
            if pause.earliest_start < shift.starts_at() || pause.latest_start + pause.length() > shift.ends_at() {
                return Err(Unacceptable::new("a break begins and ends within its shift"));
            }
            if pause.latest_start < pause.earliest_start.max(free) {
                return Err(Unacceptable::new("the breaks cannot all be taken, one after the other"));
            }
            free = pause.earliest_start.max(free) + pause.length();
        }
        Ok(breaks)
    }

    pub fn length(&self) -> TimeDelta {
        TimeDelta::minutes(self.duration_min.into())
    }
}

const MOST_BREAKS: usize = 4;
const LONGEST_MIN: u32 = 240;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: f64) -> DateTime<Utc> {
        DateTime::from_timestamp((hour * 3600.0) as i64, 0).unwrap()
    }

    fn pause(earliest: f64, latest: f64, duration_min: u32) -> Break {
        Break { earliest_start: at(earliest), latest_start: at(latest), duration_min }
    }

    #[test]
    fn breaks_are_kept_in_the_order_in_which_they_are_taken() {
        let shift = Period::new(at(8.0), at(16.0)).unwrap();
        let (lunch, coffee) = (pause(11.0, 13.0, 30), pause(9.0, 10.0, 15));
        assert_eq!(Break::within(shift, vec![lunch, coffee]), Ok(vec![coffee, lunch]));
        assert_eq!(Break::within(shift, vec![]), Ok(vec![]));
        assert!(Break::within(shift, vec![pause(8.0, 8.0, 30), pause(8.0, 8.5, 15)]).is_ok(), "one after the other");
    }

    #[test]
    fn breaks_that_cannot_be_taken_are_refused() {
        let shift = Period::new(at(8.0), at(16.0)).unwrap();
        for wrong in [
            vec![pause(12.0, 13.0, 0)],
            vec![pause(12.0, 13.0, 241)],
            vec![pause(7.9, 13.0, 30)],
            vec![pause(12.0, 15.6, 30)],
            vec![pause(13.0, 12.0, 30)],
            vec![pause(12.0, 12.0, 30), pause(12.0, 12.4, 30)],
            vec![pause(12.0, 13.0, 30); 5],
        ] {
            assert!(Break::within(shift, wrong.clone()).is_err(), "{wrong:?}");
        }
    }
}
