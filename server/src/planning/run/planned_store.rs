//! The rows of what a plan gives to whom, and of what it leaves.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sync_core::ids::{GrantId, TicketId, UserId, VisitId};
use uuid::Uuid;

use super::groups::Slot;
use super::proposal::{Change, Left, Proposal};
use crate::planning::PlanningError;
use crate::planning::assign::Give;
use crate::planning::choose::Chosen;
use crate::planning::considered::Considered;
use crate::tenancy::TenantTx;

/// A visit that is to be assigned as planned.
#[derive(Debug, Clone, Copy)]
pub struct Waiting {
    pub visit: VisitId,
    pub ticket: TicketId,
    /// The time that is given up, and the time that is taken.
    pub old: Option<Slot>,
    pub new: Option<Slot>,
}

/// What was planned for a visit, and who wants it so.
pub struct Planned {
    pub give: Give,
    pub by: UserId,
    pub change: Change,
}

/// Writes down what is planned; if there is somebody who wants it so, it is to be assigned.
pub async fn insert(
    tx: &mut TenantTx,
    run: Uuid,
    planned: &[Proposal],
    wanted_by: Option<UserId>,
) -> Result<(), PlanningError> {
    for some in planned.chunks(ROWS) {
        insert_some(tx, run, some, wanted_by).await?;
    }
    Ok(())
}

async fn insert_some(
    tx: &mut TenantTx,
    run: Uuid,
    planned: &[Proposal],
    wanted_by: Option<UserId>,
) -> Result<(), PlanningError> {
    let gives = || planned.iter().map(|proposal| &proposal.give);
    let held = || planned.iter().map(|proposal| proposal.held);
    let visits: Vec<Uuid> = gives().map(|give| give.visit.0).collect();
    let tickets: Vec<Uuid> = gives().map(|give| give.ticket.0).collect();
    let engineers: Vec<Uuid> = gives().map(|give| give.chosen.engineer.0).collect();
    let starts: Vec<DateTime<Utc>> = gives().map(|give| give.chosen.starts_at).collect();
    let ends: Vec<DateTime<Utc>> = gives().map(|give| give.chosen.ends_at).collect();
    let drives: Vec<i64> = gives().map(|give| drive_s(&give.chosen)).collect();
    let considered: Result<Vec<Value>, _> = gives().map(|give| serde_json::to_value(&give.considered)).collect();
    let changes: Vec<String> = planned.iter().map(|proposal| proposal.change.as_str().to_owned()).collect();
    let from_grants: Vec<Option<Uuid>> = held().map(|held| held.map(|held| held.grant.0)).collect();
    let from_engineers: Vec<Option<Uuid>> = held().map(|held| held.map(|held| held.engineer.0)).collect();
    let from_starts: Vec<Option<DateTime<Utc>>> = held().map(|held| held.map(|held| held.from)).collect();
    let from_ends: Vec<Option<DateTime<Utc>>> = held().map(|held| held.map(|held| held.to)).collect();
    sqlx::query!(
        "insert into planned_visit (
            tenant_id, plan_run_id, visit_id, ticket_id, engineer_id, starts_at, ends_at, drive_s, considered, wanted_by,
            change, from_grant_id, from_engineer_id, from_starts_at, from_ends_at, grant_id)
        select $1, $2, visit_id, ticket_id, engineer_id, starts_at, ends_at, drive_s, considered, $10,
            change, from_grant, from_engineer, from_start, from_end, case when change = 'unchanged' then from_grant end
        from unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::timestamptz[], $7::timestamptz[], $8::bigint[], $9::jsonb[],
                $11::text[], $12::uuid[], $13::uuid[], $14::timestamptz[], $15::timestamptz[])
            as planned (visit_id, ticket_id, engineer_id, starts_at, ends_at, drive_s, considered,
                change, from_grant, from_engineer, from_start, from_end)",
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
        &changes,
        &from_grants as &[Option<Uuid>],
        &from_engineers as &[Option<Uuid>],
        &from_starts as &[Option<DateTime<Utc>>],
        &from_ends as &[Option<DateTime<Utc>>],
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Writes down what is left.
pub async fn insert_left(tx: &mut TenantTx, run: Uuid, left: &[Left]) -> Result<(), PlanningError> {
    for some in left.chunks(ROWS) {
        insert_some_left(tx, run, some).await?;
    }
    Ok(())
}

