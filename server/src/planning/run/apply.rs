//! What a plan gives to whom is assigned, some visits at a time, each with its explanation.
//!
//! Everything needed stands in the plan's rows, and each transaction notes there what it did: whoever goes on after a
//! process was killed does nothing twice.

use std::sync::Arc;

use callout_dispatch::Plan;
use sync_core::ids::{TicketId, VisitId};

use super::store::{self, Left, Planned, Waiting};
use super::{LEASE, Run};
use crate::ledger::{By, lock_in_order};
use crate::planning::assign::{Decision, Give, Mode, Wish, assign, hand_over, persist};
use crate::planning::board::Board;
use crate::planning::rank::Question;
use crate::planning::{PlanningError, Terms};
use crate::platform::shutdown::Shutdown;
use crate::tenancy::TenantTx;

/// What a plan gives to whom, by ticket: everybody who locks several tickets does so in this order.
pub fn planned(board: &Board, plan: &Plan) -> Vec<Give> {
    let give = |explanation: &callout_dispatch::Explanation| {
        let (visit, ticket) = board.visit(explanation.visit);
        let chosen = board.candidate(&explanation.chosen).into();
        Give { ticket, visit, instead_of: None, chosen, considered: board.explained(explanation) }
    };
    let mut planned: Vec<Give> = plan.explanations.iter().map(give).collect();
    planned.sort_by_key(|give| (give.ticket, give.visit));
    planned
}

impl Run {
    /// Makes the assignments that are wanted and not made yet.
    pub(super) async fn apply(&self, stopping: &Shutdown) -> Result<(), PlanningError> {
        let run = self.order.run;
        let waiting = self.ctx.read(async move |tx: &mut TenantTx| store::waiting(tx, run).await).await?;
        for together in waiting.chunks(TOGETHER) {
            go_on(stopping)?;
            let together: Arc<[Waiting]> = together.into();
            persist(|| self.clone().assign_together(Arc::clone(&together))).await?;
        }
        if !self.order.is_draft {
            // Only now, so that nobody is given the time that the plan still needs.
            let taken = self.ctx.read(async move |tx: &mut TenantTx| store::double_booked(tx, run).await).await?;
            for planned in taken {
                go_on(stopping)?;
                persist(|| self.clone().assign_anew(planned)).await?;
            }
        }
        let (lease, at) = (self.lease, self.hand.clock.now());
        self.ctx.transact(async move |tx: &mut TenantTx| store::finish(tx, lease, at).await).await
    }

    /// In one transaction.
    async fn assign_together(self, together: Arc<[Waiting]>) -> Result<(), PlanningError> {
        let ctx = self.ctx.clone();
        let write = async move |tx: &mut TenantTx| {
            store::hold(tx, self.lease, LEASE).await?;
            let terms = Terms::load(tx).await?;
            let tickets: Vec<TicketId> = together.iter().map(|one| one.ticket).collect();
            lock_in_order(tx, &tickets).await?;
            let visits: Vec<VisitId> = together.iter().map(|one| one.visit).collect();
            for Planned { give, by } in store::planned(tx, self.order.run, &visits).await? {
                let decision = self.decision(By::order_of(by));
                match hand_over(tx, &self.hand.ledger, &give, decision, &terms).await {
                    Ok(grant) => store::assigned(tx, self.order.run, give.visit, grant).await?,
                    Err(error) => self.note_conflict(tx, &give, error).await?,
                }
            }
            Ok(())
        };
        ctx.transact(write).await
    }

    /// What stands in the way of one assignment is noted; of the others it is not.
    async fn note_conflict(&self, tx: &mut TenantTx, give: &Give, error: PlanningError) -> Result<(), PlanningError> {
        let (run, visit) = (self.order.run, give.visit);
        match error {
            error if error.is_double_booked() => store::in_conflict(tx, run, visit, "double_booked").await,
            // Somebody has it, so it is not left.
            PlanningError::AlreadyAssigned { .. } => store::forget(tx, run, visit).await,
            error if error.is_overtaken() => {
                store::leave(tx, run, &left(visit, give.ticket, "changed_meanwhile")).await
            }
            error => Err(error),
        }
    }

    /// Ranks one visit by itself, within the days of the plan.
    async fn assign_anew(self, taken: Waiting) -> Result<(), PlanningError> {
        let ctx = self.ctx.clone();
        let write = async move |tx: &mut TenantTx| {
            store::hold(tx, self.lease, LEASE).await?;
            let (run, visit, ticket) = (self.order.run, taken.visit, taken.ticket);
            let (from, until) = (Some(self.order.from), Some(self.order.to));
            let question = Question { from, until, ..Question::about(visit) };
            let decision = self.decision(By::order_of(self.order.by));
            let terms = Terms::load(tx).await?;
            match assign(tx, &self.hand.ledger, question, Wish::default(), decision, &terms).await {
                Ok(made) => store::given_anew(tx, run, visit, &made.chosen, made.grant).await,
                Err(PlanningError::NobodyCan(considered)) => {
                    let reason = considered.main_refusal().unwrap_or("no_engineer");
                    let left = Left { refused: considered.refused_by_rule, ..left(visit, ticket, reason) };
                    store::leave(tx, run, &left).await
                }
                Err(error) if error.is_double_booked() => {
                    store::leave(tx, run, &left(visit, ticket, "double_booking")).await
                }
                Err(PlanningError::AlreadyAssigned { .. }) => store::forget(tx, run, visit).await,
                Err(error) if error.is_overtaken() => {
                    store::leave(tx, run, &left(visit, ticket, "changed_meanwhile")).await
                }
                Err(error) => Err(error),
            }
        };
        ctx.transact(write).await
    }

    fn decision(&self, by: By) -> Decision {
        Decision { by, mode: Mode::Plan, run: Some(self.order.run), at: self.hand.clock.now() }
    }
}

fn go_on(stopping: &Shutdown) -> Result<(), PlanningError> {
    if stopping.is_announced() { Err(PlanningError::Stopped) } else { Ok(()) }
}

fn left(visit: VisitId, ticket: TicketId, reason: &'static str) -> Left {
    Left { visit, ticket, reason, refused: Default::default() }
}

/// Assignments in one transaction: enough that a plan is not all commits, few enough that nobody waits for their locks.
const TOGETHER: usize = 16;
