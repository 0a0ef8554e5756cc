//! A plan becomes assignments, some at a time, each with its explanation.

use std::collections::BTreeMap;
use std::sync::Arc;

use callout_dispatch::Plan;
use sync_core::ids::TicketId;

use super::Run;
use crate::ledger::{By, lock_in_order};
use crate::planning::PlanningError;
use crate::planning::assign::{Decision, Give, Mode, Wish, assign, hand_over, persist};
use crate::planning::board::Board;
use crate::planning::rank::Question;
use crate::planning::store::{self, Left};
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

/// What came of a part of the plan.
#[derive(Default)]
struct Outcome {
    /// The engineer's time was taken meanwhile.
    taken: Vec<Give>,
    left: Vec<Left>,
}

impl Run {
    /// Makes the assignments; returns what had to be left after all.
    pub(super) async fn apply(&self, planned: Vec<Give>) -> Result<Vec<Left>, PlanningError> {
        let mut all = Outcome::default();
        for together in planned.chunks(TOGETHER) {
            let Outcome { taken, left } = self.assign_together(together).await?;
            all.taken.extend(taken);
            all.left.extend(left);
        }
        // Only now, so that nobody is given the time that the plan still needs.
        for give in all.taken {
            all.left.extend(persist(|| self.clone().assign_anew(give.clone())).await?);
        }
        Ok(all.left)
    }

    /// In one transaction.
    async fn assign_together(&self, together: &[Give]) -> Result<Outcome, PlanningError> {
        let together: Arc<[Give]> = together.into();
        persist(|| self.clone().write_together(Arc::clone(&together))).await
    }

    async fn write_together(self, together: Arc<[Give]>) -> Result<Outcome, PlanningError> {
        let (run, decision) = (self.clone(), self.decision());
        let write = async move |tx: &mut TenantTx| {
            let mut outcome = Outcome::default();
            let tickets: Vec<TicketId> = together.iter().map(|give| give.ticket).collect();
            lock_in_order(tx, &tickets).await?;
            for give in together.iter() {
                match hand_over(tx, &run.ledger, give, decision, &run.terms).await {
                    Ok(grant) => {
                        let visit = (give.visit, give.ticket);
                        store::insert_planned(tx, run.order.run, visit, &give.chosen, Some(grant)).await?;
                    }
                    Err(error) if error.is_double_booked() => outcome.taken.push(give.clone()),
                    // Somebody has it, so it is not left.
                    Err(PlanningError::AlreadyAssigned { .. }) => {}
                    Err(error) if error.is_overtaken() => outcome.left.push(left(give, "changed_meanwhile")),
                    Err(error) => return Err(error),
                }
            }
            Ok(outcome)
        };
        self.ctx.transact(write).await
    }

    /// Ranks one visit by itself, within the days of the plan.
    async fn assign_anew(self, give: Give) -> Result<Option<Left>, PlanningError> {
        let (run, decision) = (self.clone(), self.decision());
        let question =
            Question { from: Some(self.order.from), until: Some(self.order.to), ..Question::about(give.visit) };
        let write = async move |tx: &mut TenantTx| match assign(
            tx,
            &run.ledger,
            question,
            Wish::default(),
            decision,
            &run.terms,
        )
        .await
        {
            Ok(made) => {
                let visit = (made.visit, made.ticket);
                store::insert_planned(tx, run.order.run, visit, &made.chosen, Some(made.grant)).await?;
                Ok(None)
            }
            Err(PlanningError::NobodyCan(considered)) => {
                let reason = considered.main_refusal().unwrap_or("no_engineer");
                Ok(Some(Left { refused: considered.refused_by_rule, ..left(&give, reason) }))
            }
            Err(error) if error.is_double_booked() => Ok(Some(left(&give, "double_booking"))),
            Err(PlanningError::AlreadyAssigned { .. }) => Ok(None),
            Err(error) if error.is_overtaken() => Ok(Some(left(&give, "changed_meanwhile"))),
            Err(error) => Err(error),
        };
        self.ctx.transact(write).await
    }

    fn decision(&self) -> Decision {
        let (by, at) = (By::caller(&self.ctx), self.clock.now());
        Decision { by, mode: Mode::Plan, run: Some(self.order.run), at }
    }
}

fn left(give: &Give, reason: &'static str) -> Left {
    Left { visit: give.visit, ticket: give.ticket, reason, refused: BTreeMap::new() }
}

/// Assignments in one transaction: enough that a plan is not all commits, few enough that nobody waits for their locks.
const TOGETHER: usize = 16;
