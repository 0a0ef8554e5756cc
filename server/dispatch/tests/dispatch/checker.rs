//! An independent reading of the hard rules: it takes a board and a plan and finds what is wrong, with distances of
//! `geo` and none of the engine's own times.

use std::collections::BTreeMap;

use callout_dispatch::*;
use geo::{Distance, Haversine, Point};

/// Everything in a plan that breaks a rule or contradicts itself, in words. Empty for a good plan.
pub fn faults(board: &Board, plan: &Plan) -> Vec<String> {
    let mut faults = Vec::new();
    let mut seen: BTreeMap<VisitIndex, Vec<(EngineerIndex, i64, i64)>> = BTreeMap::new();
    for route in &plan.routes {
        for stop in &route.stops {
            if let Job::Visit(visit) = stop.job {
                seen.entry(visit).or_default().push((route.engineer, stop.start, stop.end));
                faults.extend(visit_faults(board, route, visit, stop));
            }
        }
        faults.extend(route_faults(board, route));
        faults.extend(drive_faults(board, route));
    }
    for (index, visit) in (0..).zip(board.visits()) {
        let left_out = plan.unserved.iter().filter(|unserved| unserved.visit == VisitIndex(index)).count();
        let mut crew = seen.get(&VisitIndex(index)).cloned().unwrap_or_default();
        crew.sort();
        let is_served = left_out == 0 && crew.len() == usize::from(visit.crew_size);
        if !is_served && (left_out, crew.len()) != (1, 0) {
            faults.push(format!("visit {index} is left out {left_out} times and has {crew:?}"));
        }
        if crew.windows(2).any(|pair| pair[0].0 == pair[1].0 || pair[0].1 != pair[1].1) {
            faults.push(format!("visit {index} has no crew that begins together: {crew:?}"));
        }
        for dependency in visit.after.iter().filter(|_| is_served) {
            let earlier = seen.get(&dependency.visit).and_then(|crew| crew.first());
            if earlier.is_none_or(|(.., end)| end + i64::from(dependency.gap_s) > crew[0].1) {
                faults.push(format!("visit {index} does not come after {earlier:?} and {}", dependency.gap_s));
            }
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
        ("pinned", visit.crew_size > 1 || visit.pinned_engineer.is_none_or(|pinned| pinned == route.engineer)),
        ("barred", !visit.barred.contains(&route.engineer)),
        (
            "territory",
            visit.territory.is_none_or(|t| engineer.territories.is_empty() || engineer.territories.contains(&t)),
        ),
        ("skill", visit.skills.iter().all(has)),
        ("certificate", visit.certificates.iter().all(holds)),
        ("shift", shift.start() <= start && end <= shift.end() + i64::from(engineer.shifts[route.shift].overtime_s)),
        ("past", start >= board.now()),
        ("break", visit.duration_s == 0 || !fixed_breaks(&engineer.shifts[route.shift]).any(|b| b.overlaps(takes))),
        ("time off", visit.duration_s == 0 || !engineer.time_off.iter().any(|off| off.overlaps(takes))),
        ("window", may_start(visit)),
        ("arrival", stop.arrive <= start),
        ("double booking", !engineer.commitments.iter().any(|c| c.interval.overlaps(takes) && visit.duration_s > 0)),
    ];
    let broken = claims.into_iter().filter(|(_, holds)| !holds);
    broken.map(|(rule, _)| format!("visit {} breaks {rule} at {stop:?} of {:?}", index.0, route.engineer)).collect()
}

/// The breaks of a shift that cannot be moved.
fn fixed_breaks(shift: &Shift) -> impl Iterator<Item = Interval> + '_ {
    let fixed = shift.breaks.iter().filter(|pause| pause.window.earliest() == pause.window.latest());
    fixed.map(|pause| {
        let start = pause.window.earliest();
        Interval::new(start, start + i64::from(pause.duration_s)).unwrap()
    })
}

