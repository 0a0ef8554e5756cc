//! A dispatcher has days planned: everything that nobody has, or some tickets of it.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sync_core::ids::UserId;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::plan_store;
use super::plan_view::{AcceptRequest, PlanRequest, PlanState, PlanView};
use crate::planning::run::{self, Order};
use crate::planning::{PlanningError, Terms};
use crate::tenancy::{TenantCtx, TenantTx};

/// Orders the plan, and says what came of it; or, if that takes long, where it stands.
pub async fn plan(ctx: TenantCtx, order: Order, at: DateTime<Utc>) -> Result<PlanView, PlanningError> {
    let plan = order.run;
    let order = async move |tx: &mut TenantTx| {
        let policy = Terms::load(tx).await?.record();
        run::order(tx, &order, &policy, at).await
    };
    ctx.transact(order).await?;
    let view = when_it_stands(&ctx, plan).await?;
    match (view.summary.state, &view.summary.failure) {
        (PlanState::Failed, Some(failure)) => Err(PlanningError::Failed { plan, failure: failure.clone() }),
        _ => Ok(view),
    }
}

/// Accepts a draft or part of it, and says what came of it; or, if that takes long, where it stands.
pub async fn accept(ctx: TenantCtx, plan: Uuid, part: AcceptRequest, by: UserId) -> Result<PlanView, PlanningError> {
    for (field, ids) in [("engineer_ids", &part.engineer_ids), ("visit_ids", &part.visit_ids)] {
        if ids.as_ref().is_some_and(|ids| ids.len() > MOST_TICKETS) {
            return Err(PlanningError::Invalid { field, reason: "at most 10000; leave both out for all" });
        }
    }
    let accept = async move |tx: &mut TenantTx| {
        run::accept(tx, plan, part.engineer_ids.as_deref(), part.visit_ids.as_deref(), by).await
    };
    ctx.transact(accept).await?;
    when_it_stands(&ctx, plan).await
}

/// The plan as soon as nobody works on it any more, or when patience ends. Another process may be at it, so it is the
/// row that is looked at.
async fn when_it_stands(ctx: &TenantCtx, plan: Uuid) -> Result<PlanView, PlanningError> {
    let begun = Instant::now();
    let mut pause = SHORTEST_PAUSE;
    loop {
        let state = ctx.read(async move |tx: &mut TenantTx| plan_store::state(tx, plan).await).await?;
        if !state.is_at_work() || begun.elapsed() + pause > PATIENCE {
            return ctx.read(async move |tx: &mut TenantTx| plan_store::plan(tx, plan).await).await;
        }
        sleep(pause).await;
        pause = (pause * 3 / 2).min(LONGEST_PAUSE);
    }
}

/// What is to be planned, from the request.
pub fn order(request: PlanRequest, run: Uuid, by: UserId, now: DateTime<Utc>) -> Result<Order, PlanningError> {
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
    let (is_draft, is_replan) = (request.draft || request.dry_run, request.replan);
    if is_replan && !is_draft {
        return invalid("replan", "only in a draft: what others were promised moves when somebody has looked at it");
    }
    let (tickets, seed, to) = (request.ticket_ids, request.seed.unwrap_or(1), request.to);
    Ok(Order { run, by, from, to, tickets, seed, rounds, is_draft, is_replan })
}

const LONGEST_DAYS: i64 = 31;
const ROUNDS: u32 = 50_000;
const MOST_ROUNDS: u32 = 2_000_000;
const MOST_TICKETS: usize = 10_000;
/// Well below the time after which any request is given up.
const PATIENCE: Duration = Duration::from_secs(20);
const SHORTEST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
