//! Which appointments cannot stay where they are.
//!
//! A rule may forbid them now: the engineer is away, or may not do that any more. Or the time does not suffice: what he
//! does before takes longer than planned, or the work itself became more. Time is looked at only behind what upset the
//! day, and only for more than the tolerance: an appointment that begins a few minutes late is kept. So is what a
//! dispatcher decided against a rule, as far as that rule goes.

use callout_dispatch::{
    Board as Engine, Day, EngineerIndex, Job, Order, Policy, Prepared, TimeWindow, Visit, VisitIndex, assess,
};
use chrono::TimeDelta;
use sync_core::ids::{TicketId, UserId};

use super::today::{Held, Today};
use crate::planning::clock::seconds_from;

/// An appointment that cannot stay.
#[derive(Debug, Clone)]
pub struct Misfit {
    pub held: Held,
    /// The hard rule that it breaks; `gone`: the engineer does not work here any more; `late`: it would miss its SLA.
    pub cause: &'static str,
    /// It is for a dispatcher to decide.
    pub must_ask: bool,
}

/// The appointments that cannot stay. `changed` is the ticket that something was done to.
pub fn misfits(today: &Today, changed: Option<TicketId>, policy: &Policy) -> Vec<Misfit> {
    let bare = bare(today, today.board.engine.now() - A_DAY_S);
    let mut found: Vec<Misfit> = Vec::new();
    for held in today.held.iter().filter(|held| held.is_on_board() && held.ends_at > today.now) {
        let rule = bare.as_ref().and_then(|bare| broken_rule(today, bare, held, policy));
        found.extend(rule.map(|cause| misfit(today, held, cause)));
    }
    let mut engineers: Vec<UserId> = today.held.iter().map(|held| held.engineer).collect();
    engineers.sort_unstable();
    engineers.dedup();
    for engineer in engineers {
        let Some(index) = today.board.index_of(engineer) else { continue };
        let is_found = |held: &Held| found.iter().any(|misfit| misfit.held.grant == held.grant);
        let mine: Vec<&Held> = today.held.iter().filter(|held| held.engineer == engineer && !is_found(held)).collect();
        let pressed = pressed(today, index, &mine, changed, policy);
        found.extend(pressed.into_iter().map(|(held, cause)| misfit(today, held, cause)));
    }
    found
}

fn misfit(today: &Today, held: &Held, cause: &'static str) -> Misfit {
    use crate::directory::DispatchMode;
    // Whoever should be there by now may well be, with a phone that has no network.
    let must_ask = held.mode != DispatchMode::Automatic || held.is_pinned || held.starts_at <= today.now;
    Misfit { held: held.clone(), cause, must_ask }
}

/// The engineers with nothing to do, at some moment: before what is looked at, so that nothing is past.
pub fn bare(today: &Today, now: i64) -> Option<Engine> {
    let engine = &today.board.engine;
    let free = |engineer: &callout_dispatch::Engineer| callout_dispatch::Engineer {
        commitments: Vec::new(),
        position: None,
        ..engineer.clone()
    };
    let engineers = engine.engineers().iter().map(free).collect();
    Engine::new(now, engine.travel().clone(), engineers, Vec::new()).ok()
}

/// The rule that forbids an appointment whatever else the engineer has to do.
fn broken_rule(today: &Today, bare: &Engine, held: &Held, policy: &Policy) -> Option<&'static str> {
    let rule = match today.board.index_of(held.engineer) {
        None => (!today.board.is_homeless(held.engineer)).then_some("gone"),
        Some(engineer) => {
            let visit = today.board.engine.visit(today.visit(held.visit)?);
            let start = seconds_from(held.starts_at);
            let then = Visit { windows: Vec::new(), pinned_start: Some(start), ..visit.clone() };
            let reason = assess(bare, &then, engineer, policy).err();
            let rule = reason.map(|reason| reason.rule().as_str()).filter(|rule| STANDING.contains(rule));
            let is_outside = !visit.windows.is_empty()
                && visit.windows.iter().all(|window| start < window.earliest() || start > window.latest());
            rule.or(is_outside.then_some("window"))
        }
    };
    rule.filter(|rule| held.overridden.iter().all(|broken| broken != rule))
}

