//! `cargo bench -p callout-dispatch`: how much faster the search ranks than a look at everybody, and how long a plan
//! takes. It prints plain figures; both sides of a ratio run in turn, on the same boards, in the same process. What a
//! ranking or a scan takes is the least of five runs, so that what else the machine does is not counted.

#![expect(clippy::expect_used, reason = "a bench may stop at its own mistakes")]

use std::time::{Duration, Instant};

use callout_dispatch::*;

fn main() {
    println!("rank: shortlist 5, medians and p99 of 200 visits, two commitments an engineer");
    for engineers in [100, 1000, 10_000, 100_000] {
        rank_against_scan(engineers);
    }
    a_visit_more();
    for visits in [1000, 1400] {
        println!("plan: 40 engineers × 5 days, {visits} visits");
        for rounds in [0, 1000, 4000] {
            plan_a_week(visits, rounds);
        }
    }
}

fn rank_against_scan(engineers: usize) {
    let mut dice = Dice(7);
    // The country grows with the company: the same density everywhere.
    let wide_deg = 0.15 * (engineers as f64 / 100.0).sqrt().min(60.0);
    let engineers: Vec<Engineer> = (0..engineers).map(|_| an_engineer(&mut dice, wide_deg, 1, 2)).collect();
    let count = engineers.len();
    let built = Instant::now();
    let board = Board::new(MONDAY, Travel::Direct { detour: 1.4 }, engineers, vec![]).expect("a sound board");
    let built = built.elapsed();
    let (mut searched, mut scanned, policy) = (Vec::new(), Vec::new(), Policy::default());
    let mut passed_over = 0;
    for _ in 0..200 {
        let visit = a_visit(&mut dice, wide_deg, 1);
        passed_over += rank(&board, &visit, &policy).passed_over;
        searched.push(least(|| rank(&board, &visit, &policy)));
        if scanned.len() < 20 || count <= 1000 {
            scanned.push(least(|| scan(&board, &visit, &policy)));
        }
    }
    searched.sort();
    scanned.sort();
    let (median, p99) = (searched[searched.len() / 2], searched[searched.len() * 99 / 100]);
    let all = scanned[scanned.len() / 2];
    let ratio = all.as_secs_f64() / median.as_secs_f64();
    println!(
        "{count:>7} engineers: rank {median:>9.1?}, p99 {p99:>9.1?}; scan {all:>9.1?}, ×{ratio:.0}; looked at {:.1} %; board {built:.1?}",
        100.0 - passed_over as f64 / (2.0 * count as f64)
    );
}

fn plan_a_week(visits: usize, rounds: u64) {
    let mut dice = Dice(11);
    let engineers = (0..40).map(|_| an_engineer(&mut dice, 0.2, 5, 0)).collect();
    let visits = (0..visits).map(|_| a_visit(&mut dice, 0.2, 5)).collect();
    let board = Board::new(MONDAY, Travel::Direct { detour: 1.4 }, engineers, visits).expect("a sound board");
    let start = Instant::now();
    let plan = plan(&board, &Policy::default(), Budget::rounds(rounds), 1);
    let took = start.elapsed();
    let (served, left_out) = (plan.explanations.len(), plan.unserved.len());
    println!("{rounds:>7} rounds: {took:>9.1?}, served {served}, left out {left_out}, {:?}", plan.score);
}

