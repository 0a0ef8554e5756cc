//! The rows of plans. Who works on one writes only under the lease; who has lost it changes nothing.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use sqlx::postgres::types::PgInterval;
use sync_core::ids::{GrantId, TicketId, UserId, VisitId};
use uuid::Uuid;

use super::{Order, Stage};
use crate::planning::PlanningError;
use crate::planning::assign::Give;
use crate::planning::choose::Chosen;
use crate::planning::considered::Considered;
use crate::tenancy::TenantTx;

/// That this process works on a plan, by the database's clock, which all processes share.
#[derive(Debug, Clone, Copy)]
pub struct Lease {
    pub run: Uuid,
    pub holder: Uuid,
}

/// A plan as it is written down.
pub struct Written {
    pub planned: Vec<Give>,
    pub left: Vec<Left>,
    pub visits: usize,
    pub engineers: usize,
}

/// A visit that a plan gave to nobody.
#[derive(Debug, Clone)]
pub struct Left {
    pub visit: VisitId,
    pub ticket: TicketId,
    pub reason: &'static str,
    pub refused: BTreeMap<String, u32>,
}

/// A visit that is to be assigned as planned.
#[derive(Debug, Clone, Copy)]
pub struct Waiting {
    pub visit: VisitId,
    pub ticket: TicketId,
}

/// What was planned for a visit, and who wants it so.
pub struct Planned {
    pub give: Give,
    pub by: UserId,
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
                tenant_id, plan_run_id, ordered_by, ordered_at, starts_at, ends_at, is_dry_run, ticket_ids, seed, rounds, policy, state)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'queued')
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
        returning plan_run_id, ordered_by, starts_at, ends_at, ticket_ids, seed, rounds, is_dry_run, attempts",
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
    let travel_s: i64 = written.planned.iter().map(|give| drive_s(&give.chosen)).sum();
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
            policy = $10
        where plan_run_id = $1 and holder = $2 and state = 'running'",
        lease.run,
        lease.holder,
        is_draft,
        at,
        count(written.visits),
        count(written.engineers),
        count(written.planned.len()),
        count(written.left.len()),
        travel_s,
        policy,
    )
    .execute(&mut **tx)
    .await?;
    mine(held.rows_affected())?;
    for some in written.planned.chunks(ROWS) {
        insert_planned(tx, lease.run, some, wanted_by).await?;
    }
    for some in written.left.chunks(ROWS) {
        insert_left(tx, lease.run, some).await?;
    }
    Ok(())
}

