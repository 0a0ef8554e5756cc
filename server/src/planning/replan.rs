//! A day under way that changed: what no longer fits is moved, and nothing else.
//!
//! An event only says where to look. What is so now is read, in short transactions with none open while the engine
//! computes: who can work when, what has begun, what takes longer. `judge` finds the appointments that cannot stay, `place`
//! looks for where they could go while every other one stays exactly as it is; where that is nowhere, a few others make
//! `room`. Then, by the type of the ticket, the moves are made, or suggested to a dispatcher. So an event that comes twice,
//! late or out of order does no harm, and two servers at once book nobody twice: whoever finds that an appointment is not
//! what was read begins anew.

mod today;
mod judge;
mod place;
mod room;
mod carry_out;
mod fill;
mod overruns;
mod store;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Value;
use sync_core::ids::{TicketId, UserId};
use sync_core::time::ServerTime;

use super::travel::Roads;
use super::{Happened, PlanningError, Terms};
use crate::ledger::{self, Ledger, LedgerError};
use crate::tenancy::{TenantCtx, TenantTx};
use carry_out::{carry_out, is_overtaken, make_together};
use judge::misfits;
use place::{Neighbourhood, Proposal};
use today::Today;

pub use overruns::notice_overruns;

/// Whose days an event may have upset.
#[derive(Debug, Clone, Default)]
struct Concerned {
    engineers: Vec<UserId>,
    /// The ticket that changed.
    ticket: Option<TicketId>,
    /// Whether an engineer may have more time than before.
    may_free: bool,
}

/// Does what follows from an event for appointments that exist, and for visits that waited for somebody's time.
pub async fn follow(
    ctx: &TenantCtx,
    ledger: &Arc<Ledger>,
    roads: &Roads,
    event: Happened<'_>,
    now: DateTime<Utc>,
) -> Result<(), PlanningError> {
    let concerned = concerned(ctx, event, now).await?;
    if concerned.engineers.is_empty() {
        return Ok(());
    }
    absorb(ctx, ledger, roads, &concerned, now).await?;
    if concerned.may_free {
        fill::fill(ctx, ledger, roads, &concerned.engineers, now).await?;
    }
    Ok(())
}

async fn concerned(ctx: &TenantCtx, event: Happened<'_>, now: DateTime<Utc>) -> Result<Concerned, PlanningError> {
    let engineer = || event.payload["engineer_id"].as_str().and_then(|id| id.parse::<UserId>().ok());
    match (event.kind, event.ticket) {
        ("engineer.changed", _) => {
            Ok(Concerned { engineers: engineer().into_iter().collect(), ticket: None, may_free: true })
        }
        ("visit.overran", _) => {
            Ok(Concerned { engineers: engineer().into_iter().collect(), ticket: None, may_free: false })
        }
        ("ticket.changed", Some(ticket)) if says(event.payload, &UPSETTING) => {
            let is_over = says(event.payload, &ENDING);
            if is_over {
                let now = ServerTime(now.timestamp_millis());
                let give_back =
                    async move |tx: &mut TenantTx| ledger::give_back_rest(tx, ticket, now).await.map(|_| ());
                ctx.transact::<_, LedgerError, _>(give_back).await?;
            }
            let engineers = ctx.read(async move |tx: &mut TenantTx| store::engineers_of(tx, ticket).await).await?;
            Ok(Concerned { engineers, ticket: Some(ticket), may_free: says(event.payload, &FREEING) })
        }
        _ => Ok(Concerned::default()),
    }
}

fn says(payload: &Value, facts: &[&str]) -> bool {
    let said = payload["facts"].as_array().map(Vec::as_slice).unwrap_or_default();
    said.iter().filter_map(Value::as_str).any(|fact| facts.contains(&fact))
}

/// Moves what cannot stay, or suggests it; and takes back what had been suggested and is needed no more.
async fn absorb(
    ctx: &TenantCtx,
    ledger: &Arc<Ledger>,
    roads: &Roads,
    concerned: &Concerned,
    now: DateTime<Utc>,
) -> Result<(), PlanningError> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        match attempt(ctx, ledger, roads, concerned, now).await {
            Err(error) if is_overtaken(&error) && attempts < ATTEMPTS => {}
            outcome => return outcome,
        }
    }
}

async fn attempt(
    ctx: &TenantCtx,
    ledger: &Arc<Ledger>,
    roads: &Roads,
    concerned: &Concerned,
    now: DateTime<Utc>,
) -> Result<(), PlanningError> {
    let terms = ctx.read(async move |tx: &mut TenantTx| Terms::load(tx).await).await?.by(roads);
    let today = Today::read(ctx, &concerned.engineers, &terms, now).await?;
    let (ticket, policy) = (concerned.ticket, terms.policy.clone());
    let (today, misfits) = beside(move || {
        let misfits = misfits(&today, ticket, &policy);
        (today, misfits)
    })
    .await?;
    let mut proposals: Arc<[Proposal]> = Arc::default();
    if !misfits.is_empty() {
        let (around, policy) = (Neighbourhood::read(ctx, &misfits, &terms, now).await?, terms.policy.clone());
        proposals = beside(move || around.place(&policy)).await?.into();
    }
    carry_out(ctx, ledger, &proposals, &today, &terms).await?;
    for wanted in proposals.iter().filter(|proposal| proposal.wants_room()).take(MOST_ROOMS) {
        let (around, policy) = (room::read(ctx, &wanted.held, &terms, &today).await?, terms.policy.clone());
        let wanted = wanted.clone();
        if let Some(moves) = beside(move || room::make_room(&around, &wanted, &policy)).await? {
            match make_together(ctx, ledger, moves, &today, &terms).await {
                // It stays as a suggestion that nobody can; the next event looks again.
                Err(error) if is_overtaken(&error) => tracing::info!(%error, "nobody made room after all"),
                made => made?,
            }
        }
    }
    Ok(())
}

/// Computes beside the tasks of the server.
async fn beside<T: Send + 'static>(compute: impl FnOnce() -> T + Send + 'static) -> Result<T, PlanningError> {
    tokio::task::spawn_blocking(compute).await.map_err(|_| PlanningError::Stopped)
}

/// Facts after which appointments may not fit any more, or time is free.
const UPSETTING: [&str; 8] =
    ["cancel", "unassign", "decline", "done", "desk_edit", "reschedule", "reopen", "check_out"];
/// Those after which the time booked for a visit may not be needed any more.
const ENDING: [&str; 2] = ["cancel", "done"];
const FREEING: [&str; 4] = ["cancel", "unassign", "decline", "done"];
/// For how many appointments others are asked to make room, at one event.
const MOST_ROOMS: usize = 3;
/// How often it is tried with what others have changed meanwhile.
const ATTEMPTS: u32 = 4;
