//! How fast engineers get on, by area and hour of the week: data of a tenant, for drives that nobody measures.
//!
//! An engineer's usual speed is the one that brings him as far in his hours, where he sets out, as the hours of the
//! profile would: slow ones and fast ones in the shares in which he works in them. How fast it goes in each hour is told
//! as a share of that, so that arrivals are right by the hour and a detour costs the same whenever it is driven. For one
//! visit it is the area of the site that counts, and the usual speed, where the visit has a window, that of the hour
//! before it and of the window. What stays an approximation: whoever drives from one area into another goes all the way
//! at the speed of the first.

use std::collections::{BTreeMap, HashMap};

use callout_dispatch::{Engineer, Interval, Place, Traffic, Visit};
use chrono::{DateTime, Datelike, Timelike, Utc};
use chrono_tz::Tz;
use h3o::{CellIndex, Resolution};
use serde::{Deserialize, Serialize};

use crate::planning::Terms;

/// What a tenant says of its roads.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    pub version: i64,
    pub zone: Tz,
    pub rules: Vec<Rule>,
}

/// How fast it goes in an area at some hours of the week.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// A cell of H3; everywhere without one. Of two that hold somewhere the finer counts, then the first in the list.
    #[serde(with = "cell")]
    pub area: Option<CellIndex>,
    /// Monday is the first.
    pub days: [bool; 7],
    /// In quarters of an hour since midnight, the first in it and the first after it.
    pub from: u8,
    pub to: u8,
    /// How much longer roads are than the straight line, and how fast one drives; as the terms say where left out.
    pub detour: Option<f64>,
    pub speed_kmh: Option<f64>,
}

/// What a pace depends on: many engineers have the same.
#[derive(PartialEq, Eq, Hash)]
struct Circumstances {
    areas: Vec<CellIndex>,
    /// The bits of the speed that is entered.
    entered: Option<u64>,
    /// Of which the usual speed is the mean.
    hours: Vec<Interval>,
    shifts: Vec<Interval>,
}

impl Profile {
    /// The finest and the coarsest area that a rule may be about: from a quarter of a town to half a country.
    pub const FINEST: Resolution = Resolution::Seven;
    pub const COARSEST: Resolution = Resolution::Two;
    /// How many rules there may be.
    pub const MOST_RULES: usize = 500;

    /// Gives each engineer his speed, and how it differs by the hour; `entered` says which of them have one of their own,
    /// in km/h.
    pub fn set_paces(&self, engineers: &mut [Engineer], entered: &[Option<f64>], visits: &[Visit], terms: &Terms) {
        let about = match visits {
            [visit] => Some(visit),
            _ => None,
        };
        let window = about.and_then(|visit| visit.windows.first()).and_then(|window| {
            Interval::new(window.earliest() - HOUR_S, window.latest().max(window.earliest() + 1)).ok()
        });
        let mut known: HashMap<Circumstances, (f64, Traffic)> = HashMap::new();
        for (engineer, entered) in engineers.iter_mut().zip(entered) {
            let areas = self.areas(about.map_or(engineer.home, |visit| visit.place));
            let shifts: Vec<Interval> = engineer.shifts.iter().map(|shift| shift.interval).collect();
            let hours = window.map_or_else(|| shifts.clone(), |window| vec![window]);
            let circumstances = Circumstances { areas, entered: entered.map(f64::to_bits), hours, shifts };
            let pace = known.entry(circumstances).or_insert_with_key(|of| self.pace(of, *entered, terms));
            (engineer.speed_mps, engineer.traffic) = pace.clone();
        }
    }

    /// The usual speed, which gets one as far in the hours, with the detour of the terms, as the rules do; and how fast
    /// it goes when in the shifts.
    fn pace(&self, of: &Circumstances, entered: Option<f64>, terms: &Terms) -> (f64, Traffic) {
        let speed_kmh = |at: i64| {
            let rule = self.rule(&of.areas, at);
            let speed_kmh = entered.or(rule.and_then(|rule| rule.speed_kmh)).unwrap_or(terms.speed_kmh);
            speed_kmh * terms.detour / rule.and_then(|rule| rule.detour).unwrap_or(terms.detour)
        };
        let (mut seconds, mut way) = (0, 0.0);
        for (at, length_s) in of.hours.iter().flat_map(|interval| quarters(*interval)).take(MOST_QUARTERS) {
            way += speed_kmh(at) * length_s as f64;
            seconds += length_s;
        }
        let mean_kmh = if seconds == 0 { entered.unwrap_or(terms.speed_kmh) } else { way / seconds as f64 };
        // In quarters of a kilometre an hour: the engine works out a square of drives for each speed it meets.
        let usual_kmh = ((mean_kmh / STEP_KMH).round() * STEP_KMH).clamp(2.0, 360.0);
        let quarters = of.shifts.iter().flat_map(|shift| quarters(*shift)).take(MOST_QUARTERS);
        let permille = |at: i64| match speed_kmh(at) {
            // As near as it is rounded.
            usual if (usual - usual_kmh).abs() <= STEP_KMH / 2.0 => 1000,
            speed_kmh => (speed_kmh / usual_kmh * 1000.0).round().clamp(10.0, 10_000.0) as u32,
        };
        let steps: BTreeMap<i64, u32> = quarters.map(|(at, _)| (at, permille(at))).collect();
        // In order and within bounds, as it is built here.
        let traffic = Traffic::new(&steps.into_iter().collect::<Vec<_>>()).unwrap_or_default();
        (usual_kmh / 3.6, traffic)
    }

