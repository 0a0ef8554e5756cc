//! Makes the moves that the server may make, keeps the others as suggestions, and forgets those that are needed no more.

use std::sync::Arc;

use sync_core::ids::{GrantId, TicketId, VisitId};

use super::place::Proposal;
use super::store;
use super::today::{Held, Today};
use crate::ledger::{By, Ledger, lock_in_order};
use crate::planning::assign::{Decision, Give, Mode, hand_over};
use crate::planning::{PlanningError, Terms};
use crate::tenancy::{TenantCtx, TenantTx};

/// All of it, or none: what was read may not be so any more, and the next attempt then begins with what is.
pub async fn carry_out(
    ctx: &TenantCtx,
    ledger: &Arc<Ledger>,
    proposals: &Arc<[Proposal]>,
    today: &Today,
    terms: &Terms,
) -> Result<(), PlanningError> {
    if proposals.is_empty() && today.suggested.is_empty() {
        return Ok(());
    }
    let all: Vec<GrantId> = today.held.iter().map(|held| held.grant).collect();
    let (ledger, proposals, terms, now) = (Arc::clone(ledger), Arc::clone(proposals), terms.clone(), today.now);
    let by = By::caller(ctx);
    let write = async move |tx: &mut TenantTx| {
        let decision = Decision { by, mode: Mode::Automatic, run: None, at: now };
        make(tx, &ledger, &proposals, decision, &terms).await?;
        for proposal in proposals.iter().filter(|one| !one.is_made()) {
            store::keep(tx, proposal, &terms, now).await?;
        }
        let needed: Vec<VisitId> = proposals.iter().map(|proposal| proposal.held.visit).collect();
        store::forget(tx, &all, &needed).await
    };
    ctx.transact(write).await
}

/// Makes the moves in the order in which they were found: each is free once those before it are made.
async fn make(
    tx: &mut TenantTx,
    ledger: &Ledger,
    proposals: &[Proposal],
    decision: Decision,
    terms: &Terms,
) -> Result<(), PlanningError> {
    let moves: Vec<&Proposal> = proposals.iter().filter(|proposal| proposal.is_made()).collect();
    let tickets: Vec<TicketId> = moves.iter().map(|one| one.held.ticket).collect();
    lock_in_order(tx, &tickets).await?;
    let held: Vec<&Held> = moves.iter().map(|one| &one.held).collect();
    if !store::are_as_read(tx, &held).await? {
        return Err(PlanningError::AssignmentEnded);
    }
    for proposal in moves {
        // With it stands why; whoever confirms a suggestion leaves the same trace.
        store::keep(tx, proposal, terms, decision.at).await?;
        let Some(give) = proposal.give() else { continue };
        Box::pin(hand_over(tx, ledger, &give, decision, terms)).await?;
        let (from, to) = (proposal.held.engineer, give.chosen.engineer);
        tracing::info!(visit.id = %give.visit, engineer.id = %to, instead_of = %from, cause = proposal.cause, "visit moved by the server");
    }
    Ok(())
}

impl Proposal {
    /// Whether the server does it without asking.
    fn is_made(&self) -> bool {
        self.chosen.is_some() && !self.must_ask
    }

    fn give(&self) -> Option<Give> {
        let chosen = self.chosen.clone()?.into();
        let (ticket, visit, instead_of) = (self.held.ticket, self.held.visit, Some(self.held.grant));
        Some(Give { ticket, visit, instead_of, chosen, considered: self.considered.clone() })
    }
}

/// Whether somebody else was quicker, so that it is worth looking again.
pub fn is_overtaken(error: &PlanningError) -> bool {
    error.is_overtaken() || error.is_double_booked() || error.is_deadlock()
}
