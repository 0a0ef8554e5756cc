//! Where an appointment that cannot stay fits nowhere beside the others, some of them make room: as few as possible, each
//! within what was agreed with the customer, and none of them is lost for it.
//!
//! Only what the server dispatches by itself moves here, later or to somebody else; nothing is brought forward.

use callout_dispatch::{
    Board as Engine, Day, EngineerIndex, Explanation, Order, Policy, Prepared, Published, TimeWindow, Visit,
    VisitIndex, assess,
};
use chrono::TimeDelta;
use sync_core::ids::UserId;
use uuid::Uuid;

use super::judge::{SETTING_OUT, bare};
use super::place::{Proposal, around};
use super::today::{Held, Today};
use crate::directory::DispatchMode;
use crate::planning::board_store::{self as rows, Horizon};
use crate::planning::clock::seconds_from;
use crate::planning::travel::{Roads, informed};
use crate::planning::{PlanningError, Terms};
use crate::tenancy::{TenantCtx, TenantTx};

/// The days of everybody around whom it may concern, with the appointment that wants a place.
pub async fn read(ctx: &TenantCtx, wanted: &Held, terms: &Terms, at: &Today) -> Result<Today, PlanningError> {
    let (visit, now) = (wanted.visit, at.now);
    let read = |roads: Roads| {
        let terms = terms.clone().by(&roads);
        ctx.read(async move |tx: &mut TenantTx| {
            let visits = rows::visits(tx, &[visit.0]).await?;
            let horizon = Horizon { from: now, to: now + AROUND };
            let crew = around(tx, &visits, horizon, NEAR).await?;
            let crew: Vec<UserId> = crew.into_iter().map(|row| UserId(row.engineer_id)).collect();
            Today::load(tx, &crew, &[visit], &terms, now).await
        })
    };
    informed(&terms.roads, read).await
}

/// The moves by which the wanted one gets a place too; none if that takes more than a few.
pub fn make_room(today: &Today, wanted: &Proposal, policy: &Policy) -> Option<Vec<Proposal>> {
    let policy = Policy { moved_tolerance_s: 0, relaxed: 0, ..policy.clone() };
    let (crew, visit) = able(today, &wanted.held, &policy)?;
    let mut movable: Vec<&Held> = today.held.iter().filter(|held| may_make_room(today, held, wanted, &crew)).collect();
    for _ in 0..2 {
        let visits = movable.iter().map(|held| as_published(today, held, &crew)).collect::<Option<Vec<Visit>>>()?;
        let engine = engine(today, &crew, &movable, visits.into_iter().chain([visit.clone()]).collect())?;
        let prepared = Prepared::new(&engine, &policy);
        let mut day = Day::new(&prepared, &orders(today, &crew, &movable));
        let last = VisitIndex(u32::try_from(movable.len()).ok()?);
        let askew: Vec<VisitIndex> = day.waiting().into_iter().filter(|waiting| *waiting != last).collect();
        if askew.is_empty() {
            let is_placed = day.settle(ROUNDS, SEED).is_empty();
            return is_placed.then(|| moves(today, wanted, &crew, &movable, &day)).flatten();
        }
        // What was booked against the engine's better knowledge stays as it is.
        let is_askew = |number: &usize| askew.iter().any(|visit| visit.0 as usize == *number);
        movable = (0..).zip(movable).filter(|(number, _)| !is_askew(number)).map(|(_, held)| held).collect();
    }
    None
}

/// Those who could take it if they had nothing else to do, the best of them, and the visit as it may be placed.
fn able(today: &Today, held: &Held, policy: &Policy) -> Option<(Vec<EngineerIndex>, Visit)> {
    let visit = today.board.engine.visit(today.visit(held.visit)?);
    let (now, start) = (seconds_from(today.now), seconds_from(held.starts_at));
    let anytime = || TimeWindow::new(now.max(start - AN_HOUR_S), now.max(start + 12 * AN_HOUR_S)).ok();
    let windows = if visit.windows.is_empty() { vec![anytime()?] } else { visit.windows.clone() };
    let mut visit = Visit { windows, pinned_start: None, preferred: Vec::new(), ..visit.clone() };
    let bare = bare(today, now)?;
    let everybody = (0..u32::try_from(bare.engineers().len()).ok()?).map(EngineerIndex);
    let mut able: Vec<_> = everybody.filter_map(|engineer| assess(&bare, &visit, engineer, policy).ok()).collect();
    able.sort_by_key(|candidate| (candidate.score.total_s(), candidate.engineer));
    able.truncate(MOST_ASKED);
    let mut crew: Vec<EngineerIndex> = able.into_iter().map(|candidate| candidate.engineer).collect();
    crew.sort_unstable();
    // None of them is; and the crew is numbered anew.
    visit.barred.clear();
    (!crew.is_empty()).then_some((crew, visit))
}

fn may_make_room(today: &Today, held: &Held, wanted: &Proposal, crew: &[EngineerIndex]) -> bool {
    let is_asked =
        |engineer: EngineerIndex| crew.contains(&engineer) && today.shift_at(engineer, held.starts_at).is_some();
    held.may_move()
        && held.grant != wanted.held.grant
        && held.mode == DispatchMode::Automatic
        && held.overridden.is_empty()
        && held.starts_at > today.now + SETTING_OUT
        && today.board.index_of(held.engineer).is_some_and(is_asked)
        && today.visit(held.visit).is_some()
}

