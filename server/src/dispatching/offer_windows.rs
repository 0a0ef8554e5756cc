//! The windows about which a customer could be asked: a list, or some days with the slots of each, where the site is.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use super::offer_view::{DailySlotRequest, DaysRequest, OfferWindowRequest, OffersRequest};
use crate::planning::offers::Window;
use crate::platform::problem::{ApiResult, Problem};

/// The windows of a request, in the order of time and each once. Of the slots of a day those that are over are passed
/// over.
pub fn windows(request: &OffersRequest, zone: Tz, now: DateTime<Utc>) -> ApiResult<Vec<Window>> {
    let mut windows = match (&request.windows, &request.days) {
        (Some(_), Some(_)) => return Err(Problem::invalid("days", "name either windows or days")),
        (Some(windows), None) => listed(windows, now)?,
        (None, days) => daily(&days.clone().unwrap_or_default(), zone, now)?,
    };
    windows.sort_unstable();
    windows.dedup();
    Ok(windows)
}

/// How many are to be offered.
pub fn most(request: &OffersRequest) -> ApiResult<usize> {
    match usize::try_from(request.most.unwrap_or(USUAL)) {
        Ok(most @ 1..=MOST_WINDOWS) => Ok(most),
        _ => Err(Problem::invalid("most", format!("1 to {MOST_WINDOWS}"))),
    }
}

/// One window of a request. `field` is what it is called there.
pub fn window(request: &OfferWindowRequest, field: &str, now: DateTime<Utc>) -> ApiResult<Window> {
    let (from, to) = (request.starts_at, request.ends_at);
    if to < from + SHORTEST {
        return Err(Problem::invalid(field, "it must end at least a minute after it starts"));
    }
    if to - from > TimeDelta::days(31) {
        return Err(Problem::invalid(field, "it must not be longer than 31 days"));
    }
    if to <= now {
        return Err(Problem::invalid(field, "it is over"));
    }
    if to > now + TimeDelta::days(FURTHEST_DAYS) {
        return Err(Problem::invalid(field, format!("it must not end more than {FURTHEST_DAYS} days from now")));
    }
    Ok((from, to))
}

fn listed(requests: &[OfferWindowRequest], now: DateTime<Utc>) -> ApiResult<Vec<Window>> {
    if requests.is_empty() || requests.len() > MOST_WINDOWS {
        return Err(Problem::invalid("windows", format!("1 to {MOST_WINDOWS} windows")));
    }
    requests.iter().enumerate().map(|(number, one)| window(one, &format!("windows[{number}]"), now)).collect()
}

fn daily(request: &DaysRequest, zone: Tz, now: DateTime<Utc>) -> ApiResult<Vec<Window>> {
    let today = now.with_timezone(&zone).date_naive();
    let first = request.from.unwrap_or(today);
    if first < today || first > today + Days::new(FURTHEST_DAYS.unsigned_abs()) {
        return Err(Problem::invalid("days.from", format!("a day from today to {FURTHEST_DAYS} days from now")));
    }
    let count = match u64::try_from(request.count.unwrap_or(USUAL_DAYS)) {
        Ok(count @ 1..=31) => count,
        _ => return Err(Problem::invalid("days.count", "1 to 31 days")),
    };
    let slots = slots(request.slots.as_deref())?;
    if slots.len() as u64 * count > MOST_WINDOWS as u64 {
        return Err(Problem::invalid("days", format!("at most {MOST_WINDOWS} slots in all")));
    }
    let days = (0..count).filter_map(|day| first.checked_add_days(Days::new(day)));
    let all = days.flat_map(|day| slots.iter().filter_map(move |(from, to)| slot(day, *from, *to, zone)));
    Ok(all.filter(|(_, to)| *to > now).collect())
}

fn slots(request: Option<&[DailySlotRequest]>) -> ApiResult<Vec<(NaiveTime, NaiveTime)>> {
    let time = |text: &str, field: String| {
        NaiveTime::parse_from_str(text, "%H:%M")
            .map_err(|_| Problem::invalid(&field, "it must be a time such as 08:00"))
    };
    let Some(request) = request else {
        let hour = |hour| NaiveTime::from_hms_opt(hour, 0, 0).unwrap_or_default();
        return Ok(USUAL_SLOTS.iter().map(|(from, to)| (hour(*from), hour(*to))).collect());
    };
    if request.is_empty() {
        return Err(Problem::invalid("days.slots", "name at least one, or leave it out"));
    }
    let parsed = request.iter().enumerate().map(|(number, slot)| {
        let field = |side| format!("days.slots[{number}].{side}");
        let (from, to) = (time(&slot.from, field("from"))?, time(&slot.to, field("to"))?);
        if from < to { Ok((from, to)) } else { Err(Problem::invalid(&field("to"), "it must be later than `from`")) }
    });
    parsed.collect()
}