/// From stop to stop there is time for the drive and for all rests, in their order, however they are spread.
fn route_faults(board: &Board, route: &PlannedRoute) -> Vec<String> {
    let engineer = board.engineer(route.engineer);
    let shift = &engineer.shifts[route.shift];
    let is_running = shift.interval.start() <= board.now();
    let mut faults = Vec::new();
    let mut place = engineer.position.filter(|_| is_running).unwrap_or(shift.from);
    let mut leaves = shift.interval.start().max(board.now());
    let mut is_ours = false;
    let mut legs = Vec::new();
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
        let drive_s = (is_visit || is_ours).then(|| drive_s(board, engineer, place, to));
        legs.push(Leg { leaves, by: stop.start, drive_s });
        (place, leaves, is_ours) = (to, leaves.max(stop.end), is_visit);
    }
    let home_s = shift.to.filter(|_| is_ours).map(|to| drive_s(board, engineer, place, to));
    let end = shift.interval.end() + i64::from(shift.overtime_s);
    legs.push(Leg { leaves, by: end, drive_s: Some(home_s.unwrap_or(0.0)).filter(|_| is_ours) });
    let has_visit = route.stops.iter().any(|stop| matches!(stop.job, Job::Visit(_)));
    let rests = rests(engineer, shift, board.now());
    if has_visit && !is_possible(&legs, &rests, &engineer.traffic) {
        faults.push(format!("{:?}: cannot be done: {legs:?} with {rests:?}", route.engineer));
    }
    faults
}

/// Each drive takes what its way takes at some hour, and together with the way home they are what the route says.
fn drive_faults(board: &Board, route: &PlannedRoute) -> Vec<String> {
    let engineer = board.engineer(route.engineer);
    let shift = &engineer.shifts[route.shift];
    let speeds = || engineer.traffic.steps().map(|(_, permille)| f64::from(permille) / 1000.0);
    let (slowest, fastest) = (speeds().reduce(f64::min).unwrap_or(1.0), speeds().reduce(f64::max).unwrap_or(1.0));
    let rounding_s = 1.0 + shift.breaks.len() as f64 + engineer.time_off.len() as f64;
    // Of a drive between two commitments, or home from one, nobody says when it is driven: it may be the usual one.
    let is_one = |said_s: i64, way_s: f64, is_free: bool| {
        (way_s / fastest - rounding_s..=(way_s + rounding_s) / slowest + 1.0).contains(&(said_s as f64))
            || is_free && (said_s as f64 - way_s).abs() <= 1.0
    };
    let mut faults = Vec::new();
    let is_running = shift.interval.start() <= board.now();
    let mut place = engineer.position.filter(|_| is_running).unwrap_or(shift.from);
    let mut is_ours = false;
    for stop in &route.stops {
        let (to, is_visit) = match stop.job {
            Job::Visit(visit) => (board.visit(visit).place, true),
            Job::Commitment(number) => (engineer.commitments[number as usize].place, false),
        };
        let way_s = drive_s(board, engineer, place, to);
        let is_free = !is_visit && !is_ours;
        if !stop.drive_s.map_or(is_free && way_s.is_infinite(), |said_s| is_one(said_s, way_s, is_free)) {
            faults.push(format!("{:?}: a way of {way_s} is driven in {stop:?}", route.engineer));
        }
        (place, is_ours) = (to, is_visit);
    }
    let home_s = shift.to.map_or(0.0, |to| drive_s(board, engineer, place, to));
    let said_s = route.travel_s - route.stops.iter().filter_map(|stop| stop.drive_s).sum::<i64>();
    if !is_one(said_s, if home_s.is_finite() { home_s } else { 0.0 }, !is_ours) {
        faults.push(format!("{:?}: a way home of {home_s} is driven in {said_s}", route.engineer));
    }
    faults
}

/// A way between two stops; without a drive if nobody says how it is done.
#[derive(Debug)]
struct Leg {
    leaves: i64,
    by: i64,
    drive_s: Option<f64>,
}

/// Rests as first and last beginning, and length.
type Rests = Vec<(i64, i64, i64)>;