async fn insert_some_left(tx: &mut TenantTx, run: Uuid, left: &[Left]) -> Result<(), PlanningError> {
    let ids: Vec<Uuid> = left.iter().map(|one| one.visit.0).collect();
    let tickets: Vec<Uuid> = left.iter().map(|one| one.ticket.0).collect();
    let reasons: Vec<String> = left.iter().map(|one| one.reason.to_owned()).collect();
    let refused: Vec<Value> = left.iter().map(|one| json!(one.refused)).collect();
    let relaxed: Vec<Value> = left.iter().map(|one| json!(one.relaxed)).collect();
    sqlx::query!(
        "insert into left_for_later (tenant_id, plan_run_id, visit_id, ticket_id, reason, refused, relaxations)
        select $1, $2, visit_id, ticket_id, reason, refused, relaxations
        from unnest($3::uuid[], $4::uuid[], $5::text[], $6::jsonb[], $7::jsonb[])
            as remaining (visit_id, ticket_id, reason, refused, relaxations)",
        tx.tenant().0,
        run,
        &ids,
        &tickets,
        &reasons,
        &refused,
        &relaxed,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// What is wanted and neither assigned nor found impossible, by ticket.
pub async fn waiting(tx: &mut TenantTx, run: Uuid) -> Result<Vec<Waiting>, PlanningError> {
    slots(tx, run, None).await
}

/// Those whose engineer's time was taken meanwhile.
pub async fn double_booked(tx: &mut TenantTx, run: Uuid) -> Result<Vec<Waiting>, PlanningError> {
    slots(tx, run, Some("double_booked")).await
}

async fn slots(tx: &mut TenantTx, run: Uuid, conflict: Option<&str>) -> Result<Vec<Waiting>, PlanningError> {
    let rows = sqlx::query!(
        "select visit_id, ticket_id, engineer_id, starts_at, ends_at, change, from_engineer_id, from_starts_at, from_ends_at
        from planned_visit
        where plan_run_id = $1 and wanted_by is not null and grant_id is null and conflict is not distinct from $2
        order by ticket_id, visit_id",
        run,
        conflict,
    )
    .fetch_all(&mut **tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            let is_taken = Change::of(&row.change)? != Change::Dropped;
            let old = row.from_engineer_id.zip(row.from_starts_at).zip(row.from_ends_at);
            let slot = |engineer, from, to| Slot { engineer: UserId(engineer), from, to };
            Ok(Waiting {
                visit: VisitId(row.visit_id),
                ticket: TicketId(row.ticket_id),
                old: old.map(|((engineer, from), to)| slot(engineer, from, to)),
                new: is_taken.then(|| slot(row.engineer_id, row.starts_at, row.ends_at)),
            })
        })
        .collect()
}

/// What was planned for those of these visits that still wait.
pub async fn planned(tx: &mut TenantTx, run: Uuid, visits: &[VisitId]) -> Result<Vec<Planned>, PlanningError> {
    let visits: Vec<Uuid> = visits.iter().map(|visit| visit.0).collect();
    let rows = sqlx::query!(
        r#"select visit_id, ticket_id, engineer_id, starts_at, ends_at, considered, wanted_by as "wanted_by!", change,
            from_grant_id
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
            let give = Give { ticket, visit, instead_of: row.from_grant_id.map(GrantId), chosen, considered };
            Ok(Planned { give, by: UserId(row.wanted_by), change: Change::of(&row.change)? })
        })
        .collect()
}

/// Which of these are not held any more as they were when they were planned.
pub async fn not_held(
    tx: &mut TenantTx,
    run: Uuid,
    visits: &[Uuid],
) -> Result<BTreeMap<VisitId, &'static str>, PlanningError> {
    let rows = sqlx::query!(
        r#"select p.visit_id, b.grant_id is null as "is_reassigned!"
        from planned_visit p
        left join booking b on b.grant_id = p.from_grant_id
        where p.plan_run_id = $1 and p.visit_id = any($2) and p.from_grant_id is not null
            and (b.grant_id is null or (b.starts_at, b.ends_at) <> (p.from_starts_at, p.from_ends_at))"#,
        run,
        visits,
    )
    .fetch_all(&mut **tx)
    .await?;
    let code = |is_reassigned: bool| if is_reassigned { "reassigned" } else { "rescheduled" };
    Ok(rows.into_iter().map(|row| (VisitId(row.visit_id), code(row.is_reassigned))).collect())
}

/// What these engineers have to do in that time, and by which assignment.
pub async fn bookings(
    tx: &mut TenantTx,
    engineers: &[Uuid],
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<Vec<(GrantId, Slot)>, PlanningError> {
    let rows = sqlx::query!(
        "select grant_id, user_id, starts_at, ends_at
        from booking
        where user_id = any($1) and starts_at < $3 and ends_at > $2",
        engineers,
        from,
        to,
    )
    .fetch_all(&mut **tx)
    .await?;
    let slot = |engineer, from, to| Slot { engineer: UserId(engineer), from, to };
    Ok(rows.into_iter().map(|row| (GrantId(row.grant_id), slot(row.user_id, row.starts_at, row.ends_at))).collect())
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

/// Somebody accepts a plan, or what it gives to these engineers or takes from them, and these visits. How many rows that
/// are.
pub async fn want(
    tx: &mut TenantTx,
    run: Uuid,
    engineers: Option<&[Uuid]>,
    visits: Option<&[Uuid]>,
    by: UserId,
) -> Result<u64, PlanningError> {
    let wanted = sqlx::query!(
        "update planned_visit
        set wanted_by = $4
        where plan_run_id = $1 and wanted_by is null and change <> 'unchanged'
            and (
                $2::uuid[] is null and $3::uuid[] is null
                or engineer_id = any($2) or from_engineer_id = any($2) or visit_id = any($3)
            )",
        run,
        engineers,
        visits,
        by.0,
    )
    .execute(&mut **tx)
    .await?;
    Ok(wanted.rows_affected())
}

/// Whether all of these visits, and all of these engineers, are in the plan.
pub async fn are_planned(
    tx: &mut TenantTx,
    run: Uuid,
    engineers: &[Uuid],
    visits: &[Uuid],
) -> Result<(bool, bool), PlanningError> {
    let row = sqlx::query!(
        r#"select
            not exists (
                select from unnest($2::uuid[]) as asked (engineer_id)
                where not exists (
                    select from planned_visit p
                    where p.plan_run_id = $1
                        and (p.engineer_id = asked.engineer_id or p.from_engineer_id = asked.engineer_id)
                )
            ) as "engineers!",
            not exists (
                select from unnest($3::uuid[]) as asked (visit_id)
                where not exists (
                    select from planned_visit p where p.plan_run_id = $1 and p.visit_id = asked.visit_id
                )
            ) as "visits!""#,
        run,
        engineers,
        visits,
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok((row.engineers, row.visits))
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

/// The drive to a visit.
pub fn drive_s(chosen: &Chosen) -> i64 {
    chosen.candidate.as_ref().map_or(0, |candidate| candidate.drive_s)
}

/// Rows that one statement inserts.
const ROWS: usize = 500;