async fn insert_planned(
    tx: &mut TenantTx,
    run: Uuid,
    planned: &[Give],
    wanted_by: Option<UserId>,
) -> Result<(), PlanningError> {
    let visits: Vec<Uuid> = planned.iter().map(|give| give.visit.0).collect();
    let tickets: Vec<Uuid> = planned.iter().map(|give| give.ticket.0).collect();
    let engineers: Vec<Uuid> = planned.iter().map(|give| give.chosen.engineer.0).collect();
    let starts: Vec<DateTime<Utc>> = planned.iter().map(|give| give.chosen.starts_at).collect();
    let ends: Vec<DateTime<Utc>> = planned.iter().map(|give| give.chosen.ends_at).collect();
    let drives: Vec<i64> = planned.iter().map(|give| drive_s(&give.chosen)).collect();
    let considered: Result<Vec<Value>, _> = planned.iter().map(|give| serde_json::to_value(&give.considered)).collect();
    sqlx::query!(
        "insert into planned_visit (
            tenant_id, plan_run_id, visit_id, ticket_id, engineer_id, starts_at, ends_at, drive_s, considered, wanted_by)
        select $1, $2, visit_id, ticket_id, engineer_id, starts_at, ends_at, drive_s, considered, $10
        from unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::timestamptz[], $7::timestamptz[], $8::bigint[], $9::jsonb[])
            as planned (visit_id, ticket_id, engineer_id, starts_at, ends_at, drive_s, considered)",
        tx.tenant().0,
        run,
        &visits,
        &tickets,
        &engineers,
        &starts,
        &ends,
        &drives,
        &considered?,
        wanted_by.map(|user| user.0),
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn insert_left(tx: &mut TenantTx, run: Uuid, left: &[Left]) -> Result<(), PlanningError> {
    let ids: Vec<Uuid> = left.iter().map(|one| one.visit.0).collect();
    let tickets: Vec<Uuid> = left.iter().map(|one| one.ticket.0).collect();
    let reasons: Vec<String> = left.iter().map(|one| one.reason.to_owned()).collect();
    let refused: Vec<Value> = left.iter().map(|one| json!(one.refused)).collect();
    sqlx::query!(
        "insert into left_for_later (tenant_id, plan_run_id, visit_id, ticket_id, reason, refused)
        select $1, $2, visit_id, ticket_id, reason, refused
        from unnest($3::uuid[], $4::uuid[], $5::text[], $6::jsonb[]) as remaining (visit_id, ticket_id, reason, refused)",
        tx.tenant().0,
        run,
        &ids,
        &tickets,
        &reasons,
        &refused,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// What is wanted and neither assigned nor found impossible, by ticket.
pub async fn waiting(tx: &mut TenantTx, run: Uuid) -> Result<Vec<Waiting>, PlanningError> {
    let rows = sqlx::query!(
        "select visit_id, ticket_id
        from planned_visit
        where plan_run_id = $1 and wanted_by is not null and grant_id is null and conflict is null
        order by ticket_id, visit_id",
        run,
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(|row| Waiting { visit: VisitId(row.visit_id), ticket: TicketId(row.ticket_id) }).collect())
}

/// Those whose engineer's time was taken meanwhile.
pub async fn double_booked(tx: &mut TenantTx, run: Uuid) -> Result<Vec<Waiting>, PlanningError> {
    let rows = sqlx::query!(
        "select visit_id, ticket_id
        from planned_visit
        where plan_run_id = $1 and wanted_by is not null and conflict = 'double_booked'
        order by ticket_id, visit_id",
        run,
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(|row| Waiting { visit: VisitId(row.visit_id), ticket: TicketId(row.ticket_id) }).collect())
}

/// What was planned for those of these visits that still wait.
pub async fn planned(tx: &mut TenantTx, run: Uuid, visits: &[VisitId]) -> Result<Vec<Planned>, PlanningError> {
    let visits: Vec<Uuid> = visits.iter().map(|visit| visit.0).collect();
    let rows = sqlx::query!(
        r#"select visit_id, ticket_id, engineer_id, starts_at, ends_at, considered, wanted_by as "wanted_by!"
        from planned_visit
        where plan_run_id = $1 and visit_id = any($2) and wanted_by is not null and grant_id is null and conflict is null
        order by ticket_id, visit_id"#,
        run,
        &visits,
    )
    .fetch_all(&mut **tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            // Drafts of the release before kept no reasons.
            let considered: Considered = row.considered.map(serde_json::from_value).transpose()?.unwrap_or_default();
            let candidate = considered.candidates.iter().find(|one| one.engineer_id == row.engineer_id).cloned();
            let chosen = Chosen {
                engineer: UserId(row.engineer_id),
                starts_at: row.starts_at,
                ends_at: row.ends_at,
                candidate,
                overridden: Vec::new(),
            };
            let (ticket, visit) = (TicketId(row.ticket_id), VisitId(row.visit_id));
            let give = Give { ticket, visit, instead_of: None, chosen, considered };
            Ok(Planned { give, by: UserId(row.wanted_by) })
        })
        .collect()
}

/// A visit is assigned as planned. Its reasons are kept with the assignment now.
pub async fn assigned(tx: &mut TenantTx, run: Uuid, visit: VisitId, grant: GrantId) -> Result<(), PlanningError> {
    sqlx::query!(
        "update planned_visit set grant_id = $3, considered = null where plan_run_id = $1 and visit_id = $2",
        run,
        visit.0,
        grant.0,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// A visit is assigned otherwise than planned.
pub async fn given_anew(
    tx: &mut TenantTx,
    run: Uuid,
    visit: VisitId,
    chosen: &Chosen,
    grant: GrantId,
) -> Result<(), PlanningError> {
    sqlx::query!(
        "update planned_visit
        set engineer_id = $3, starts_at = $4, ends_at = $5, drive_s = $6, grant_id = $7, considered = null, conflict = null
        where plan_run_id = $1 and visit_id = $2",
        run,
        visit.0,
        chosen.engineer.0,
        chosen.starts_at,
        chosen.ends_at,
        drive_s(chosen),
        grant.0,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// A visit cannot be assigned as planned.
pub async fn in_conflict(tx: &mut TenantTx, run: Uuid, visit: VisitId, conflict: &str) -> Result<(), PlanningError> {
    sqlx::query!(
        "update planned_visit set conflict = $3 where plan_run_id = $1 and visit_id = $2",
        run,
        visit.0,
        conflict,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// A visit needs no place in the plan any more.
pub async fn forget(tx: &mut TenantTx, run: Uuid, visit: VisitId) -> Result<(), PlanningError> {
    sqlx::query!("delete from planned_visit where plan_run_id = $1 and visit_id = $2", run, visit.0)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// A visit that was planned is left after all.
pub async fn leave(tx: &mut TenantTx, run: Uuid, left: &Left) -> Result<(), PlanningError> {
    forget(tx, run, left.visit).await?;
    insert_left(tx, run, std::slice::from_ref(left)).await
}

/// Everything wanted has been assigned, or cannot be.
pub async fn finish(tx: &mut TenantTx, lease: Lease, at: DateTime<Utc>) -> Result<(), PlanningError> {
    let finished = sqlx::query!(
        "update plan_run r
        set state = 'applied',
            finished_at = $3,
            holder = null,
            held_until = null,
            assigned = planned.visits,
            travel_s = planned.travel_s,
            left_out = planned.left_out
        from (
            select count(*)::integer as visits,
                coalesce(sum(drive_s), 0)::bigint as travel_s,
                (select count(*)::integer from left_for_later where plan_run_id = $1) as left_out
            from planned_visit
            where plan_run_id = $1
        ) planned
        where r.plan_run_id = $1 and r.holder = $2 and r.state = 'applying'",
        lease.run,
        lease.holder,
        at,
    )
    .execute(&mut **tx)
    .await?;
    mine(finished.rows_affected())
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

fn mine(rows: u64) -> Result<(), PlanningError> {
    if rows > 0 { Ok(()) } else { Err(PlanningError::Overtaken) }
}

fn drive_s(chosen: &Chosen) -> i64 {
    chosen.candidate.as_ref().map_or(0, |candidate| candidate.drive_s)
}

fn interval(length: TimeDelta) -> PgInterval {
    PgInterval { months: 0, days: 0, microseconds: length.num_microseconds().unwrap_or(i64::MAX) }
}

/// Plans of one tenant that wait or run.
const MOST_WAITING: i64 = 20;
/// Rows that one statement inserts.
const ROWS: usize = 500;