fn rests(engineer: &Engineer, shift: &Shift, now: i64) -> Rests {
    let end = shift.interval.end() + i64::from(shift.overtime_s);
    let opens = shift.interval.start().max(now);
    let is_booked = |at: i64| engineer.commitments.iter().any(|c| c.interval.start() <= at && at < c.interval.end());
    let fixed = |pause: &&Break| pause.window.earliest() == pause.window.latest();
    let pauses = shift.breaks.iter().filter(fixed);
    let pauses = pauses.map(|p| (p.window.earliest(), p.window.earliest() + i64::from(p.duration_s)));
    let blocks: Vec<(i64, i64)> = pauses.chain(engineer.time_off.iter().map(|off| (off.start(), off.end()))).collect();
    // Moment by moment, half a minute each: everything on these boards happens on such a moment.
    let mut rests: Rests = Vec::new();
    let mut at = shift.interval.start().min(opens);
    at -= at.rem_euclid(30);
    while at < end {
        if blocks.iter().any(|(from, to)| *from <= at && at < *to) && !is_booked(at) {
            match rests.last_mut() {
                Some((from, _, length)) if *from + *length == at => *length += 30,
                _ => rests.push((at, at, 30)),
            }
        }
        at += 30;
    }
    rests.retain(|(from, _, length)| from + length > opens);
    for pause in shift.breaks.iter().filter(|pause| !fixed(pause)) {
        let (earliest, latest, length) = (pause.window.earliest(), pause.window.latest(), i64::from(pause.duration_s));
        let is_off = engineer.time_off.iter().any(|off| off.start().max(earliest) <= latest.min(off.end() - length));
        if latest >= opens && !is_off {
            rests.push((earliest, latest, length));
        }
    }
    rests.sort_by_key(|(earliest, latest, length)| (*latest, *earliest, *length));
    rests
}

/// Whether the rests can be spread over the legs.
fn is_possible(legs: &[Leg], rests: &[(i64, i64, i64)], traffic: &Traffic) -> bool {
    let Some((leg, others)) = legs.split_first() else { return true };
    (0..=rests.len()).any(|taken| {
        let (here, later) = rests.split_at(taken);
        let (mut now, mut left) = (leg.leaves as f64, leg.drive_s.unwrap_or(0.0));
        for (earliest, latest, length) in here {
            // A rest that has begun before anybody could set out goes on.
            let begins = if latest == earliest { *earliest as f64 } else { now.max(*earliest as f64) };
            // Nobody asks how somebody rests who was booked without regard to it.
            if leg.drive_s.is_none() && *latest >= leg.leaves && begins > *latest as f64 {
                continue;
            }
            if begins > *latest as f64
                || (leg.drive_s.is_some()
                    && begins < now
                    && begins + *length as f64 > leg.by as f64
                    && others.is_empty())
            {
                return false;
            }
            if begins < now && latest == earliest {
                now = now.max(begins + *length as f64);
                continue;
            }
            left = (left - way(traffic, now, begins)).max(0.0);
            now = begins + *length as f64;
        }
        let reached = covered(traffic, now, left);
        // Behind the last work a rest that may still begin is free.
        let is_free = others.is_empty() && later.first().is_none_or(|next| reached <= next.1 as f64 + 0.001);
        let in_time = leg.drive_s.is_none() || reached <= leg.by as f64 + 0.001;
        in_time
            && if others.is_empty() { is_free || leg.drive_s.is_none() } else { is_possible(others, later, traffic) }
    })
}

/// How many seconds of a drive at the usual speed are done between two moments.
fn way(traffic: &Traffic, from: f64, to: f64) -> f64 {
    let mut steps: Vec<(f64, f64)> =
        traffic.steps().map(|(from, permille)| (from as f64, f64::from(permille) / 1000.0)).collect();
    match steps.first_mut() {
        Some(first) => first.0 = f64::NEG_INFINITY,
        None => return to - from,
    }
    let ends = steps.iter().skip(1).map(|step| step.0).chain([f64::INFINITY]);
    steps.iter().zip(ends).map(|((begins, speed), ends)| (to.min(ends) - from.max(*begins)).max(0.0) * speed).sum()
}

/// When so many seconds at the usual speed are done: found by halving.
fn covered(traffic: &Traffic, from: f64, left: f64) -> f64 {
    let (mut before, mut after) = (0.0, left * 100.0 + 1.0);
    for _ in 0..60 {
        let half = (before + after) / 2.0;
        *(if way(traffic, from, from + half) < left { &mut before } else { &mut after }) = half;
    }
    from + before
}

fn drive_s(board: &Board, engineer: &Engineer, from: Place, to: Place) -> f64 {
    let point = |place: Place| Point::new(place.longitude_deg(), place.latitude_deg());
    match (board.travel(), from.row(), to.row()) {
        (Travel::Table { table, .. }, Some(from), Some(to)) => {
            table.seconds(from, to).map_or(f64::INFINITY, |seconds| seconds as f64)
        }
        (Travel::Direct { detour } | Travel::Table { detour, .. }, ..) => {
            Haversine.distance(point(from), point(to)) * detour / engineer.speed_mps
        }
    }
}