/// One visit into a planned day of 80 engineers: taken out, and put in again where it is best.
fn a_visit_more() {
    let mut dice = Dice(5);
    let engineers = (0..80).map(|_| an_engineer(&mut dice, 0.2, 1, 0)).collect();
    let visits = (0..1000).map(|_| a_visit(&mut dice, 0.2, 1)).collect();
    let board = Board::new(MONDAY, Travel::Direct { detour: 1.4 }, engineers, visits).expect("a sound board");
    let policy = Policy::default();
    let plan = plan(&board, &policy, Budget::rounds(20_000), 1);
    let order = |route: &PlannedRoute| {
        let visits = route.stops.iter().filter_map(|stop| match stop.job {
            Job::Visit(visit) => Some(visit),
            Job::Commitment(_) => None,
        });
        Order { engineer: route.engineer, shift: route.shift, visits: visits.collect() }
    };
    let orders: Vec<Order> = plan.routes.iter().map(order).collect();
    let preparing = Instant::now();
    let prepared = Prepared::new(&board, &policy);
    let preparing = preparing.elapsed();
    let laying = Instant::now();
    let mut day = Day::new(&prepared, &orders);
    let laying = laying.elapsed();
    let mut taken: Vec<Duration> = Vec::new();
    for explanation in &plan.explanations {
        if day.cancel(explanation.visit) {
            taken.push(timed(|| day.take(explanation.visit)));
        }
    }
    taken.sort();
    let (median, p99) = (taken[taken.len() / 2], taken[taken.len() * 99 / 100]);
    println!(
        "day: 80 engineers, {} visits: one more {median:.1?}, p99 {p99:.1?}; prepared in {preparing:.1?}, laid in {laying:.1?}",
        plan.explanations.len()
    );
}

fn an_engineer(dice: &mut Dice, wide_deg: f64, days: i64, commitments: usize) -> Engineer {
    let home = dice.place(wide_deg);
    let mut engineer = Engineer::new(home);
    engineer.skills = (0..6).filter(|_| dice.below(2) == 0).map(|n| Skill { skill: SkillIndex(n), level: 2 }).collect();
    for day in 0..days {
        let interval = Interval::new(MONDAY + day * DAY + 8 * HOUR, MONDAY + day * DAY + 17 * HOUR).expect("forward");
        let noon = MONDAY + day * DAY + 12 * HOUR;
        let breaks = vec![Break { window: TimeWindow::new(noon, noon + HOUR).expect("forward"), duration_s: 1800 }];
        engineer.shifts.push(Shift { breaks, ..Shift::open(interval, home) });
    }
    for number in 0..commitments as i64 {
        let start = MONDAY + 9 * HOUR + number * 3 * HOUR;
        let near = |degrees: f64, dice: &mut Dice| degrees + (dice.below(200) as f64 - 100.0) / 2000.0;
        let (lat, lng) = (near(home.latitude_deg(), dice), near(home.longitude_deg(), dice));
        engineer.commitments.push(Commitment {
            place: Place::new(lat, lng).expect("on earth"),
            interval: Interval::new(start, start + HOUR).expect("forward"),
            priority: Priority::ORDINARY,
        });
    }
    engineer
}

fn a_visit(dice: &mut Dice, wide_deg: f64, days: i64) -> Visit {
    let mut visit = Visit::new(dice.place(wide_deg), 1200 + 600 * dice.below(7) as u32);
    visit.priority = Priority::new(1 + dice.below(5) as u8).expect("1 to 5");
    visit.skills = vec![Skill { skill: SkillIndex(dice.below(6) as u16), level: 1 + dice.below(2) as u8 }];
    let day = dice.below(days as u64) as i64;
    visit.due = Some(MONDAY + (day + 1) * DAY);
    if dice.below(2) == 0 {
        let start = MONDAY + day * DAY + (8 + 2 * dice.below(4) as i64) * HOUR;
        visit.windows = vec![TimeWindow::new(start, start + 3 * HOUR).expect("forward")];
    }
    visit
}

fn least<T>(mut work: impl FnMut() -> T) -> Duration {
    (0..5).map(|_| timed(&mut work)).min().unwrap_or_default()
}

fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    std::hint::black_box(work());
    start.elapsed()
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }

    fn place(&mut self, wide_deg: f64) -> Place {
        let mut within = || (self.below(1_000_000) as f64 / 500_000.0 - 1.0) * wide_deg;
        let (lat, lng) = (40.7 + within(), -74.0 + within());
        Place::new(lat, lng).expect("on earth")
    }
}

/// Monday 2026-03-02, 00:00 UTC.
const MONDAY: i64 = 1_772_409_600;
const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
