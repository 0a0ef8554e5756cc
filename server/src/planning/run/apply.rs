//! What a plan gives to whom is assigned, some visits at a time, each with its explanation.
//!
//! Everything needed stands in the plan's rows, and each transaction notes there what it did: whoever goes on after a
//! process was killed does nothing twice. Appointments are moved in an order in which nobody stands in another's way, and
//! those that swap are moved together. Who is booked elsewhere by then keeps that: the database has no two bookings of
//! one engineer at one time, and what could not be done is noted with the reason.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;
use sqlx::Executor;
use sync_core::ids::{GrantId, TicketId, VisitId};
use sync_core::time::ServerTime;
use uuid::Uuid;

use super::check::conflicts;
use super::groups::{Change as Move, Slot, groups, possible};
use super::planned_store::{self as rows, Planned, Waiting};
use super::proposal::{Change, Left};
use super::{LEASE, Run, store};
use crate::ledger::{By, Desk, lock_in_order, release_ahead};
use crate::planning::assign::{Decision, Mode, Wish, assign, hand_over, persist};
use crate::planning::rank::Question;
use crate::planning::travel::{Roads, informed};
use crate::planning::{PlanningError, Terms};
use crate::platform::shutdown::Shutdown;
use crate::tenancy::TenantTx;

/// Visits that are assigned in one transaction, in groups of which each is done as a whole.
type Together = Vec<Vec<VisitId>>;

impl Run {
    /// Makes the assignments that are wanted and not made yet.
    pub(super) async fn apply(&self, stopping: &Shutdown) -> Result<(), PlanningError> {
        let run = self.order.run;
        loop {
            let waiting = self.ctx.read(async move |tx: &mut TenantTx| rows::waiting(tx, run).await).await?;
            for (tickets, together) in in_order(&waiting) {
                go_on(stopping)?;
                let (tickets, together): (Arc<[TicketId]>, Arc<Together>) = (tickets.into(), together.into());
                persist(|| self.clone().assign_together(Arc::clone(&tickets), Arc::clone(&together))).await?;
            }
            if !self.order.is_draft {
                // Only now, so that nobody is given the time that the plan still needs.
                let taken = self.ctx.read(async move |tx: &mut TenantTx| rows::double_booked(tx, run).await).await?;
                for planned in taken {
                    go_on(stopping)?;
                    let anew = |roads: Roads| async move {
                        persist(|| self.clone().assign_anew(planned, roads.clone())).await
                    };
                    Box::pin(informed(&self.hand.roads, anew)).await?;
                }
            }
            let (lease, at) = (self.lease, self.hand.clock.now());
            let finish = async move |tx: &mut TenantTx| {
                store::hold(tx, lease, LEASE).await?;
                store::finish(tx, lease, at).await
            };
            // Meanwhile somebody may have accepted more of a draft.
            if self.ctx.transact(finish).await? {
                return Ok(());
            }
        }
    }

    /// In one transaction.
    async fn assign_together(self, tickets: Arc<[TicketId]>, together: Arc<Together>) -> Result<(), PlanningError> {
        let ctx = self.ctx.clone();
        let write = async move |tx: &mut TenantTx| {
            store::hold(tx, self.lease, LEASE).await?;
            let (terms, policy) = (Terms::load(tx).await?, store::policy(tx, self.order.run).await?);
            lock_in_order(tx, &tickets).await?;
            let visits: Vec<VisitId> = together.iter().flatten().copied().collect();
            let planned = rows::planned(tx, self.order.run, &visits).await?;
            // What has just been planned as a whole stands as it was read; a draft may be days old.
            let found = match self.order.is_draft {
                true => conflicts(tx, self.order.run, &planned, self.hand.clock.now(), &terms).await?,
                false => BTreeMap::new(),
            };
            let mut planned: BTreeMap<VisitId, Planned> =
                planned.into_iter().map(|one| (one.give.visit, one)).collect();
            for (visit, conflict) in found {
                if let Some(planned) = planned.remove(&visit) {
                    self.note(tx, &planned, conflict).await?;
                }
            }
            for group in together.iter() {
                let group = group.iter().filter_map(|visit| planned.remove(visit)).collect();
                self.assign_group(tx, group, &policy).await?;
            }
            Ok::<_, PlanningError>(())
        };
        ctx.transact(write).await
    }

