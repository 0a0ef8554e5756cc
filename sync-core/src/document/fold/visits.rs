//! Where visits stand: each engineer's part by itself, then the visit from its parts, then the ticket from its visits.
//!
//! - An engineer's part depends on his own moves, on a colleague's report that the visit is done, and on what the
//!   desk does to the visit or the ticket. Facts that no engineer's grant backs belong to the visit itself.
//! - A visit stands where its most active engineer does; it is done when nobody works on it any more.
//! - A ticket stands where its most active unfinished visit does; it is done when every live visit is.

use std::collections::{BTreeMap, BTreeSet};

use crate::document::body::FactBody;
use crate::document::fact::Fact;
use crate::document::fold::concurrency::Act;
use crate::document::fold::order::Order;
use crate::document::fold::track::{self, Step};
use crate::document::fold::{Input, Reviews, presence, window};
use crate::document::grant::GrantRole;
use crate::ids::{GrantId, UserId, VisitId};
use crate::time::TimeWindow;
use crate::workflow::{Move, Status};

/// Where one visit stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisitState {
    /// Where it stands.
    pub status: Status,
    /// When it may start, with the wishes of this phone that the server has not answered yet.
    pub window: Option<TimeWindow>,
    /// Everybody who ever had it, by grant.
    pub crew: Vec<CrewMember>,
}

/// One engineer's part of a visit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CrewMember {
    /// The assignment.
    pub grant: GrantId,
    /// The engineer.
    pub user: UserId,
    /// As what; nothing while the assignment's record is not here.
    pub role: Option<GrantRole>,
    /// Where this engineer stands; `created` before he has it, after he turned it down, or once it was taken back.
    pub status: Status,
    /// When he is planned to be at it.
    pub slot: Option<TimeWindow>,
    /// Checked in, and neither checked out nor done.
    pub is_present: bool,
    /// The visit was taken back from him.
    pub has_ended: bool,
}

impl VisitState {
    /// Those who have it, or are there although it was taken back.
    pub fn engineers(&self) -> impl Iterator<Item = &CrewMember> {
        self.crew.iter().filter(|member| !member.has_ended || member.is_present)
    }
}

pub(crate) fn fold(input: &Input<'_>, order: &Order<'_>, reviews: &mut Reviews) -> BTreeMap<VisitId, VisitState> {
    let planned = input.core.visits.keys().copied();
    let visits: BTreeSet<VisitId> = planned.chain(order.facts().filter_map(|(_, fact)| fact.visit)).collect();
    visits.into_iter().map(|visit| (visit, fold_visit(input, order, visit, reviews))).collect()
}

/// Where the ticket stands, given its visits.
pub(crate) fn ticket_status(input: &Input<'_>, order: &Order<'_>, visits: &BTreeMap<VisitId, VisitState>) -> Status {
    let live: Vec<Status> =
        visits.values().map(|visit| visit.status).filter(|status| *status != Status::Cancelled).collect();
    if !live.is_empty() {
        return most_active(live);
    }
    let desk = steps(order, |fact, _| fact.visit.is_none());
    track::fold(order, &desk, false, input.workflow, &mut Reviews::default())
}

fn fold_visit(input: &Input<'_>, order: &Order<'_>, visit: VisitId, reviews: &mut Reviews) -> VisitState {
    let mut crew = Vec::new();
    let mut statuses = Vec::new();
    for grant in grants_of(order, visit) {
        let steps = steps(order, |fact, verb| bears_on(fact, verb, visit, grant));
        let status = track::fold(order, &steps, grant.is_some(), input.workflow, reviews);
        statuses.push(status);
        crew.extend(grant.and_then(|grant| member(input, order, visit, grant, status, &steps)));
    }
    statuses.retain(|status| *status != Status::Created);
    let live: Vec<Status> = statuses.iter().copied().filter(|status| *status != Status::Cancelled).collect();
    let status = match (live.is_empty(), statuses.is_empty()) {
        (false, _) => most_active(live),
        (true, false) => Status::Cancelled,
        (true, true) => Status::Created,
    };
    VisitState { status, window: window::overlaid(input, order, visit), crew }
}

/// The grants by which anybody acts on a visit, and `None` for the visit itself.
fn grants_of(order: &Order<'_>, visit: VisitId) -> BTreeSet<Option<GrantId>> {
    let about = order.facts().map(|(_, fact)| fact).filter(|fact| fact.visit == Some(visit));
    about.map(grant_of).chain([None]).collect()
}

/// The grant whose part a fact belongs to.
fn grant_of(fact: &Fact) -> Option<GrantId> {
    match fact.body {
        FactBody::Assign { grant, .. } | FactBody::Unassign { grant } => Some(grant),
        _ => fact.grant,
    }
}

fn bears_on(fact: &Fact, verb: Move, visit: VisitId, grant: Option<GrantId>) -> bool {
    match verb {
        Move::Verify | Move::Close | Move::Cancel | Move::Reopen => fact.visit.is_none_or(|one| one == visit),
        Move::Done => fact.visit == Some(visit),
        _ => fact.visit == Some(visit) && grant_of(fact) == grant,
    }
}

fn steps(order: &Order<'_>, is_one: impl Fn(&Fact, Move) -> bool) -> Vec<Step> {
    let step = |(place, fact)| match Act::of(fact) {
        Act::Moved(verb) if is_one(fact, verb) => Some(Step { place, verb }),
        _ => None,
    };
    order.facts().filter_map(step).collect()
}

fn member(
    input: &Input<'_>,
    order: &Order<'_>,
    visit: VisitId,
    grant: GrantId,
    status: Status,
    steps: &[Step],
) -> Option<CrewMember> {
    let record = input.grants.get(&grant);
    let assigned = steps.iter().find_map(|step| match order.fact(step.place).body {
        FactBody::Assign { user, start, end, .. } => Some((user, start.zip(end))),
        _ => None,
    });
    let slot = assigned.and_then(|(_, slot)| slot).and_then(|(start, end)| TimeWindow::new(start, end).ok());
    Some(CrewMember {
        grant,
        user: record.map(|record| record.user).or(assigned.map(|(user, _)| user))?,
        role: record.map(|record| record.role),
        status,
        slot,
        is_present: presence::is_present(order, visit, grant),
        has_ended: steps.iter().any(|step| step.verb == Move::Unassign),
    })
}

/// The most active of those that are not finished; if all are, the one that got least far.
fn most_active(statuses: Vec<Status>) -> Status {
    let unfinished = statuses.iter().copied().filter(|status| !status.is_finished());
    unfinished
        .max_by_key(|status| activity(*status))
        .or_else(|| statuses.iter().copied().min())
        .unwrap_or(Status::Created)
}

fn activity(status: Status) -> u8 {
    match status {
        Status::Cancelled => 0,
        Status::Created => 1,
        Status::Assigned => 2,
        Status::Accepted => 3,
        Status::EnRoute => 4,
        Status::Paused => 5,
        Status::OnSite => 6,
        Status::InProgress => 7,
        Status::Done | Status::Verified | Status::Closed => 8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_still_to_be_done_counts_before_what_is_finished() {
        for finished in [Status::Done, Status::Verified, Status::Closed] {
            assert_eq!(most_active(vec![finished, Status::Assigned]), Status::Assigned);
        }
        assert_eq!(most_active(vec![Status::OnSite, Status::InProgress, Status::EnRoute]), Status::InProgress);
        assert_eq!(most_active(vec![Status::Closed, Status::Done, Status::Verified]), Status::Done);
    }
}