    /// Which areas of the rules a place is in, the finest first.
    fn areas(&self, place: Place) -> Vec<CellIndex> {
        let mut areas: Vec<CellIndex> = self.rules.iter().filter_map(|rule| rule.area).collect();
        areas.sort_by_key(|area| (std::cmp::Reverse(area.resolution()), *area));
        areas.dedup();
        areas.retain(|area| place.cell(area.resolution()) == *area);
        areas
    }

    fn rule(&self, areas: &[CellIndex], at: i64) -> Option<&Rule> {
        let local = DateTime::<Utc>::from_timestamp(at, 0)?.with_timezone(&self.zone);
        let day = local.weekday().num_days_from_monday() as usize;
        let quarter = (local.hour() * 4 + local.minute() / 15) as u8;
        let mut areas = areas.iter().copied().map(Some).chain([None]);
        areas.find_map(|area| self.rules.iter().find(|rule| rule.area == area && rule.holds(day, quarter)))
    }
}

impl Rule {
    fn holds(&self, day: usize, quarter: u8) -> bool {
        self.days[day] && (self.from..self.to).contains(&quarter)
    }
}

/// An interval cut at the quarters of the hour: where each piece begins, and its length in seconds. Time zones differ by
/// whole quarters.
fn quarters(interval: Interval) -> impl Iterator<Item = (i64, i64)> {
    let next = |at: i64| at.div_euclid(QUARTER_S) * QUARTER_S + QUARTER_S;
    let begins = std::iter::successors(Some(interval.start()), move |at| Some(next(*at)));
    begins.take_while(move |at| *at < interval.end()).map(move |at| (at, next(at).min(interval.end()) - at))
}

/// A cell as people write it.
mod cell {
    use h3o::CellIndex;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

    pub fn serialize<S: Serializer>(cell: &Option<CellIndex>, serializer: S) -> Result<S::Ok, S::Error> {
        cell.map(|cell| cell.to_string()).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<CellIndex>, D::Error> {
        let cell = Option::<String>::deserialize(deserializer)?;
        cell.map(|cell| cell.parse().map_err(de::Error::custom)).transpose()
    }
}

const HOUR_S: i64 = 3_600;
const QUARTER_S: i64 = 900;
const STEP_KMH: f64 = 0.25;
/// A month and more of working days.
const MOST_QUARTERS: usize = 3_000;

#[cfg(test)]
mod tests {
    use callout_dispatch::{Shift, TimeWindow};

    use super::*;

    /// Monday, 5 January 2026, midnight UTC.
    const MONDAY: i64 = 1_767_571_200;
    const ALWAYS: [bool; 7] = [true; 7];

    fn at(hour: i64) -> i64 {
        MONDAY + hour * HOUR_S
    }

    fn home() -> Place {
        Place::new(60.17, 24.94).unwrap()
    }

    fn rule(area: Option<CellIndex>, (from, to): (u8, u8), speed_kmh: f64) -> Rule {
        Rule { area, days: ALWAYS, from: from * 4, to: to * 4, detour: None, speed_kmh: Some(speed_kmh) }
    }

    fn speed(rules: Vec<Rule>, entered: Option<f64>, hours: (i64, i64), visits: &[Visit]) -> f64 {
        paced(rules, entered, hours, visits).speed_mps * 3.6
    }

    fn paced(rules: Vec<Rule>, entered: Option<f64>, hours: (i64, i64), visits: &[Visit]) -> Engineer {
        let profile = Profile { version: 1, zone: Tz::UTC, rules };
        let mut engineer = Engineer::new(home());
        engineer.shifts.push(Shift::open(Interval::new(at(hours.0), at(hours.1)).unwrap(), home()));
        let mut crew = [engineer];
        profile.set_paces(&mut crew, &[entered], visits, &Terms::default());
        let [engineer] = crew;
        engineer
    }