    /// Gives up the old appointments of the group, and makes the new ones. Of those that cannot be made the old ones stay,
    /// and the others are made without them: who is in whose way is known beforehand, so that a large group is not begun
    /// anew for each of them.
    async fn assign_group(&self, tx: &mut TenantTx, group: Vec<Planned>, policy: &Value) -> Result<(), PlanningError> {
        let (mut group, in_the_way) = if group.len() > 1 { beside(tx, group).await? } else { (group, Vec::new()) };
        let mut refused: Vec<_> = in_the_way.into_iter().map(|planned| (planned, "double_booked")).collect();
        tx.execute("savepoint assign_group").await?;
        loop {
            let held: Vec<GrantId> = group.iter().filter_map(|planned| planned.give.instead_of).collect();
            release_ahead(tx, &held).await?;
            let mut stopped = None;
            for (number, planned) in group.iter().enumerate() {
                match self.carry(tx, planned, policy).await {
                    Ok(grant) => rows::assigned(tx, self.order.run, planned.give.visit, grant).await?,
                    Err(error) => {
                        stopped = Some((number, conflict_of(&error).ok_or(error)?));
                        break;
                    }
                }
            }
            let Some((number, conflict)) = stopped else { break };
            tx.execute("rollback to savepoint assign_group").await?;
            refused.push((group.remove(number), conflict));
        }
        tx.execute("release savepoint assign_group").await?;
        for (planned, conflict) in refused {
            self.note(tx, &planned, conflict).await?;
        }
        Ok(())
    }

    /// Does what is planned for one visit; returns the assignment made, or the one that ended. Its explanation carries the
    /// weights of the search, whatever the tenant's are by now.
    async fn carry(&self, tx: &mut TenantTx, planned: &Planned, policy: &Value) -> Result<GrantId, PlanningError> {
        let Planned { give, by, change } = planned;
        let decision = self.decision(By::order_of(*by));
        match (change, give.instead_of) {
            (Change::Dropped, Some(held)) => {
                let now = ServerTime(decision.at.timestamp_millis());
                let take_back = |desk: &mut Desk<'_>| {
                    let is_held = desk.grants().any(|grant| grant.id == held && grant.ended.is_none());
                    if is_held { Ok(desk.unassign(held)?) } else { Err(PlanningError::AssignmentEnded) }
                };
                self.hand.ledger.edit(tx, give.ticket, decision.by, now, take_back).await?;
                Ok(held)
            }
            _ => hand_over(tx, &self.hand.ledger, give, decision, policy.clone()).await,
        }
    }

    /// Notes why a visit was not assigned as planned. What was drafted is not done otherwise; of a plan that was ordered
    /// as a whole, what has found no place is ranked once more, or left.
    async fn note(&self, tx: &mut TenantTx, planned: &Planned, conflict: &'static str) -> Result<(), PlanningError> {
        let (run, visit) = (self.order.run, planned.give.visit);
        if self.order.is_draft || conflict == "double_booked" {
            return rows::in_conflict(tx, run, visit, conflict).await;
        }
        match conflict {
            // Somebody has it, so it is not left.
            "already_assigned" => rows::forget(tx, run, visit).await,
            _ => rows::leave(tx, run, &Left::because((visit, planned.give.ticket), "changed_meanwhile")).await,
        }
    }

    /// Ranks one visit by itself, within the days of the plan.
    async fn assign_anew(self, taken: Waiting, roads: Roads) -> Result<(), PlanningError> {
        let ctx = self.ctx.clone();
        let write = async move |tx: &mut TenantTx| {
            store::hold(tx, self.lease, LEASE).await?;
            let (run, visit, ticket) = (self.order.run, taken.visit, taken.ticket);
            let (from, until) = (Some(self.order.from), Some(self.order.to));
            let question = Question { from, until, ..Question::about(visit) };
            let decision = self.decision(By::order_of(self.order.by));
            let terms = Terms::load(tx).await?.by(&roads);
            let leave = |reason| Left::because((visit, ticket), reason);
            match assign(tx, &self.hand.ledger, question, Wish::default(), decision, &terms).await {
                Ok(made) => rows::given_anew(tx, run, visit, &made.chosen, made.grant).await,
                Err(PlanningError::NobodyCan(considered)) => {
                    let reason = considered.main_refusal().unwrap_or("no_engineer");
                    let left = Left { refused: considered.refused_by_rule, ..leave(reason) };
                    rows::leave(tx, run, &left).await
                }
                Err(error) if error.is_double_booked() => rows::leave(tx, run, &leave("double_booking")).await,
                Err(PlanningError::AlreadyAssigned { .. }) => rows::forget(tx, run, visit).await,
                Err(error) if error.is_overtaken() => rows::leave(tx, run, &leave("changed_meanwhile")).await,
                Err(error) => Err(error),
            }
        };
        ctx.transact(write).await
    }

    fn decision(&self, by: By) -> Decision {
        Decision { by, mode: Mode::Plan, run: Some(self.order.run), at: self.hand.clock.now() }
    }
}

