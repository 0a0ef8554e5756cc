//! The rows of plans. Who works on one writes only under the lease; who has lost it changes nothing.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use sqlx::postgres::types::PgInterval;
use sync_core::ids::UserId;
use uuid::Uuid;

use super::figures::Figures;
use super::planned_store::{self, drive_s};
use super::proposal::{Change, Left, Proposal};
use super::{Order, Stage};
use crate::planning::PlanningError;
use crate::tenancy::TenantTx;

/// That this process works on a plan, by the database's clock, which all processes share.
#[derive(Debug, Clone, Copy)]
pub struct Lease {
    pub run: Uuid,
    pub holder: Uuid,
}

/// A plan as it is written down.
pub struct Written {
    pub planned: Vec<Proposal>,
    pub left: Vec<Left>,
    pub visits: usize,
    pub engineers: usize,
    /// What the days come to before and after.
    pub figures: Option<(Figures, Figures)>,
}

/// Orders a plan, and wakes the workers once the transaction has committed.
pub async fn order(tx: &mut TenantTx, order: &Order, policy: &Value, at: DateTime<Utc>) -> Result<(), PlanningError> {
    // Orders of one tenant one after the other, so that their number is right.
    sqlx::query!("select pg_advisory_xact_lock(hashtextextended('plans of ' || $1::uuid::text, 0))", tx.tenant().0)
        .execute(&mut **tx)
        .await?;
    let waiting =
        sqlx::query_scalar!(r#"select count(*) as "count!" from plan_run where state in ('queued', 'running')"#,)
            .fetch_one(&mut **tx)
            .await?;
    if waiting >= MOST_WAITING {
        return Err(PlanningError::TooMany { most: MOST_WAITING });
    }
    sqlx::query!(
        "with ordered as (
            insert into plan_run (
                tenant_id, plan_run_id, ordered_by, ordered_at, starts_at, ends_at, is_dry_run, is_replan, ticket_ids, seed,
                rounds, policy, state)
            values ($1, $2, $3, $4, $5, $6, $7, $12, $8, $9, $10, $11, 'queued')
        )
        select pg_notify('plan', $1::uuid::text)",
        tx.tenant().0,
        order.run,
        order.by.0,
        at,
        order.from,
        order.to,
        order.is_draft,
        order.tickets.as_deref(),
        i64::from(order.seed),
        i32::try_from(order.rounds).unwrap_or(i32::MAX),
        policy,
        order.is_replan,
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(())
}

/// Takes the lease of the next plan that needs this; says too how often somebody has begun with it.
pub async fn take(
    tx: &mut TenantTx,
    stage: Stage,
    holder: Uuid,
    length: TimeDelta,
) -> Result<Option<(Order, i32)>, PlanningError> {
    let row = sqlx::query!(
        "update plan_run
        set state = case when state = 'queued' then 'running' else state end,
            progress = case when state = 'applying' then progress else 0 end,
            holder = $2,
            held_until = clock_timestamp() + $3,
            taken_at = clock_timestamp(),
            attempts = attempts + 1
        where plan_run_id = (
            select r.plan_run_id
            from plan_run r
            where r.state in ('queued', 'running', 'applying')
                and r.state = any($1)
                and (r.held_until is null or r.held_until < clock_timestamp())
            order by r.ordered_at, r.plan_run_id
            limit 1
            for update skip locked
        )
        returning plan_run_id, ordered_by, starts_at, ends_at, ticket_ids, seed, rounds, is_dry_run, is_replan,
            attempts",
        &stage.states(),
        holder,
        interval(length),
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row.map(|row| {
        let order = Order {
            run: row.plan_run_id,
            by: UserId(row.ordered_by),
            from: row.starts_at,
            to: row.ends_at,
            tickets: row.ticket_ids,
            seed: u32::try_from(row.seed).unwrap_or_default(),
            rounds: u32::try_from(row.rounds).unwrap_or_default(),
            is_draft: row.is_dry_run,
            is_replan: row.is_replan,
        };
        (order, row.attempts)
    }))
}

/// Lets the lease begin anew, and notes which share of the search is done. False if it has been lost.
pub async fn renew(tx: &mut TenantTx, lease: Lease, progress: f64, length: TimeDelta) -> Result<bool, PlanningError> {
    let renewed = sqlx::query!(
        "update plan_run
        set progress = $3, held_until = clock_timestamp() + $4
        where plan_run_id = $1 and holder = $2 and state = 'running'",
        lease.run,
        lease.holder,
        progress,
        interval(length),
    )
    .execute(&mut **tx)
    .await?;
    Ok(renewed.rows_affected() > 0)
}

/// Lets the lease begin anew for what is done in this transaction; nobody else can take it until that has ended.
pub async fn hold(tx: &mut TenantTx, lease: Lease, length: TimeDelta) -> Result<(), PlanningError> {
    let held = sqlx::query!(
        "update plan_run
        set held_until = clock_timestamp() + $3
        where plan_run_id = $1 and holder = $2 and state = 'applying'",
        lease.run,
        lease.holder,
        interval(length),
    )
    .execute(&mut **tx)
    .await?;
    mine(held.rows_affected())
}

/// Writes the plan down: as a draft; or, if there is somebody who wants it so, as what is to be assigned.
pub async fn write_down(
    tx: &mut TenantTx,
    lease: Lease,
    written: &Written,
    wanted_by: Option<UserId>,
    policy: Value,
    at: DateTime<Utc>,
) -> Result<(), PlanningError> {
    let count = |length: usize| i32::try_from(length).unwrap_or(i32::MAX);
    let given = || written.planned.iter().filter(|proposal| proposal.change != Change::Dropped);
    let travel_s: i64 = given().map(|proposal| drive_s(&proposal.give.chosen)).sum();
    let (before, after) = match &written.figures {
        Some((before, after)) => (Some(serde_json::to_value(before)?), Some(serde_json::to_value(after)?)),
        None => (None, None),
    };
    let is_draft = wanted_by.is_none();
    let held = sqlx::query!(
        "update plan_run
        set state = case when $3 then 'drafted' else 'applying' end,
            progress = 1,
            attempts = 0,
            finished_at = case when $3 then $4::timestamptz end,
            holder = case when $3 then null else holder end,
            held_until = case when $3 then null else held_until end,
            visits = $5,
            engineers = $6,
            assigned = case when $3 then $7::integer else 0 end,
            left_out = $8,
            travel_s = case when $3 then $9::bigint else 0 end,
            policy = $10,
            before = $11,
            after = $12
        where plan_run_id = $1 and holder = $2 and state = 'running'",
        lease.run,
        lease.holder,
        is_draft,
        at,
        count(written.visits),
        count(written.engineers),
        count(given().count()),
        count(written.left.len()),
        travel_s,
        policy,
        before,
        after,
    )
    .execute(&mut **tx)
    .await?;
    mine(held.rows_affected())?;
    planned_store::insert(tx, lease.run, &written.planned, wanted_by).await?;
    planned_store::insert_left(tx, lease.run, &written.left).await
}

/// The weights by which the plan was searched, and where its travel times came from.
pub async fn policy(tx: &mut TenantTx, run: Uuid) -> Result<Value, PlanningError> {
    let policy = sqlx::query_scalar!("select policy from plan_run where plan_run_id = $1", run);
    Ok(policy.fetch_one(&mut **tx).await?)
}

/// Everything wanted has been assigned, or cannot be; false if more is wanted by now. The plan's row is held.
pub async fn finish(tx: &mut TenantTx, lease: Lease, at: DateTime<Utc>) -> Result<bool, PlanningError> {
    let finished = sqlx::query!(
        "update plan_run r
        set state = case when planned.is_open then 'drafted' else 'applied' end,
            finished_at = coalesce(r.finished_at, $3),
            attempts = 0,
            holder = null,
            held_until = null,
            assigned = planned.visits,
            travel_s = planned.travel_s,
            left_out = planned.left_out
        from (
            select (count(*) filter (where change <> 'dropped'))::integer as visits,
                coalesce(sum(drive_s), 0)::bigint as travel_s,
                coalesce(bool_or(wanted_by is null and change <> 'unchanged'), false) as is_open,
                coalesce(bool_or(wanted_by is not null and grant_id is null and conflict is null), false) as is_wanted,
                (select count(*)::integer from left_for_later where plan_run_id = $1) as left_out
            from planned_visit
            where plan_run_id = $1
        ) planned
        where r.plan_run_id = $1 and r.holder = $2 and r.state = 'applying' and not planned.is_wanted",
        lease.run,
        lease.holder,
        at,
    )
    .execute(&mut **tx)
    .await?;
    Ok(finished.rows_affected() > 0)
}

/// Somebody accepts a draft, or part of it: it is assigned soon. Once more changes nothing.
pub async fn accept(
    tx: &mut TenantTx,
    run: Uuid,
    engineers: Option<&[Uuid]>,
    visits: Option<&[Uuid]>,
    by: UserId,
) -> Result<(), PlanningError> {
    let found = sqlx::query!("select state, is_dry_run from plan_run where plan_run_id = $1 for update", run)
        .fetch_optional(&mut **tx)
        .await?
        .ok_or(PlanningError::NotFound)?;
    if !found.is_dry_run || !["drafted", "applying", "applied"].contains(&found.state.as_str()) {
        return Err(PlanningError::NoDraft);
    }
    let named = planned_store::are_planned(tx, run, engineers.unwrap_or_default(), visits.unwrap_or_default()).await?;
    let invalid = |field| Err(PlanningError::Invalid { field, reason: "not all of these are in this plan" });
    match named {
        (false, _) => return invalid("engineer_ids"),
        (_, false) => return invalid("visit_ids"),
        _ => {}
    }
    if planned_store::want(tx, run, engineers, visits, by).await? == 0 {
        return Ok(());
    }
    // Whoever assigns some of it already looks again before it is done.
    sqlx::query!(
        "with wanted as (
            update plan_run
            set state = 'applying', attempts = 0
            where plan_run_id = $1 and state <> 'applying'
        )
        select pg_notify('plan', $2::uuid::text)",
        run,
        tx.tenant().0,
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(())
}

/// Calls off a plan of which nothing has been assigned. Whoever works on it has lost the lease, and notices soon.
pub async fn cancel(tx: &mut TenantTx, run: Uuid, at: DateTime<Utc>) -> Result<(), PlanningError> {
    let state = sqlx::query_scalar!("select state from plan_run where plan_run_id = $1 for update", run)
        .fetch_optional(&mut **tx)
        .await?
        .ok_or(PlanningError::NotFound)?;
    match state.as_str() {
        "queued" | "running" => {}
        "cancelled" => return Ok(()),
        _ => return Err(PlanningError::PlanStands),
    }
    sqlx::query!(
        "update plan_run
        set state = 'cancelled', finished_at = $2, holder = null, held_until = null
        where plan_run_id = $1",
        run,
        at,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Gives the lease back; that it was begun does not count.
pub async fn give_back(tx: &mut TenantTx, lease: Lease) -> Result<(), PlanningError> {
    sqlx::query!(
        "with given_back as (
            update plan_run
            set holder = null, held_until = null, attempts = greatest(attempts - 1, 0)
            where plan_run_id = $1 and holder = $2
        )
        select pg_notify('plan', $3::uuid::text)",
        lease.run,
        lease.holder,
        tx.tenant().0,
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(())
}

/// Gives the lease back; for a while nobody is to take it.
pub async fn put_off(tx: &mut TenantTx, lease: Lease, pause: TimeDelta) -> Result<(), PlanningError> {
    sqlx::query!(
        "update plan_run
        set holder = null, held_until = clock_timestamp() + $3
        where plan_run_id = $1 and holder = $2",
        lease.run,
        lease.holder,
        interval(pause),
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// There will be no plan. What was assigned stays so.
pub async fn fail(
    tx: &mut TenantTx,
    lease: Lease,
    failure: &'static str,
    at: DateTime<Utc>,
) -> Result<(), PlanningError> {
    sqlx::query!(
        "update plan_run
        set state = 'failed', failure = $3, finished_at = $4, holder = null, held_until = null
        where plan_run_id = $1 and holder = $2",
        lease.run,
        lease.holder,
        failure,
        at,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Drops plans of days long over of which nothing was assigned; returns how many.
pub async fn forget_unused(tx: &mut TenantTx, at: DateTime<Utc>) -> Result<u64, PlanningError> {
    let forgotten = sqlx::query!(
        "with unused as (
            select r.plan_run_id
            from plan_run r
            where r.state in ('drafted', 'cancelled', 'failed') and greatest(r.finished_at, r.ends_at) < $1
                and not exists (select from assignment_explanation x where x.plan_run_id = r.plan_run_id)
                and not exists (
                    select from planned_visit p where p.plan_run_id = r.plan_run_id and p.wanted_by is not null
                )
            order by r.plan_run_id
            for update skip locked
        ),
        gone_visits as (delete from planned_visit where plan_run_id in (select plan_run_id from unused)),
        gone_left as (delete from left_for_later where plan_run_id in (select plan_run_id from unused))
        delete from plan_run where plan_run_id in (select plan_run_id from unused)",
        at - KEPT,
    )
    .execute(&mut **tx)
    .await?;
    Ok(forgotten.rows_affected())
}

fn mine(rows: u64) -> Result<(), PlanningError> {
    if rows > 0 { Ok(()) } else { Err(PlanningError::Overtaken) }
}

fn interval(length: TimeDelta) -> PgInterval {
    PgInterval { months: 0, days: 0, microseconds: length.num_microseconds().unwrap_or(i64::MAX) }
}

/// How long a plan that assigned nothing can be looked at after its days.
const KEPT: TimeDelta = TimeDelta::days(30);
/// Plans of one tenant that wait or run.
const MOST_WAITING: i64 = 20;
