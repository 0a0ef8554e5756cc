//! Times as a foreign system writes them: local, in one of a few formats, perhaps to be moved by whole days.
//!
//! **The rule for the two strange hours of the year.** A local time that happens twice (the clock goes back) means the
//! first of the two. One that never happens (the clock goes forward) means the same distance after the jump: where 02:00
//! is followed by 03:00, 02:30 is taken as 03:30. Both are what a clock that was not touched in that night would mean.

use chrono::format::{Item, Parsed, StrftimeItems, parse};
use chrono::{
    DateTime, Datelike, Days, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeDelta, TimeZone, Utc,
};
use chrono_tz::Tz;

use crate::directory::Unacceptable;

/// One way of writing a time, in the notation of strftime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeFormat(String);

impl TimeFormat {
    /// A format that gives at least a year, a month and a day. A missing time of day is midnight.
    pub fn new(format: &str) -> Result<Self, Unacceptable> {
        if StrftimeItems::new(format).any(|item| item == Item::Error) {
            return Err(Unacceptable::new("it is not a date format such as %m/%d/%Y %I:%M:%S %p"));
        }
        let sample = NaiveDate::from_ymd_opt(2024, 2, 29).unwrap_or_default().and_time(NaiveTime::MIN).and_utc();
        let is_complete =
            read(&sample.format(format).to_string(), format, Tz::UTC).is_some_and(|read| read == sample.naive_utc());
        if !is_complete {
            return Err(Unacceptable::new("a date format must give year, month and day"));
        }
        Ok(Self(format.to_owned()))
    }
}

/// How the times of a file are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalClock {
    pub zone: Tz,
    /// Tried in this order.
    pub formats: Vec<TimeFormat>,
}

impl LocalClock {
    /// The local time that this text says. A time with an offset of its own is brought into the file's zone.
    pub fn read(&self, text: &str) -> Result<NaiveDateTime, Unacceptable> {
        let found = self.formats.iter().find_map(|format| read(text, &format.0, self.zone));
        let local = found.ok_or_else(|| Unacceptable::new("it is not a time in any of the mapping's formats"))?;
        if !(1900..=2200).contains(&local.year()) {
            return Err(Unacceptable::new("its year is not between 1900 and 2200"));
        }
        Ok(local)
    }

    /// The instant at which clocks there show this time, so many calendar days later: what happened at 14:00 stays at
    /// 14:00 although the clocks were changed in between.
    pub fn instant(&self, local: NaiveDateTime, shift_days: i64) -> DateTime<Utc> {
        let days = Days::new(shift_days.unsigned_abs());
        let moved = if shift_days < 0 { local.checked_sub_days(days) } else { local.checked_add_days(days) };
        resolve(self.zone, moved.unwrap_or(local))
    }
}

fn read(text: &str, format: &str, zone: Tz) -> Option<NaiveDateTime> {
    let mut parsed = Parsed::new();
    parse(&mut parsed, text, StrftimeItems::new(format)).ok()?;
    if parsed.offset().is_some() {
        return Some(parsed.to_datetime().ok()?.with_timezone(&zone).naive_local());
    }
    let date = parsed.to_naive_date().ok()?;
    let has_time = parsed.hour_mod_12().is_some() || parsed.hour_div_12().is_some();
    let time = if has_time { parsed.to_naive_time().ok()? } else { NaiveTime::MIN };
    Some(date.and_time(time))
}

