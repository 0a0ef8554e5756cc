//! An independent reading of the hard rules: it takes a board and a plan and finds what is wrong, with distances of
//! `geo` and none of the engine's own times.

use std::collections::BTreeMap;

use callout_dispatch::*;
use geo::{Distance, Haversine, Point};

/// Everything in a plan that breaks a rule or contradicts itself, in words. Empty for a good plan.
pub fn faults(board: &Board, plan: &Plan) -> Vec<String> {
    let mut faults = Vec::new();
    let mut seen: BTreeMap<VisitIndex, usize> = BTreeMap::new();
    plan.unserved.iter().for_each(|unserved| *seen.entry(unserved.visit).or_default() += 1);
    for route in &plan.routes {
        for stop in &route.stops {
            if let Job::Visit(visit) = stop.job {
                *seen.entry(visit).or_default() += 1;
                faults.extend(visit_faults(board, route, visit, stop));
            }
        }
        faults.extend(route_faults(board, route));
    }
    for index in 0..board.visits().len() as u32 {
        let times = seen.get(&VisitIndex(index)).copied().unwrap_or(0);
        if times != 1 {
            faults.push(format!("visit {index} appears {times} times"));
        }
    }
    faults
}

fn visit_faults(board: &Board, route: &PlannedRoute, index: VisitIndex, stop: &PlannedStop) -> Vec<String> {
    let (visit, engineer) = (board.visit(index), board.engineer(route.engineer));
    let shift = engineer.shifts[route.shift].interval;
    let (start, end) = (stop.start, stop.end);
    // A visit without length still takes a moment.
    let takes = Interval::new(start, end.max(start + 1)).unwrap();
    let may_start = |visit: &Visit| match visit.pinned_start {
        Some(pinned) => start == pinned,
        None => {
            visit.windows.is_empty()
                || visit.windows.iter().any(|window| (window.earliest()..=window.latest()).contains(&start))
        }
    };
    let has = |needed: &Skill| engineer.skills.iter().any(|s| s.skill == needed.skill && s.level >= needed.level);
    let holds = |needed: &CertificateIndex| {
        engineer.certificates.iter().any(|c| c.certificate == *needed && c.expires.is_none_or(|expires| expires >= end))
    };
    let claims = [
        ("length", end - start == i64::from(visit.duration_s)),
        ("pinned", visit.pinned_engineer.is_none_or(|pinned| pinned == route.engineer)),
        ("barred", !visit.barred.contains(&route.engineer)),
        (
            "territory",
            visit.territory.is_none_or(|t| engineer.territories.is_empty() || engineer.territories.contains(&t)),
        ),
        ("skill", visit.skills.iter().all(has)),
        ("certificate", visit.certificates.iter().all(holds)),
        ("shift", shift.start() <= start && end <= shift.end()),
        ("past", start >= board.now()),
        ("break", !engineer.shifts[route.shift].breaks.iter().any(|pause| pause.overlaps(takes))),
        ("time off", !engineer.time_off.iter().any(|off| off.overlaps(takes))),
        ("window", may_start(visit)),
        ("arrival", stop.arrive <= start),
        ("double booking", !engineer.commitments.iter().any(|c| c.interval.overlaps(takes) && visit.duration_s > 0)),
    ];
    let broken = claims.into_iter().filter(|(_, holds)| !holds);
    broken.map(|(rule, _)| format!("visit {} breaks {rule} at {stop:?} of {:?}", index.0, route.engineer)).collect()
}

/// From stop to stop there is time for the drive, with nobody driving during breaks and time off.
fn route_faults(board: &Board, route: &PlannedRoute) -> Vec<String> {
    let engineer = board.engineer(route.engineer);
    let shift = &engineer.shifts[route.shift];
    let is_running = shift.interval.start() <= board.now();
    let mut faults = Vec::new();
    let mut place = engineer.position.filter(|_| is_running).unwrap_or(shift.from);
    let mut leaves = shift.interval.start().max(board.now());
    let mut is_ours = false;
    for stop in &route.stops {
        let (to, is_visit) = match stop.job {
            Job::Visit(visit) => (board.visit(visit).place, true),
            Job::Commitment(number) => {
                let commitment = &engineer.commitments[number as usize];
                if (stop.start, stop.end) != (commitment.interval.start(), commitment.interval.end()) {
                    faults.push(format!("{:?}: a commitment was moved to {stop:?}", route.engineer));
                }
                (commitment.place, false)
            }
        };
        // Two commitments may have been too close to each other before; a visit beside them may not.
        if (is_visit || is_ours) && !is_reachable(board, engineer, shift, (place, leaves), (to, stop.start)) {
            faults.push(format!("{:?}: cannot reach {stop:?} in time", route.engineer));
        }
        (place, leaves, is_ours) = (to, leaves.max(stop.end), is_visit);
    }
    if let (Some(to), true) = (shift.to, is_ours)
        && !is_reachable(board, engineer, shift, (place, leaves), (to, shift.interval.end()))
    {
        faults.push(format!("{:?}: not back in time", route.engineer));
    }
    faults
}

fn is_reachable(board: &Board, engineer: &Engineer, shift: &Shift, from: (Place, i64), to: (Place, i64)) -> bool {
    let point = |place: Place| Point::new(place.longitude_deg(), place.latitude_deg());
    let needed_s = match (board.travel(), from.0.row(), to.0.row()) {
        (Travel::Table { table, .. }, Some(from), Some(to)) => {
            table.seconds(from, to).map_or(f64::INFINITY, |seconds| seconds as f64)
        }
        (Travel::Direct { detour } | Travel::Table { detour, .. }, ..) => {
            Haversine.distance(point(from.0), point(to.0)) * detour / engineer.speed_mps
        }
    };
    let rests = |moment: i64| {
        let in_it = |rest: &Interval| rest.start() <= moment && moment < rest.end();
        shift.breaks.iter().any(in_it) || engineer.time_off.iter().any(in_it)
    };
    let driving_s = (from.1..to.1).filter(|moment| !rests(*moment)).count();
    driving_s as f64 + 0.001 >= needed_s
}
