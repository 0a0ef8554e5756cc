//! What would have to give so that a visit that nobody can take is served after all: the least change of each kind.
//!
//! Each is found by the very tests that refused: the requirement is dropped, the window opened or the shift made longer,
//! and the engineers are asked again.

use crate::board::Board;
use crate::duty::Duty;
use crate::engineer::{CertificateIndex, EngineerIndex, SkillIndex};
use crate::interval::TimeWindow;
use crate::policy::Policy;
use crate::rank::{Question, assess_among};
use crate::rest::{NEVER, TOO_LATE};
use crate::route::{Ground, Route, Wanted};
use crate::rules::{Reason, eligible};
use crate::visit::Visit;

/// With one thing changed, this engineer could take the visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relaxation {
    pub change: Change,
    pub engineer: EngineerIndex,
    /// When it would start.
    pub start: i64,
}

/// What changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It may start so many seconds before its first window, or after its last.
    Earlier {
        by_s: i64,
    },
    Later {
        by_s: i64,
    },
    /// The shift goes on for so many seconds more.
    Overtime {
        by_s: i64,
    },
    /// Somebody may come who has the skill at a lower level, or not at all.
    Skill {
        skill: SkillIndex,
        needs: u8,
        has: Option<u8>,
    },
    /// Somebody may come without the certificate, or with one that ends too soon.
    Certificate {
        certificate: CertificateIndex,
    },
    /// Somebody from elsewhere, somebody barred, or another than the pinned engineer may come.
    Territory,
    Barred,
    Pinned,
}

/// The least change of each kind, the smallest first; engineers in the order of their index where it makes no
/// difference. Empty if no single change helps.
pub(crate) fn relaxations(board: &Board, policy: &Policy, routes: &[Route], visit: &Visit) -> Vec<Relaxation> {
    let mut found: Vec<(i64, Relaxation)> = Vec::new();
    let question = Question::new(board, visit);
    for engineer in board.engineer_indices() {
        let Err(reason) = assess_among(board, routes, &question, engineer, policy) else { continue };
        let ask = |visit: &Visit| {
            let answer = assess_among(board, routes, &Question::new(board, visit), engineer, policy);
            answer.ok().map(|candidate| (candidate.start, candidate.detour_s.max(0)))
        };
        match waived(visit, reason) {
            Some((change, easier)) => {
                if let Some((start, detour_s)) = ask(&easier) {
                    keep(&mut found, WAIVER_S + detour_s, Relaxation { change, engineer, start });
                }
            }
            None => {
                for (change, start) in moved(visit, |visit| ask(visit).map(|(start, _)| start)) {
                    keep(&mut found, by_s(change), Relaxation { change, engineer, start });
                }
                if let Some((by_s, start)) = overtime(board, policy, routes, &question, engineer) {
                    let change = Change::Overtime { by_s };
                    keep(&mut found, by_s * 3 / 2, Relaxation { change, engineer, start });
                }
            }
        }
    }
    found.sort_by_key(|(cost, relaxation)| (*cost, relaxation.engineer));
    found.into_iter().map(|(_, relaxation)| relaxation).collect()
}

/// The visit without what this engineer lacks; `None` if time is what is missing, or room.
fn waived(visit: &Visit, reason: Reason) -> Option<(Change, Visit)> {
    let mut easier = visit.clone();
    let change = match reason {
        Reason::Skill { skill, needs, has } => {
            easier.skills.retain(|needed| needed.skill != skill);
            Change::Skill { skill, needs, has }
        }
        Reason::Certificate { certificate, .. } => {
            easier.certificates.retain(|needed| *needed != certificate);
            Change::Certificate { certificate }
        }
        Reason::Territory => {
            easier.territory = None;
            Change::Territory
        }
        Reason::Barred => {
            easier.barred.clear();
            Change::Barred
        }
        Reason::Pinned { .. } => {
            easier.pinned_engineer = None;
            Change::Pinned
        }
        Reason::Capacity | Reason::Shift | Reason::TimeOff | Reason::Window | Reason::DoubleBooking => return None,
    };
    Some((change, easier))
}

