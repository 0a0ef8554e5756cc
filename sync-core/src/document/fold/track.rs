//! Where one engineer's part of a visit stands: the moves that bear on it, joined by the concurrency table.
//!
//! Each move is weighed in the light of what its author had seen, so it either has its effect, or changes nothing
//! there and lets through what was before it, or comes after the end and is flagged. Of those in effect the latest
//! ones are joined: the strongest stands.

use crate::document::flag::Flag;
use crate::document::fold::Reviews;
use crate::document::fold::concurrency::{Act, concurrent, stronger};
use crate::document::fold::order::Order;
use crate::workflow::{Move, Status, Workflow};

/// One move that bears on a track.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    /// The place of its fact.
    pub place: usize,
    pub verb: Move,
}

/// A move that has its effect, and where the track stands by it.
#[derive(Debug, Clone, Copy)]
struct Effective {
    step: Step,
    status: Status,
}

/// Where a track stands by these moves, which come in causal order. `is_manned` says that it is an engineer's part
/// and not the visit itself, to which desk moves apply before anybody has it.
pub(crate) fn fold(
    order: &Order<'_>,
    steps: &[Step],
    is_manned: bool,
    workflow: &Workflow,
    reviews: &mut Reviews,
) -> Status {
    let mut effective: Vec<Effective> = Vec::with_capacity(steps.len());
    for &step in steps.iter().filter(|step| step.verb != Move::Unassign) {
        let before = join(order, effective.iter().filter(|earlier| order.precedes(earlier.step.place, step.place)));
        match weigh(order, step, before, &effective, is_manned, workflow) {
            Weight::Changes(status) => effective.push(Effective { step, status }),
            Weight::ChangesNothing => {}
            Weight::ComesTooLate => reviews.add(Flag::AfterTheEnd, step.place, step.place),
        }
    }
    flag_pairs(order, steps, reviews);
    match join(order, effective.iter()) {
        Some(standing) if is_withdrawn(steps, standing.step.verb) => Status::Created,
        Some(standing) => standing.status,
        None => Status::Created,
    }
}

enum Weight {
    Changes(Status),
    ChangesNothing,
    ComesTooLate,
}

/// What a move does to a track that stood at `before` for its author.
fn weigh(
    order: &Order<'_>,
    step: Step,
    before: Option<&Effective>,
    effective: &[Effective],
    is_manned: bool,
    workflow: &Workflow,
) -> Weight {
    let status = before.map_or(Status::Created, |standing| standing.status);
    let is_there = matches!(status, Status::OnSite | Status::InProgress | Status::Paused);
    let is_over = status.is_finished() || status.is_terminal();
    match step.verb {
        Move::CheckOut if !is_there => Weight::ChangesNothing,
        Move::CheckOut if is_called_off(order, step, effective) => Weight::Changes(Status::Cancelled),
        Move::Reopen if !is_over || is_other_cancellation(order, step, before) => Weight::ChangesNothing,
        Move::Reopen if !is_manned => Weight::Changes(Status::Created),
        Move::Assign if is_over => Weight::ChangesNothing,
        Move::Verify | Move::Close | Move::Cancel if status.is_terminal() => Weight::ChangesNothing,
        verb if status.is_terminal() && verb != Move::Reopen => Weight::ComesTooLate,
        verb => Weight::Changes(workflow.status_after(verb, status)),
    }
}

/// A visit that was cancelled by itself is not reopened together with its ticket.
fn is_other_cancellation(order: &Order<'_>, reopening: Step, before: Option<&Effective>) -> bool {
    let is_of_visit = |step: Step| order.fact(step.place).visit.is_some();
    before.is_some_and(|standing| {
        standing.step.verb == Move::Cancel && is_of_visit(standing.step) && !is_of_visit(reopening)
    })
}

/// The strongest of the latest of these moves. Equal strength is settled by the id, so that everybody agrees.
fn join<'a>(order: &Order<'_>, effective: impl DoubleEndedIterator<Item = &'a Effective>) -> Option<&'a Effective> {
    let mut latest: Vec<&Effective> = Vec::new();
    for candidate in effective.rev() {
        if !latest.iter().any(|later| order.precedes(candidate.step.place, later.step.place)) {
            latest.push(candidate);
        }
    }
    let id = |one: &Effective| order.fact(one.step.place).id;
    latest.into_iter().reduce(|a, b| match (a.step.verb, b.step.verb) {
        (verb_a, verb_b) if verb_a == verb_b => {
            if id(a) > id(b) {
                a
            } else {
                b
            }
        }
        (verb_a, verb_b) if stronger(verb_a, verb_b) == verb_a => a,
        _ => b,
    })
}

/// The engineer's grant has ended and he is not there to stay until he leaves. It makes no difference whether the
/// desk knew that he was on site.
fn is_withdrawn(steps: &[Step], standing: Move) -> bool {
    let has_ended = steps.iter().any(|step| step.verb == Move::Unassign);
    has_ended && stronger(standing, Move::Unassign) == Move::Unassign
}

/// Whoever leaves in sight of a cancellation that did not stand while he was there leaves a cancelled visit.
fn is_called_off(order: &Order<'_>, leaving: Step, effective: &[Effective]) -> bool {
    let seen = || effective.iter().filter(|earlier| order.precedes(earlier.step.place, leaving.place));
    seen().any(|cancel| {
        let is_reopened =
            |later: &Effective| later.step.verb == Move::Reopen && order.precedes(cancel.step.place, later.step.place);
        cancel.step.verb == Move::Cancel && !seen().any(is_reopened)
    })
}

/// Flags what met, once: an engineer's earlier move is not worth a word beside a later one of his that met the same.
fn flag_pairs(order: &Order<'_>, steps: &[Step], reviews: &mut Reviews) {
    let meeting = |a: &Step, b: &Step| {
        let flag = concurrent(Act::Moved(a.verb), Act::Moved(b.verb)).flag?;
        order.concurrent(a.place, b.place).then_some(flag)
    };
    let is_outdone = |a: &Step, b: &Step| {
        let his = |later: &&Step| order.fact(later.place).grant == order.fact(a.place).grant && !is_desk(later.verb);
        !is_desk(a.verb)
            && steps.iter().filter(his).any(|later| order.precedes(a.place, later.place) && meeting(later, b).is_some())
    };
    for (i, a) in steps.iter().enumerate() {
        for b in &steps[i + 1..] {
            if let Some(flag) = meeting(a, b).filter(|_| !is_outdone(a, b) && !is_outdone(b, a)) {
                reviews.add(flag, a.place, b.place);
            }
        }
    }
}

fn is_desk(verb: Move) -> bool {
    matches!(verb, Move::Assign | Move::Unassign | Move::Verify | Move::Close | Move::Cancel | Move::Reopen)
}
