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

/// Where a track stands by these moves, which come in causal order. `is_manned` says that it is an engineer's part
/// and not the visit itself, to which desk moves apply before anybody has it.
pub(crate) fn fold(
    order: &Order<'_>,
    steps: &[Step],
    is_manned: bool,
    workflow: &Workflow,
    reviews: &mut Reviews,
) -> Status {
    let mut track = Track { order, steps, is_manned, workflow, effective: Vec::with_capacity(steps.len()) };
    for &step in steps {
        let before = track.standing(|place| order.precedes(place, step.place));
        match track.weigh(step, before) {
            Weight::Changes(status) => track.effective.push(Standing { step, status }),
            Weight::ChangesNothing => {}
            Weight::ComesTooLate => reviews.add(Flag::AfterTheEnd, step.place, step.place),
        }
    }
    flag_pairs(order, steps, reviews);
    track.standing(|_| true).map_or(Status::Created, |standing| standing.status)
}

/// One move that bears on a track.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    /// The place of its fact.
    pub place: usize,
    pub verb: Move,
}

struct Track<'a> {
    order: &'a Order<'a>,
    steps: &'a [Step],
    is_manned: bool,
    workflow: &'a Workflow,
    /// The moves so far that have their effect, each with where the track stands by it alone.
    effective: Vec<Standing>,
}

/// A move, and where the track stands by it.
#[derive(Debug, Clone, Copy)]
struct Standing {
    step: Step,
    status: Status,
}

enum Weight {
    Changes(Status),
    ChangesNothing,
    ComesTooLate,
}

impl Track<'_> {
    /// Where the track stands for somebody who has seen these places.
    fn standing(&self, is_seen: impl Fn(usize) -> bool) -> Option<Standing> {
        let standing = self.join(&is_seen)?;
        let is_withdrawn = self.steps.iter().any(|step| step.verb == Move::Unassign && is_seen(step.place));
        // It makes no difference whether the desk knew that he was on site: there he stays until he leaves.
        let is_off = is_withdrawn && stronger(standing.step.verb, Move::Unassign) == Move::Unassign;
        if !is_off && standing.status != Status::Created {
            return Some(standing);
        }
        // Nobody has it any more: then a cancellation holds that did not stand while somebody was there.
        let status = if self.is_called_off(&is_seen, |_| true) { Status::Cancelled } else { Status::Created };
        Some(Standing { status, ..standing })
    }

    /// What a move does to a track that stood at `before` for its author.
    fn weigh(&self, step: Step, before: Option<Standing>) -> Weight {
        let status = before.map_or(Status::Created, |standing| standing.status);
        let is_there = matches!(status, Status::OnSite | Status::InProgress | Status::Paused);
        let is_over = status.is_finished() || status.is_terminal();
        let is_seen = |place| self.order.precedes(place, step.place);
        match step.verb {
            Move::Unassign => Weight::ChangesNothing,
            Move::CheckOut if !is_there => Weight::ChangesNothing,
            Move::CheckOut if self.is_called_off(is_seen, |_| true) => Weight::Changes(Status::Cancelled),
            Move::Reopen if !is_over || (status == Status::Cancelled && self.is_not_meant(step)) => {
                Weight::ChangesNothing
            }
            Move::Reopen if !self.is_manned => Weight::Changes(Status::Created),
            Move::Assign if is_over => Weight::ChangesNothing,
            // They confirm the end that is there, against a reopening that has not seen them.
            Move::Verify | Move::Close | Move::Cancel if status.is_terminal() => Weight::Changes(status),
            verb if status.is_terminal() && verb != Move::Reopen => Weight::ComesTooLate,
            verb => Weight::Changes(self.workflow.status_after(verb, status)),
        }
    }

    /// The strongest of the latest moves seen. Equal strength is settled by the id, so that everybody agrees.
    fn join(&self, is_seen: impl Fn(usize) -> bool) -> Option<Standing> {
        let mut latest: Vec<Standing> = Vec::new();
        for candidate in self.effective.iter().rev().filter(|one| is_seen(one.step.place)) {
            if !latest.iter().any(|later| self.order.precedes(candidate.step.place, later.step.place)) {
                latest.push(*candidate);
            }
        }
        let id = |one: Standing| self.order.fact(one.step.place).id;
        latest.into_iter().reduce(|a, b| match (a.step.verb, b.step.verb) {
            (verb_a, verb_b) if verb_a == verb_b => [a, b][usize::from(id(b) > id(a))],
            (verb_a, verb_b) => [a, b][usize::from(stronger(verb_a, verb_b) == verb_b)],
        })
    }

    /// Such a cancellation is in force, though it may not have stood while the engineer was there.
    fn is_called_off(&self, is_seen: impl Fn(usize) -> bool, is_such: impl Fn(Step) -> bool) -> bool {
        let seen = || self.effective.iter().map(|one| one.step).filter(|step| is_seen(step.place));
        seen().filter(|step| step.verb == Move::Cancel && is_such(*step)).any(|cancel| {
            !seen().any(|step| step.verb == Move::Reopen && self.order.precedes(cancel.place, step.place))
        })
    }

    /// A visit that was cancelled by itself is not reopened together with its ticket.
    fn is_not_meant(&self, reopening: Step) -> bool {
        let is_of_visit = |step: Step| self.order.fact(step.place).visit.is_some();
        !is_of_visit(reopening) && self.is_called_off(|place| self.order.precedes(place, reopening.place), is_of_visit)
    }
}

/// Flags what met, once: an engineer's earlier move is not worth a word beside a later one of his that met the same.
fn flag_pairs(order: &Order<'_>, steps: &[Step], reviews: &mut Reviews) {
    let meeting = |a: &Step, b: &Step| {
        let is_meeting = order.concurrent(a.place, b.place);
        is_meeting.then(|| concurrent(Act::Moved(a.verb), Act::Moved(b.verb)).flag).flatten()
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