/// The nearest times outside of its windows at which it could start, if any are near enough.
fn moved(visit: &Visit, ask: impl Fn(&Visit) -> Option<i64>) -> Vec<(Change, i64)> {
    let starts = Question::starts_of(visit);
    let at = |from: i64, to: i64| {
        let windows = vec![TimeWindow::new(from, to).ok()?];
        ask(&Visit { windows, pinned_start: None, ..visit.clone() })
    };
    let mut moved = Vec::new();
    if starts.last < NEVER {
        let start = STEPS_S.iter().find_map(|step_s| at(starts.last + 1, starts.last + step_s));
        moved.extend(start.map(|start| (Change::Later { by_s: start - starts.last }, start)));
    }
    if starts.first > TOO_LATE {
        let start = STEPS_S.iter().find_map(|step_s| at(starts.first - step_s, starts.first - 1));
        moved.extend(start.map(|start| (Change::Earlier { by_s: starts.first - start }, start)));
    }
    moved
}

/// By how much some shift would have to be longer, and when the visit would then start.
fn overtime(
    board: &Board,
    policy: &Policy,
    routes: &[Route],
    question: &Question<'_>,
    engineer: EngineerIndex,
) -> Option<(i64, i64)> {
    let deadline = eligible(board, question.visit, engineer).ok()?;
    let wanted = Wanted { task: &question.task, drives: None, deadline, bias_s: 0 };
    let longer = board.duties_of(engineer).filter_map(|index| {
        let shift = &board.engineer(engineer).shifts[board.duties[index].shift as usize];
        let closes = shift.interval.end() + i64::from(shift.overtime_s);
        let (finish, _) = with_overtime(board, policy, routes, wanted, index, LONGEST_OVERTIME_S)?;
        let by_s = u32::try_from((finish - closes).max(1)).ok()?;
        // What is promised is tried once more with exactly that: a rest may lie otherwise then.
        let (_, start) = with_overtime(board, policy, routes, wanted, index, by_s)?;
        Some((i64::from(by_s), start))
    });
    longer.min()
}

/// When a duty that may last so much longer would be finished with the visit, and when the visit would start.
fn with_overtime(
    board: &Board,
    policy: &Policy,
    routes: &[Route],
    wanted: Wanted<'_>,
    index: usize,
    overtime_s: u32,
) -> Option<(i64, i64)> {
    let known = &board.duties[index];
    let mut person = board.engineer(known.engineer).clone();
    let shift = person.shifts.get_mut(known.shift as usize)?;
    shift.overtime_s = shift.overtime_s.saturating_add(overtime_s);
    // Time off at the end of the shift stays time off, so the hours are made anew.
    let duty = Duty::of(known.engineer, &person, board.now()).find(|duty| duty.shift == known.shift)?;
    // Nobody works longer who has an appointment afterwards.
    let is_after = |start: i64| (known.hours.closes..duty.hours.closes).contains(&start);
    if person.commitments.iter().any(|commitment| is_after(commitment.interval.start())) {
        return None;
    }
    let duty = Duty { from_node: known.from_node, to_node: known.to_node, pace: known.pace, ..duty };
    let ground = Ground { duty: &duty, ..board.ground(index) };
    let route = routes[index].again(ground)?;
    let tried = (0..=route.stops.len()).filter_map(|position| {
        let start = route.try_insert(ground, wanted, position, policy)?.start;
        Some((route.finish_with(ground, wanted, position)?, start))
    });
    tried.min()
}

/// Keeps the least of each kind.
fn keep(found: &mut Vec<(i64, Relaxation)>, cost: i64, relaxation: Relaxation) {
    let is_alike = |one: &Change, other: &Change| match (one, other) {
        (Change::Skill { skill: one, .. }, Change::Skill { skill: other, .. }) => one == other,
        (one, other) => std::mem::discriminant(one) == std::mem::discriminant(other),
    };
    match found.iter_mut().find(|(_, kept)| is_alike(&kept.change, &relaxation.change)) {
        Some(kept) if cost < kept.0 => *kept = (cost, relaxation),
        Some(_) => {}
        None => found.push((cost, relaxation)),
    }
}

fn by_s(change: Change) -> i64 {
    match change {
        Change::Earlier { by_s } | Change::Later { by_s } | Change::Overtime { by_s } => by_s,
        _ => WAIVER_S,
    }
}

/// What it weighs to send somebody who should not come, beside seconds by which a time is moved.
const WAIVER_S: i64 = 7200;
/// How far a window is opened, step by step.
const STEPS_S: [i64; 5] = [1800, 3600, 7200, 14_400, 28_800];
const LONGEST_OVERTIME_S: u32 = 7200;
