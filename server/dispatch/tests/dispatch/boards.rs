//! Boards to test with: a small town in words, and random ones for properties.

use callout_dispatch::*;
use proptest::prelude::*;

/// Monday 2026-03-02, 00:00 UTC.
pub const MONDAY: i64 = 1_772_409_600;
pub const HOUR: i64 = 3600;
pub const DAY: i64 = 24 * HOUR;

/// A place so many kilometres east and north of the town hall.
pub fn km(east: f64, north: f64) -> Place {
    Place::new(52.5 + north / 111.2, 13.4 + east / (111.2 * 0.6088)).unwrap()
}

/// From one hour of Monday to another.
pub fn hours(from: f64, to: f64) -> Interval {
    Interval::new(at(from), at(to)).unwrap()
}

/// A break that begins between two moments.
pub fn rest(earliest: i64, latest: i64, duration_s: u32) -> Break {
    Break { window: TimeWindow::new(earliest, latest).unwrap(), duration_s }
}

pub fn window(from: f64, to: f64) -> TimeWindow {
    TimeWindow::new(at(from), at(to)).unwrap()
}

pub fn at(hour: f64) -> i64 {
    MONDAY + (hour * HOUR as f64) as i64
}

/// Works from 8 to 16 on Monday, lives at `home`.
pub fn engineer(home: Place) -> Engineer {
    let mut engineer = Engineer::new(home);
    engineer.shifts.push(Shift::open(hours(8.0, 16.0), home));
    engineer
}

/// An hour of work.
pub fn visit(place: Place) -> Visit {
    Visit::new(place, 3600)
}

/// On Monday at midnight.
pub fn board(engineers: Vec<Engineer>, visits: Vec<Visit>) -> Board {
    Board::new(MONDAY, Travel::Direct { detour: 1.4 }, engineers, visits).unwrap()
}

/// One rule after the other: what refuses the only engineer.
pub fn refusal(engineer: Engineer, visit: &Visit) -> Option<Reason> {
    assess(&board(vec![engineer], vec![]), visit, EngineerIndex(0), &Policy::default()).err()
}

#[derive(Clone, Debug)]
pub struct Sizes {
    pub engineers: usize,
    pub visits: usize,
    pub days: i64,
    /// Half the width of the country in kilometres.
    pub wide_km: f64,
    pub centre: (f64, f64),
}

prop_compose! {
    pub fn any_board(engineers: usize, visits: usize)(
        sizes in (
            1..=engineers, 0..=visits, 1i64..4, prop_oneof![Just(5.0), Just(40.0), Just(400.0)],
            prop_oneof![Just((52.5, 13.4)), Just((-17.0, 179.99)), Just((89.9, 0.0)), Just((0.0, 0.0))],
        ).prop_map(|(engineers, visits, days, wide_km, centre)| Sizes { engineers, visits, days, wide_km, centre }),
    )(
        engineers in prop::collection::vec(any_engineer(sizes.clone()), sizes.engineers),
        visits in prop::collection::vec(any_visit(sizes.clone()), sizes.visits),
        now in prop_oneof![Just(MONDAY), Just(at(11.3))],
        travel in prop_oneof![
            Just(Travel::Direct { detour: 1.0 }), Just(Travel::Direct { detour: 1.4 }), Just(strange_roads())
        ],
        tied in prop::collection::vec((0u8..12, 0usize..30, 0u32..3600), sizes.visits),
    ) -> Board {
        let mut visits = visits;
        for (index, (kind, other, gap_s)) in tied.into_iter().enumerate() {
            match kind {
                0 => visits[index].crew_size = 2,
                1 => visits[index].crew_size = 3,
                2 | 3 if other < index => {
                    visits[index].after = vec![Dependency { visit: VisitIndex(other as u32), gap_s }];
                }
                _ => {}
            }
        }
        Board::new(now, travel, engineers, visits).unwrap()
    }
}