fn resolve(zone: Tz, local: NaiveDateTime) -> DateTime<Utc> {
    match zone.from_local_datetime(&local) {
        LocalResult::Single(instant) | LocalResult::Ambiguous(instant, _) => instant.to_utc(),
        LocalResult::None => {
            // The longest jump on record skipped a whole day (Samoa, 2011); its offset before is what the clock meant.
            let before =
                (1..=30).find_map(|hours| zone.from_local_datetime(&(local - TimeDelta::hours(hours))).latest());
            let offset = before.map_or(0, |before| before.offset().fix().local_minus_utc());
            (local - TimeDelta::seconds(offset.into())).and_utc()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(zone: &str, formats: &[&str]) -> LocalClock {
        LocalClock {
            zone: zone.parse().unwrap(),
            formats: formats.iter().map(|f| TimeFormat::new(f).unwrap()).collect(),
        }
    }

    fn instant(clock: &LocalClock, text: &str, shift_days: i64) -> String {
        clock.instant(clock.read(text).unwrap(), shift_days).to_rfc3339()
    }

    #[test]
    fn a_time_is_local_to_the_file() {
        let new_york = clock("America/New_York", &["%m/%d/%Y %I:%M:%S %p"]);
        assert_eq!(instant(&new_york, "03/01/2011 02:27:57 PM", 0), "2011-03-01T19:27:57+00:00");
        assert_eq!(instant(&new_york, "03/01/2011 12:00:00 AM", 0), "2011-03-01T05:00:00+00:00");
    }

    #[test]
    fn the_hour_that_happens_twice_is_the_first_and_the_hour_that_never_happens_is_after_the_jump() {
        let new_york = clock("America/New_York", &["%Y-%m-%d %H:%M"]);
        assert_eq!(instant(&new_york, "2011-11-06 01:30", 0), "2011-11-06T05:30:00+00:00");
        assert_eq!(instant(&new_york, "2011-03-13 02:30", 0), "2011-03-13T07:30:00+00:00");
        let apia = clock("Pacific/Apia", &["%Y-%m-%d %H:%M"]);
        assert_eq!(instant(&apia, "2011-12-30 12:00", 0), "2011-12-30T22:00:00+00:00");
    }

    #[test]
    fn moving_keeps_the_time_of_day() {
        let new_york = clock("America/New_York", &["%Y-%m-%d %H:%M"]);
        assert_eq!(instant(&new_york, "2011-03-12 14:00", 1), "2011-03-13T18:00:00+00:00");
        assert_eq!(instant(&new_york, "2011-03-14 14:00", -2), "2011-03-12T19:00:00+00:00");
        assert_eq!(instant(&new_york, "2011-03-12 02:30", 1), "2011-03-13T07:30:00+00:00");
    }

    #[test]
    fn formats_are_tried_in_order_and_may_lack_the_time_or_bring_an_offset() {
        let berlin = clock("Europe/Berlin", &["%Y-%m-%d", "%d.%m.%Y %H:%M", "%Y-%m-%dT%H:%M:%S%:z"]);
        assert_eq!(instant(&berlin, "2026-01-02", 0), "2026-01-01T23:00:00+00:00");
        assert_eq!(instant(&berlin, "02.01.2026 08:00", 0), "2026-01-02T07:00:00+00:00");
        assert_eq!(instant(&berlin, "2026-01-02T08:00:00+08:00", 0), "2026-01-02T00:00:00+00:00");
    }

    #[test]
    fn what_is_no_time_is_refused() {
        let clock = clock("UTC", &["%Y-%m-%d"]);
        for bad in ["", "2026-02-30", "yesterday", "2026-01-01 extra", "0001-01-01", "9999-01-01"] {
            assert!(clock.read(bad).is_err(), "{bad:?}");
        }
        for bad in ["", "%", "%H:%M", "%Y", "%Y-%Q", "%m/%d"] {
            assert!(TimeFormat::new(bad).is_err(), "{bad:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn every_local_time_is_some_instant(seconds in -2_000_000_000_i64..6_000_000_000, shift in -100_000_i64..100_000) {
            for zone in ["America/New_York", "Pacific/Apia", "Asia/Tehran", "Africa/Monrovia"] {
                let clock = LocalClock { zone: zone.parse().unwrap(), formats: Vec::new() };
                clock.instant(DateTime::from_timestamp(seconds, 0).unwrap().naive_utc(), shift);
            }
        }
    }
}