/// A slot of a day where clocks show these times; none where so much of it is skipped that nothing is left.
fn slot(day: NaiveDate, from: NaiveTime, to: NaiveTime, zone: Tz) -> Option<Window> {
    let instant = |time| {
        let local = day.and_time(time);
        // What clocks skip begins when they go on.
        let shown = (0..=3).find_map(|hour| zone.from_local_datetime(&(local + TimeDelta::hours(hour))).earliest());
        shown.map(|at| at.to_utc())
    };
    let (from, to) = (instant(from)?, instant(to)?);
    (from < to).then_some((from, to))
}

const USUAL: i64 = 5;
const USUAL_DAYS: i64 = 7;
const USUAL_SLOTS: [(u32, u32); 4] = [(8, 10), (10, 12), (13, 15), (15, 17)];
/// Each is a question to every engineer.
const MOST_WINDOWS: usize = 100;
const FURTHEST_DAYS: i64 = 92;
const SHORTEST: TimeDelta = TimeDelta::minutes(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn days(from: &str, count: i64, slots: &[(&str, &str)]) -> OffersRequest {
        let slot = |(from, to): &(&str, &str)| DailySlotRequest { from: (*from).into(), to: (*to).into() };
        let slots = (!slots.is_empty()).then(|| slots.iter().map(slot).collect());
        let days = DaysRequest { from: Some(from.parse().unwrap()), count: Some(count), slots };
        OffersRequest { days: Some(days), ..OffersRequest::default() }
    }

    #[test]
    fn the_slots_of_a_day_are_local_and_what_is_over_is_left_out() {
        let now = at("2026-03-02T01:30:00Z");
        let found = windows(&days("2026-03-02", 1, &[]), Tz::Asia__Shanghai, now).unwrap();
        let first = (at("2026-03-02T00:00:00Z"), at("2026-03-02T02:00:00Z"));
        assert_eq!((found.len(), found[0]), (4, first), "the one that runs is there");
        let later = windows(&days("2026-03-02", 1, &[]), Tz::Asia__Shanghai, at("2026-03-02T02:00:00Z")).unwrap();
        assert_eq!(later.len(), 3);
    }

    #[test]
    fn where_clocks_go_forward_a_slot_is_shorter_or_none() {
        let now = at("2026-03-07T12:00:00Z");
        let asked = days("2026-03-08", 1, &[("01:30", "02:30"), ("02:00", "03:00")]);
        let found = windows(&asked, Tz::America__New_York, now).unwrap();
        assert_eq!(found, [(at("2026-03-08T06:30:00Z"), at("2026-03-08T07:30:00Z"))]);
    }

    #[test]
    fn what_makes_no_sense_names_its_field() {
        let now = at("2026-03-02T00:00:00Z");
        let one = |from: &str, to: &str| OfferWindowRequest { starts_at: at(from), ends_at: at(to) };
        let listed = |windows| OffersRequest { windows: Some(windows), ..OffersRequest::default() };
        let good = one("2026-03-03T08:00:00Z", "2026-03-03T10:00:00Z");
        let backwards = one("2026-03-03T08:00:00Z", "2026-03-03T07:00:00Z");
        let over = one("2026-03-01T08:00:00Z", "2026-03-01T10:00:00Z");
        let far = one("2026-03-03T08:00:00Z", "2027-03-03T10:00:00Z");
        let wrong = [
            (listed(vec![]), "windows"),
            (listed(vec![good.clone(); 101]), "windows"),
            (listed(vec![good.clone(), backwards]), "windows[1]"),
            (listed(vec![over]), "windows[0]"),
            (listed(vec![far]), "windows[0]"),
            (days("2026-03-01", 1, &[]), "days.from"),
            (days("2026-03-02", 0, &[]), "days.count"),
            (days("2026-03-02", 26, &[]), "days"),
            (days("2026-03-02", 1, &[("8", "9")]), "days.slots[0].from"),
            (days("2026-03-02", 1, &[("09:00", "09:00")]), "days.slots[0].to"),
        ];
        for (request, field) in wrong {
            let problem = format!("{:?}", windows(&request, Tz::UTC, now).unwrap_err());
            assert!(problem.contains("invalid-field"), "{field}: {problem}");
        }
        assert_eq!(windows(&listed(vec![good.clone(), good]), Tz::UTC, now).unwrap().len(), 1);
        assert!(most(&OffersRequest { most: Some(0), ..OffersRequest::default() }).is_err());
    }
}