prop_compose! {
    /// One engineer who is expected at several places at once, as happens, and has breaks besides.
    pub fn crowded_board()(
        sizes in prop_oneof![Just(5.0), Just(40.0)].prop_map(|wide_km| Sizes {
            engineers: 1, visits: 8, days: 1, wide_km, centre: (52.5, 13.4),
        }),
    )(
        engineer in any_engineer(sizes.clone()),
        booked in prop::collection::vec((any_place(&sizes), 14i64..34, 1i64..4), 2..6),
        breaks in prop::collection::vec((0i64..14, 0i64..10, 1200u32..3600), 0..3),
        visits in prop::collection::vec(any_visit(sizes.clone()), 1..sizes.visits),
        now in prop_oneof![Just(MONDAY), Just(at(11.3))],
        travel in prop_oneof![2 => Just(Travel::Direct { detour: 1.4 }), 1 => Just(strange_roads())],
    ) -> Board {
        let mut engineer = engineer;
        let half_hours = |from: i64, length: i64| {
            Interval::new(MONDAY + from * HOUR / 2, MONDAY + (from + length) * HOUR / 2).unwrap()
        };
        let commitment = |(place, from, length)| {
            Commitment { place, interval: half_hours(from, length), priority: Priority::ORDINARY }
        };
        engineer.commitments = booked.into_iter().map(commitment).collect();
        let shift = &mut engineer.shifts[0];
        shift.interval = hours(8.0, 16.0);
        shift.breaks = breaks
            .into_iter()
            .map(|(from, wide, length_s)| {
                let earliest = at(8.0) + from * HOUR / 2;
                rest(earliest, (earliest + wide * HOUR / 2).min(at(16.0)), length_s / 30 * 30)
            })
            .collect();
        Board::new(now, travel, vec![engineer], visits).unwrap()
    }
}

pub fn any_place(sizes: &Sizes) -> impl Strategy<Value = Place> + use<> {
    let (wide, (lat, lng)) = (sizes.wide_km / 111.2, sizes.centre);
    // Few distinct places, so that equal totals happen.
    (-8i32..=8, -8i32..=8).prop_map(move |(east, north)| {
        let lat = (lat + wide * f64::from(north) / 8.0).clamp(-90.0, 90.0);
        let lng = lng + wide * f64::from(east) / 8.0;
        let place = Place::new(lat, if lng > 180.0 { lng - 360.0 } else { lng }).unwrap();
        place.with_row(((north + 8) * 17 + east + 8) as u32)
    })
}

/// A table that knows no geometry: short cuts through a third place, one-way streets, no road at all.
fn strange_roads() -> Travel {
    let seconds = (0..PLACES).flat_map(|from| (0..PLACES).map(move |to| strange_road_s(from, to)));
    let table = TravelTable::new(PLACES, seconds.map(|s| s.unwrap_or(TravelTable::NO_ROAD)).collect()).unwrap();
    Travel::Table { table, detour: 1.0 }
}

fn strange_road_s(from: u32, to: u32) -> Option<u32> {
    let mixed = u64::from(from * PLACES + to).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33;
    match mixed % 12 {
        _ if from == to => Some(0),
        0 => None,
        1..=4 => Some((mixed % 300) as u32),
        _ => Some((mixed % 5000) as u32),
    }
}

/// The places of [`any_place`]: a square of 17 by 17.
const PLACES: u32 = 17 * 17;

fn any_interval(days: i64) -> impl Strategy<Value = Interval> {
    (0..days * 48, 1i64..8).prop_map(|(half_hour, length)| {
        Interval::new(MONDAY + half_hour * HOUR / 2, MONDAY + (half_hour + length) * HOUR / 2).unwrap()
    })
}

/// Rush hours, and hours in which it goes better than usual.
fn any_traffic(days: i64) -> impl Strategy<Value = Traffic> {
    let speeds = prop_oneof![Just(300u32), Just(700), Just(1000), Just(1900)];
    prop::collection::btree_map(0..days * 48, speeds, 1..8).prop_map(|steps| {
        let steps: Vec<(i64, u32)> =
            steps.into_iter().map(|(half_hour, permille)| (MONDAY + half_hour * HOUR / 2, permille)).collect();
        Traffic::new(&steps).unwrap()
    })
}