    #[test]
    fn each_hour_goes_as_fast_as_it_does() {
        let rush = vec![rule(None, (7, 9), 10.0)];
        let ana = paced(rush.clone(), None, (6, 12), &[]);
        let speeds: Vec<(i64, f64)> =
            ana.traffic.steps().map(|(from, permille)| (from, f64::from(permille) * ana.speed_mps * 0.0036)).collect();
        assert_eq!(speeds.iter().map(|(from, _)| *from).collect::<Vec<_>>(), [at(6), at(7), at(9)]);
        for ((_, speed), expected) in speeds.iter().zip([28.8, 10.0, 28.8]) {
            assert!((speed - expected).abs() < 0.05, "{speeds:?}");
        }
        assert!(paced(rush.clone(), None, (9, 12), &[]).traffic.is_even());
        assert!(paced(rush, Some(15.0), (6, 12), &[]).traffic.is_even(), "whoever cycles is in no jam");
    }

    #[test]
    fn an_interval_is_cut_at_the_quarters() {
        let pieces = |from: i64, to: i64| quarters(Interval::new(from, to).unwrap()).collect::<Vec<_>>();
        assert_eq!(pieces(600, 2000), [(600, 300), (900, 900), (1800, 200)]);
        assert_eq!(pieces(-100, 0), [(-100, 100)]);
        assert_eq!(pieces(900, 901), [(900, 1)]);
    }

    #[test]
    fn a_day_goes_as_far_as_its_hours_together() {
        let rush = || vec![rule(None, (7, 9), 10.0)];
        assert!((speed(vec![], None, (8, 16), &[]) - 28.75).abs() < 0.01, "as the terms say, to a quarter");
        assert!((speed(rush(), None, (8, 9), &[]) - 10.0).abs() < 0.01);
        // Two hours at ten and two at 28.8.
        assert!((speed(rush(), None, (7, 11), &[]) - 19.5).abs() < 0.26);
        assert!((speed(rush(), None, (10, 11), &[]) - 28.75).abs() < 0.01);
        assert!((speed(rush(), Some(15.0), (8, 9), &[]) - 15.0).abs() < 0.01, "whoever cycles is in no jam");
        let winding = Rule { detour: Some(2.8), speed_kmh: None, ..rule(None, (0, 24), 0.0) };
        assert!((speed(vec![winding], Some(15.0), (8, 9), &[]) - 7.5).abs() < 0.01, "but he has no straighter road");
    }

    #[test]
    fn the_finest_area_counts_and_then_the_first() {
        let cell = |resolution| Some(home().cell(resolution));
        let elsewhere = Some(Place::new(61.5, 23.8).unwrap().cell(Resolution::Five));
        let rules = vec![
            rule(None, (0, 24), 50.0),
            rule(cell(Resolution::Three), (0, 24), 40.0),
            rule(cell(Resolution::Five), (8, 10), 20.0),
            rule(cell(Resolution::Five), (8, 12), 30.0),
            rule(elsewhere, (0, 24), 5.0),
        ];
        for (hour, expected) in [(8, 20.0), (11, 30.0), (13, 40.0)] {
            let found = speed(rules.clone(), None, (hour, hour + 1), &[]);
            assert!((found - expected).abs() < 0.01, "{hour}: {found}");
        }
    }

    #[test]
    fn hours_are_local_and_days_begin_on_monday() {
        let mut profile = Profile { version: 1, zone: Tz::Europe__Helsinki, rules: vec![rule(None, (7, 9), 10.0)] };
        profile.rules[0].days = [true, false, false, false, false, false, false];
        let speed = |day: i64, hour: i64| {
            let hours = vec![Interval::new(at(day * 24 + hour), at(day * 24 + hour + 1)).unwrap()];
            let of = Circumstances { areas: vec![], entered: None, hours, shifts: vec![] };
            profile.pace(&of, None, &Terms::default()).0 * 3.6
        };
        // Seven in Helsinki is five in Greenwich.
        assert!(
            (speed(0, 5) - 10.0).abs() < 0.01
                && (speed(0, 7) - 28.75).abs() < 0.01
                && (speed(1, 5) - 28.75).abs() < 0.01
        );
    }

    #[test]
    fn one_visit_with_a_window_goes_by_the_hours_of_its_window() {
        let window = TimeWindow::new(at(8), at(9)).unwrap();
        let visit = Visit { windows: vec![window], ..Visit::new(home(), 600) };
        let found = speed(vec![rule(None, (7, 9), 10.0)], None, (10, 18), std::slice::from_ref(&visit));
        assert!((found - 10.0).abs() < 0.01, "{found}");
    }
}