/// Those of a group that can be done beside what is booked, and those that cannot.
async fn beside(tx: &mut TenantTx, group: Vec<Planned>) -> Result<(Vec<Planned>, Vec<Planned>), PlanningError> {
    let slots: Vec<Slot> = group.iter().filter_map(new_slot).collect();
    let (from, to) = (slots.iter().map(|slot| slot.from).min(), slots.iter().map(|slot| slot.to).max());
    let Some((from, to)) = from.zip(to) else { return Ok((group, Vec::new())) };
    let engineers: Vec<Uuid> = slots.iter().map(|slot| slot.engineer.0).collect();
    let held: BTreeSet<GrantId> = group.iter().filter_map(|planned| planned.give.instead_of).collect();
    let booked = rows::bookings(tx, &engineers, from, to).await?;
    let (given_up, others): (Vec<_>, Vec<_>) = booked.into_iter().partition(|(grant, _)| held.contains(grant));
    let given_up: BTreeMap<GrantId, Slot> = given_up.into_iter().collect();
    let old = |planned: &Planned| planned.give.instead_of.and_then(|grant| given_up.get(&grant).copied());
    let moves: Vec<Move> = group.iter().map(|planned| Move { old: old(planned), new: new_slot(planned) }).collect();
    let others: Vec<Slot> = others.into_iter().map(|(_, slot)| slot).collect();
    let mut possible = possible(&moves, &others).into_iter();
    Ok(group.into_iter().partition(|_| possible.next().unwrap_or(true)))
}

fn new_slot(planned: &Planned) -> Option<Slot> {
    let chosen = &planned.give.chosen;
    let slot = Slot { engineer: chosen.engineer, from: chosen.starts_at, to: chosen.ends_at };
    (planned.change != Change::Dropped).then_some(slot)
}

/// What is to be done, in an order in which each finds the time free that it needs, some groups at a time, each with the
/// tickets concerned.
fn in_order(waiting: &[Waiting]) -> Vec<(Vec<TicketId>, Together)> {
    let moves: Vec<Move> = waiting.iter().map(|one| Move { old: one.old, new: one.new }).collect();
    let mut all: Vec<(Vec<TicketId>, Together)> = Vec::new();
    for group in groups(&moves) {
        let tickets = group.iter().map(|number| waiting[*number].ticket);
        let visits: Vec<VisitId> = group.iter().map(|number| waiting[*number].visit).collect();
        match all.last_mut().filter(|(tickets, _)| tickets.len() + visits.len() <= TOGETHER) {
            Some((last, together)) => {
                last.extend(tickets);
                together.push(visits);
            }
            None => all.push((tickets.collect(), vec![visits])),
        }
    }
    all
}

/// Why an assignment cannot be made although nothing is broken.
fn conflict_of(error: &PlanningError) -> Option<&'static str> {
    match error {
        error if error.is_double_booked() => Some("double_booked"),
        PlanningError::AlreadyAssigned { .. } => Some("already_assigned"),
        PlanningError::AssignmentEnded => Some("reassigned"),
        error if error.is_overtaken() => Some("changed"),
        _ => None,
    }
}

fn go_on(stopping: &Shutdown) -> Result<(), PlanningError> {
    if stopping.is_announced() { Err(PlanningError::Stopped) } else { Ok(()) }
}

/// Assignments in one transaction: enough that a plan is not all commits, few enough that nobody waits for their locks.
const TOGETHER: usize = 16;