prop_compose! {
    fn any_engineer(sizes: Sizes)(
        home in any_place(&sizes),
        elsewhere in any_place(&sizes),
        position in prop::option::weighted(0.3, any_place(&sizes)),
        speed_mps in prop_oneof![Just(5.0), Just(8.0), Just(25.0)],
        traffic in prop_oneof![2 => Just(Traffic::EVEN), 1 => any_traffic(sizes.days)],
        levels in prop::collection::vec(0u8..4, 3),
        expires in prop::option::weighted(0.5, (0..sizes.days * 24).prop_map(|hour| MONDAY + hour * HOUR)),
        territories in prop::collection::vec((0u16..3).prop_map(TerritoryIndex), 0..3),
        shifts in prop::collection::vec((6i64..13, 3i64..10, 0u8..3, 0u8..4), sizes.days as usize),
        time_off in prop::collection::vec(any_interval(sizes.days), 0..2),
        commitments in prop::collection::vec((any_place(&sizes), any_interval(sizes.days)), 0..4),
    ) -> Engineer {
        let mut engineer = Engineer::new(home);
        engineer.position = position;
        engineer.speed_mps = speed_mps;
        engineer.traffic = traffic;
        engineer.skills = (0..).zip(levels).filter(|(_, level)| *level > 0)
            .map(|(skill, level)| Skill { skill: SkillIndex(skill), level }).collect();
        engineer.certificates = vec![Certificate { certificate: CertificateIndex(0), expires }];
        engineer.territories = territories;
        engineer.time_off = time_off;
        for (day, (from, length, end, breaks)) in (0..).zip(shifts) {
            let start = MONDAY + day * DAY + from * HOUR;
            let to = [None, Some(home), Some(elsewhere)][usize::from(end)];
            let mut shift = Shift { to, ..Shift::open(Interval::new(start, start + length * HOUR).unwrap(), home) };
            if breaks & 1 == 1 {
                shift.breaks.push(rest(start + 2 * HOUR, start + 2 * HOUR, 1800));
            }
            if breaks & 2 == 2 {
                shift.breaks.push(rest(start + HOUR, start + 4 * HOUR, 2400));
            }
            shift.overtime_s = 600 * u32::from(end);
            engineer.shifts.push(shift);
        }
        engineer.commitments = commitments.into_iter()
            .map(|(place, interval)| Commitment { place, interval, priority: Priority::ORDINARY }).collect();
        engineer
    }
}

prop_compose! {
    pub fn any_visit(sizes: Sizes)(
        place in any_place(&sizes),
        duration_s in prop_oneof![Just(0u32), Just(900), Just(3600), Just(3 * 3600)],
        windows in prop::collection::vec(any_interval(sizes.days), 0..3),
        skill in prop::option::weighted(0.4, (0u16..3, 1u8..3)),
        needs_certificate in prop::bool::weighted(0.2),
        territory in prop::option::weighted(0.3, (0u16..3).prop_map(TerritoryIndex)),
        priority in 1u8..=5,
        due in prop::option::of((0..sizes.days * 24).prop_map(|hour| MONDAY + hour * HOUR)),
        pinned_engineer in prop::option::weighted(0.1, 0..sizes.engineers as u32),
        pinned_start in prop::option::weighted(0.1, (0..sizes.days * 24).prop_map(|hour| MONDAY + hour * HOUR)),
        barred in prop::collection::vec(0..sizes.engineers as u32, 0..2),
        preferred in prop::collection::vec(0..sizes.engineers as u32, 0..2),
    ) -> Visit {
        let mut visit = Visit::new(place, duration_s);
        visit.windows = windows.into_iter().map(|w| TimeWindow::new(w.start(), w.end()).unwrap()).collect();
        visit.skills = skill.into_iter().map(|(skill, level)| Skill { skill: SkillIndex(skill), level }).collect();
        visit.certificates = needs_certificate.then_some(CertificateIndex(0)).into_iter().collect();
        visit.territory = territory;
        visit.priority = Priority::new(priority).unwrap();
        visit.due = due;
        visit.pinned_engineer = pinned_engineer.map(EngineerIndex);
        visit.pinned_start = pinned_start;
        visit.barred = barred.into_iter().map(EngineerIndex).collect();
        visit.preferred = preferred.into_iter().map(EngineerIndex).collect();
        visit
    }
}
