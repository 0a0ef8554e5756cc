//! The engine counts whole seconds since 1970, the database microseconds, the documents milliseconds.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use sync_core::time::{ServerTime, TimeWindow};

use super::PlanningError;

/// The first whole second that is not before this.
pub fn seconds_from(at: DateTime<Utc>) -> i64 {
    at.timestamp() + i64::from(at.timestamp_subsec_nanos() > 0)
}

/// The last whole second that is not after this.
pub fn seconds_until(at: DateTime<Utc>) -> i64 {
    at.timestamp()
}

/// A moment of the engine's.
pub fn moment(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap_or_default()
}

/// When the last day on which something holds has ended, where it is to hold.
pub fn end_of(last_day: NaiveDate, zone: Tz) -> DateTime<Utc> {
    let midnight = last_day.succ_opt().unwrap_or(last_day).and_time(chrono::NaiveTime::MIN);
    // Where clocks go forward at midnight the day begins an hour later.
    let begins = (0..=3).find_map(|hour| (midnight + TimeDelta::hours(hour)).and_local_timezone(zone).earliest());
    begins.map_or(midnight.and_utc(), |at| at.to_utc())
}

/// A planned start and end as the ledger takes it.
pub fn slot(start: DateTime<Utc>, end: DateTime<Utc>) -> Result<TimeWindow, PlanningError> {
    let milliseconds = |at: DateTime<Utc>| ServerTime(at.timestamp_millis());
    TimeWindow::new(milliseconds(start), milliseconds(end)).map_err(|_| PlanningError::Corrupt("a slot runs backwards"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_holds_until_the_day_ends_where_the_work_is() {
        let last_day = NaiveDate::from_ymd_opt(2026, 3, 5).unwrap();
        let ends = |zone: Tz| end_of(last_day, zone).to_rfc3339();
        assert_eq!(ends(Tz::UTC), "2026-03-06T00:00:00+00:00");
        assert_eq!(ends(Tz::Asia__Shanghai), "2026-03-05T16:00:00+00:00");
        // There was no midnight in Havana on 8 March 2026.
        let before_the_gap = NaiveDate::from_ymd_opt(2026, 3, 7).unwrap();
        assert_eq!(end_of(before_the_gap, Tz::America__Havana).to_rfc3339(), "2026-03-08T05:00:00+00:00");
    }

    #[test]
    fn seconds_are_rounded_so_that_nothing_begins_too_early() {
        let at = DateTime::from_timestamp(10, 1).unwrap();
        assert_eq!((seconds_from(at), seconds_until(at)), (11, 10));
        assert_eq!(seconds_from(moment(10)), 10);
    }
}