/// An appointment that people know of: not earlier, and later only as far as was agreed.
fn as_published(today: &Today, held: &Held, crew: &[EngineerIndex]) -> Option<Visit> {
    let visit = today.board.engine.visit(today.visit(held.visit)?);
    let start = seconds_from(held.starts_at);
    let agreed = visit.windows.iter().map(|window| window.latest()).max();
    let latest = agreed.unwrap_or(start + 2 * AN_HOUR_S).max(start);
    let engineer = today.board.index_of(held.engineer)?;
    let engineer = u32::try_from(crew.iter().position(|one| *one == engineer)?).ok()?;
    let published = Some(Published { engineer: EngineerIndex(engineer), start });
    let windows = vec![TimeWindow::new(start, latest).ok()?];
    let here =
        |one: &EngineerIndex| crew.iter().zip(0..).find(|(there, _)| *there == one).map(|(_, at)| EngineerIndex(at));
    let (barred, preferred) = (visit.barred.iter().filter_map(here).collect(), Vec::new());
    Some(Visit { windows, pinned_start: None, published, barred, preferred, ..visit.clone() })
}

/// The crew, with everything that does not move as it is.
fn engine(today: &Today, crew: &[EngineerIndex], movable: &[&Held], visits: Vec<Visit>) -> Option<Engine> {
    let stays = |held: &&Held| held.is_on_board() && movable.iter().all(|one| one.grant != held.grant);
    let person = |engineer: &EngineerIndex| {
        let id = today.board.engineer(*engineer);
        today.with(*engineer, today.held.iter().filter(|held| held.engineer == id).filter(stays))
    };
    let engine = &today.board.engine;
    Engine::new(engine.now(), engine.travel().clone(), crew.iter().map(person).collect(), visits).ok()
}

/// Who does what of it in which shift.
fn orders(today: &Today, crew: &[EngineerIndex], movable: &[&Held]) -> Vec<Order> {
    let mut orders: Vec<Order> = Vec::new();
    for (number, held) in (0..).zip(movable) {
        let index = today.board.index_of(held.engineer);
        let Some((here, index)) = (0..).zip(crew).find(|(_, one)| Some(**one) == index) else { continue };
        let Some(shift) = today.shift_at(*index, held.starts_at) else { continue };
        let engineer = EngineerIndex(here);
        match orders.iter_mut().find(|order| order.engineer == engineer && order.shift == shift) {
            Some(order) => order.visits.push(VisitIndex(number)),
            None => orders.push(Order { engineer, shift, visits: vec![VisitIndex(number)] }),
        }
    }
    orders
}

/// What is not where it was, and the wanted one.
fn moves(
    today: &Today,
    wanted: &Proposal,
    crew: &[EngineerIndex],
    movable: &[&Held],
    day: &Day<'_>,
) -> Option<Vec<Proposal>> {
    let plan = day.plan();
    let is_kept =
        |held: &Held, engineer: Uuid, start: i64| held.engineer.0 == engineer && seconds_from(held.starts_at) == start;
    let mut moves = Vec::new();
    for explanation in &plan.explanations {
        let (chosen, explanation) = (explanation.chosen, on_board(explanation, crew)?);
        let candidate = today.board.candidate(&explanation.chosen);
        let held = movable.get(explanation.visit.0 as usize).copied();
        if held.is_some_and(|held| is_kept(held, candidate.engineer_id, chosen.start)) {
            continue;
        }
        let (held, cause) = held.map_or((&wanted.held, wanted.cause), |held| (held, "makes_room"));
        let mut considered = today.board.explained(&explanation);
        considered.passed_over = u32::try_from(today.board.engineer_count() - crew.len()).unwrap_or(u32::MAX);
        moves.push(Proposal { held: held.clone(), cause, must_ask: false, chosen: Some(candidate), considered });
    }
    (moves.len() <= 1 + MOST_MOVED).then_some(moves)
}

/// The explanation with the engineers as the board numbers them.
fn on_board(explanation: &Explanation, crew: &[EngineerIndex]) -> Option<Explanation> {
    let mut explanation = explanation.clone();
    let there = |engineer: &mut EngineerIndex| crew.get(engineer.0 as usize).map(|index| *engineer = *index);
    there(&mut explanation.chosen.engineer)?;
    explanation.alternatives.iter_mut().try_for_each(|candidate| there(&mut candidate.engineer))?;
    explanation.refusals.iter_mut().try_for_each(|refused| there(&mut refused.engineer))?;
    Some(explanation)
}

const AN_HOUR_S: i64 = 3600;
/// Whose days are looked at.
const AROUND: TimeDelta = TimeDelta::days(3);
const NEAR: u32 = 4;
/// Among how many engineers room is looked for, and how many appointments may move for one.
const MOST_ASKED: usize = 8;
const MOST_MOVED: usize = 3;
const ROUNDS: u64 = 300;
const SEED: u64 = 1;