/// The appointments behind what upset the day for which there is not enough time, and those that would end too late.
fn pressed<'a>(
    today: &Today,
    engineer: EngineerIndex,
    mine: &[&'a Held],
    changed: Option<TicketId>,
    policy: &Policy,
) -> Vec<(&'a Held, &'static str)> {
    let is_longer = |held: &Held| held.until > held.ends_at && held.until > today.now;
    let is_upset = |held: &&Held| is_longer(held) || Some(held.ticket) == changed;
    let Some(first) = mine.iter().position(is_upset) else { return Vec::new() };
    let is_held_up = is_longer(mine[first]) && mine[first].starts_at <= today.now;
    let (after, before) = (mine[first].starts_at, mine[first].until + A_SHIFT);
    let soon = if is_held_up { today.now } else { today.now + SETTING_OUT };
    let is_suspect = |held: &&&Held| {
        let is_in_time = held.starts_at >= after && held.starts_at < before && held.starts_at > soon;
        let is_known = held.overridden.is_empty() && today.visit(held.visit).is_some();
        held.may_move() && is_in_time && is_known && today.shift_at(engineer, held.starts_at).is_some()
    };
    let suspects: Vec<&Held> = mine.iter().filter(is_suspect).copied().collect();
    if suspects.is_empty() {
        return Vec::new();
    }
    let others =
        mine.iter().copied().filter(|held| held.is_on_board() && !suspects.iter().any(|one| one.grant == held.grant));
    let mut person = today.with(engineer, others);
    if person.position.is_none() {
        // Where the last appointment was; home only before the first.
        person.position = mine.iter().rfind(|held| held.until <= today.now).and_then(|held| held.place);
    }
    let visits: Vec<Visit> = suspects.iter().filter_map(|held| kept(today, held, policy)).collect();
    if visits.len() != suspects.len() {
        return Vec::new();
    }
    let engine = &today.board.engine;
    let Ok(board) = Engine::new(engine.now(), engine.travel().clone(), vec![person], visits) else { return Vec::new() };
    let prepared = Prepared::new(&board, policy);
    let day = Day::new(&prepared, &orders(today, engineer, &suspects));
    let waiting = day.waiting();
    let mut found: Vec<(&Held, &'static str)> =
        waiting.iter().map(|visit| (suspects[visit.0 as usize], "double_booking")).collect();
    for stop in day.plan().routes.iter().flat_map(|route| &route.stops) {
        let Job::Visit(visit) = stop.job else { continue };
        let held = suspects[visit.0 as usize];
        let Some(due) = board.visit(visit).due else { continue };
        let was_in_time = seconds_from(held.ends_at) <= due;
        if stop.end > due && (was_in_time || Some(held.ticket) == changed) {
            found.push((held, "late"));
        }
    }
    found
}

/// A visit that keeps its appointment, but for the tolerance.
fn kept(today: &Today, held: &Held, policy: &Policy) -> Option<Visit> {
    let visit = today.board.engine.visit(today.visit(held.visit)?);
    let start = seconds_from(held.starts_at);
    let latest = visit.windows.iter().map(|window| window.latest()).max().unwrap_or(i64::MAX);
    let latest = (start + i64::from(policy.moved_tolerance_s)).min(latest.max(start));
    let window = TimeWindow::new(start, latest).ok()?;
    // Who may do it has been judged; by their numbers the others are not on the board of one.
    let (barred, preferred) = (Vec::new(), Vec::new());
    let windows = vec![window];
    Some(Visit { windows, pinned_start: None, pinned_engineer: None, barred, preferred, ..visit.clone() })
}

/// What the engineer was to do, shift by shift.
fn orders(today: &Today, engineer: EngineerIndex, suspects: &[&Held]) -> Vec<Order> {
    let mut orders: Vec<Order> = Vec::new();
    for (number, held) in (0..).zip(suspects) {
        let Some(shift) = today.shift_at(engineer, held.starts_at) else { continue };
        match orders.last_mut() {
            Some(order) if order.shift == shift => order.visits.push(VisitIndex(number)),
            _ => orders.push(Order { engineer: EngineerIndex(0), shift, visits: vec![VisitIndex(number)] }),
        }
    }
    orders
}

/// The rules that do not depend on what else the engineer does.
const STANDING: [&str; 7] = ["barred", "territory", "skill", "certificate", "capacity", "shift", "time_off"];
const A_DAY_S: i64 = 86_400;
/// What begins later is another day.
const A_SHIFT: TimeDelta = TimeDelta::hours(16);
/// Whoever is not held up may be on the way to what begins so soon.
pub const SETTING_OUT: TimeDelta = TimeDelta::minutes(30);
