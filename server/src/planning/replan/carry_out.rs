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
    lock(tx, moves.iter().copied()).await?;
    for proposal in moves {
        Box::pin(move_one(tx, ledger, proposal, decision, terms)).await?;
    }
    Ok(())
}

/// Makes moves that make room for each other, each as soon as its time is free; all of them, or none.
pub async fn make_together(
    ctx: &TenantCtx,
    ledger: &Arc<Ledger>,
    moves: Vec<Proposal>,
    today: &Today,
    terms: &Terms,
) -> Result<(), PlanningError> {
    let (ledger, moves, terms): (_, Arc<[Proposal]>, _) = (Arc::clone(ledger), moves.into(), terms.clone());
    let decision = Decision { by: By::caller(ctx), mode: Mode::Automatic, run: None, at: today.now };
    let write = async move |tx: &mut TenantTx| {
        lock(tx, moves.iter()).await?;
        let mut pending: Vec<&Proposal> = moves.iter().collect();
        while !pending.is_empty() {
            let mut blocked = Vec::new();
            for proposal in &pending {
                match Box::pin(move_one(tx, &ledger, proposal, decision, &terms)).await {
                    Err(error) if error.is_double_booked() => blocked.push(*proposal),
                    made => made?,
                }
            }
            if blocked.len() == pending.len() {
                return Err(PlanningError::AssignmentEnded);
            }
            pending = blocked;
        }
        Ok(())
    };
    ctx.transact(write).await
}

/// Locks the tickets, and makes sure that the appointments are what was read.
async fn lock<'a>(tx: &mut TenantTx, moves: impl Iterator<Item = &'a Proposal>) -> Result<(), PlanningError> {
    let (tickets, held): (Vec<TicketId>, Vec<&Held>) = moves.map(|one| (one.held.ticket, &one.held)).unzip();
    lock_in_order(tx, &tickets).await?;
    if store::are_as_read(tx, &held).await? { Ok(()) } else { Err(PlanningError::AssignmentEnded) }
}

async fn move_one(
    tx: &mut TenantTx,
    ledger: &Ledger,
    proposal: &Proposal,
    decision: Decision,
    terms: &Terms,
) -> Result<(), PlanningError> {
    // With it stands why; whoever confirms a suggestion leaves the same trace.
    store::keep(tx, proposal, terms, decision.at).await?;
    let Some(give) = proposal.give() else { return Ok(()) };
    hand_over(tx, ledger, &give, decision, terms.record()).await?;
    let (from, to) = (proposal.held.engineer, give.chosen.engineer);
    tracing::info!(visit.id = %give.visit, engineer.id = %to, instead_of = %from, cause = proposal.cause, "visit moved by the server");
    Ok(())
}

impl Proposal {
    /// Whether others should make room for it.
    pub fn wants_room(&self) -> bool {
        self.chosen.is_none() && !self.must_ask && self.cause != "late"
    }

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
