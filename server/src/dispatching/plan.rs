//! A dispatcher has days planned: everything that nobody has, or some tickets of it.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::plan_view::{PlanRequest, PlanView};
use super::store;
use crate::ledger::Ledger;
use crate::planning::run::{Order, start};
use crate::planning::{PlanningError, Terms};
use crate::platform::clock::Clock;
use crate::tenancy::{TenantCtx, TenantTx};

/// Plans and assigns, and says what came of it; or, if that takes long, that it has begun.
pub async fn plan(ctx: TenantCtx, ledger: Arc<Ledger>, clock: Clock, order: Order) -> Result<PlanView, PlanningError> {
    let id = order.run;
    let terms = ctx.read(async move |tx: &mut TenantTx| Terms::load(tx).await).await?;
    let told = start(ctx.clone(), ledger, clock, order, terms).await?;
    match tokio::time::timeout(PATIENCE, told).await {
        Ok(Ok(outcome)) => outcome?,
        Ok(Err(_)) => return Err(PlanningError::Stopped),
        // It goes on by itself.
        Err(_) => {}
    }
    ctx.read(async move |tx: &mut TenantTx| store::plan(tx, id).await).await
}

/// What is to be planned, from the request.
pub fn order(request: PlanRequest, run: Uuid, now: DateTime<Utc>) -> Result<Order, PlanningError> {
    let invalid = |field, reason| Err(PlanningError::Invalid { field, reason });
    let from = request.from.unwrap_or(now);
    if request.to <= from.max(now) {
        return invalid("to", "it must be later than now and than `from`");
    }
    if request.to - from > TimeDelta::days(LONGEST_DAYS) {
        return invalid("to", "at most 31 days are planned at once");
    }
    let rounds = request.rounds.unwrap_or(ROUNDS);
    if rounds > MOST_ROUNDS {
        return invalid("rounds", "at most 2000000");
    }
    if request.ticket_ids.as_ref().is_some_and(|ids| ids.len() > MOST_TICKETS) {
        return invalid("ticket_ids", "at most 10000; leave it out for all");
    }
    let (tickets, seed, is_dry) = (request.ticket_ids, request.seed.unwrap_or(1), request.dry_run);
    Ok(Order { run, from, to: request.to, tickets, seed, rounds, is_dry })
}

const LONGEST_DAYS: i64 = 31;
const ROUNDS: u32 = 50_000;
const MOST_ROUNDS: u32 = 2_000_000;
const MOST_TICKETS: usize = 10_000;
/// Well below the time after which any request is given up.
const PATIENCE: Duration = Duration::from_secs(20);
