//! All SQL of this feature: reading what planning keeps, and what engineers turned down.

use chrono::{DateTime, Utc};
use sync_core::ids::{GrantId, TicketId, UserId, VisitId};
use uuid::Uuid;

use super::plan_progress::PlanProgress;
use super::plan_view::{AppointmentView, FiguresView, LeftCountView, LeftView, PlanState, PlanView, PlannedVisitView};
use super::view::{Explanation, Names, PresentView, SuggestionView};
use crate::planning::run::{Figures, Relaxed};
use crate::planning::{Considered, PlanningError};
use crate::tenancy::{SessionId, TenantTx};

/// An assignment that somebody speaks of.
#[derive(Debug, Clone, Copy)]
pub struct Assignment {
    pub ticket: TicketId,
    pub visit: VisitId,
    pub engineer: UserId,
}

/// The assignment of this id, ended or not.
pub async fn assignment(tx: &mut TenantTx, grant: GrantId) -> Result<Assignment, PlanningError> {
    let row = sqlx::query!("select ticket_id, visit_id, user_id from assignment where grant_id = $1", grant.0)
        .fetch_optional(&mut **tx)
        .await?
        .ok_or(PlanningError::NotFound)?;
    Ok(Assignment { ticket: TicketId(row.ticket_id), visit: VisitId(row.visit_id), engineer: UserId(row.user_id) })
}

/// The assignment by which a visit is held.
pub async fn holder(tx: &mut TenantTx, visit: VisitId) -> Result<Option<GrantId>, PlanningError> {
    let grant = sqlx::query_scalar!(
        "select grant_id from assignment
        where visit_id = $1 and ended_at is null
        order by role = 'lead' desc, granted_at desc
        limit 1",
        visit.0,
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(grant.map(GrantId))
}

/// What the engineers that were considered are called.
pub async fn names(tx: &mut TenantTx, considered: &Considered) -> Result<Names, PlanningError> {
    let candidates = considered.candidates.iter().map(|candidate| candidate.engineer_id);
    let ids: Vec<Uuid> = candidates.chain(considered.refused.iter().map(|refused| refused.engineer_id)).collect();
    let rows = sqlx::query!("select engineer_id, display_name from engineer where engineer_id = any($1)", &ids)
        .fetch_all(&mut **tx)
        .await?;
    Ok(rows.into_iter().map(|row| (row.engineer_id, row.display_name)).collect())
}

pub async fn explanation(tx: &mut TenantTx, grant: GrantId) -> Result<Explanation, PlanningError> {
    let row = sqlx::query!(
        r#"select x.grant_id, x.visit_id, x.ticket_id, x.engineer_id, x.mode, x.decided_at, x.decided_by, x.starts_at, x.ends_at,
            x.plan_run_id, x.overridden, x.considered, x.policy, r.instead_of as "instead_of?", r.cause as "cause?"
        from assignment_explanation x
        left join replanned r on r.grant_id = x.grant_id
        where x.grant_id = $1"#,
        grant.0,
    )
    .fetch_optional(&mut **tx)
    .await?
    .ok_or(PlanningError::NotFound)?;
    Ok(Explanation {
        assignment: GrantId(row.grant_id),
        visit: VisitId(row.visit_id),
        ticket: TicketId(row.ticket_id),
        engineer: UserId(row.engineer_id),
        mode: row.mode,
        decided_at: row.decided_at,
        decided_by: UserId(row.decided_by),
        starts_at: row.starts_at,
        ends_at: row.ends_at,
        run: row.plan_run_id,
        instead_of: row.instead_of.map(GrantId),
        cause: row.cause,
        overridden: row.overridden,
        considered: serde_json::from_value(row.considered)?,
        policy: row.policy,
    })
}

/// Whether the server has suggested this engineer for the visit.
pub async fn is_suggested(tx: &mut TenantTx, visit: VisitId, engineer: UserId) -> Result<bool, PlanningError> {
    let is_suggested = sqlx::query_scalar!(
        r#"select exists (select from suggestion where visit_id = $1 and engineer_id = $2) as "is_suggested!""#,
        visit.0,
        engineer.0,
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(is_suggested)
}

/// Suggestions for visits that nobody has, and for appointments that cannot stay, by visit.
pub async fn suggestions(
    tx: &mut TenantTx,
    visit: Option<VisitId>,
    after: Option<Uuid>,
    rows: i64,
) -> Result<Vec<SuggestionView>, PlanningError> {
    let rows = sqlx::query!(
        r#"select s.visit_id, s.ticket_id, s.made_at, s.engineer_id, e.display_name as "display_name?", s.starts_at, s.ends_at,
            s.considered, s.cause, b.grant_id as "grant_id?", b.user_id as "present_id?", p.display_name as "present_name?",
            b.starts_at as "present_from?", b.ends_at as "present_to?"
        from suggestion s
        join visit v on v.visit_id = s.visit_id
        left join engineer e on e.engineer_id = s.engineer_id
        left join booking b on b.grant_id = s.instead_of
        left join engineer p on p.engineer_id = b.user_id
        where (v.status = 'created' and s.instead_of is null
                or v.status in ('assigned', 'accepted') and b.grant_id is not null)
            and ($1::uuid is null or s.visit_id = $1)
            and ($2::uuid is null or s.visit_id > $2)
        order by s.visit_id
        limit $3"#,
        visit.map(|visit| visit.0),
        after,
        rows,
    )
    .fetch_all(&mut **tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            let considered: Considered = serde_json::from_value(row.considered)?;
            Ok(SuggestionView {
                visit_id: row.visit_id,
                ticket_id: row.ticket_id,
                made_at: row.made_at,
                engineer_id: row.engineer_id,
                engineer_name: row.display_name,
                starts_at: row.starts_at,
                ends_at: row.ends_at,
                reason: considered.main_refusal().map(str::to_owned),
                instead_of: present(
                    row.grant_id,
                    row.present_id,
                    row.present_name,
                    row.present_from.zip(row.present_to),
                ),
                cause: row.cause,
            })
        })
        .collect()
}

fn present(
    grant: Option<Uuid>,
    engineer: Option<Uuid>,
    engineer_name: Option<String>,
    slot: Option<(DateTime<Utc>, DateTime<Utc>)>,
) -> Option<PresentView> {
    let ((assignment_id, engineer_id), (starts_at, ends_at)) = (grant.zip(engineer)?, slot?);
    Some(PresentView { assignment_id, engineer_id, engineer_name, starts_at, ends_at })
}

/// Remembers that an engineer will not do a visit.
pub async fn turn_down(
    tx: &mut TenantTx,
    grant: GrantId,
    held: &Assignment,
    reason: Option<String>,
    by: UserId,
    at: DateTime<Utc>,
) -> Result<(), PlanningError> {
    sqlx::query!(
        "insert into turned_down (tenant_id, visit_id, engineer_id, grant_id, reason, recorded_by, recorded_at)
        values ($1, $2, $3, $4, $5, $6, $7)
        on conflict on constraint turned_down_pkey do nothing",
        tx.tenant().0,
        held.visit.0,
        held.engineer.0,
        grant.0,
        reason,
        by.0,
        at,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Where a plan stands.
pub async fn plan_state(tx: &mut TenantTx, run: Uuid) -> Result<PlanState, PlanningError> {
    let found = sqlx::query_scalar!("select state from plan_run where plan_run_id = $1", run);
    PlanState::of(&found.fetch_optional(&mut **tx).await?.ok_or(PlanningError::NotFound)?)
}

/// How far a plan is; none if this session has ended meanwhile.
pub async fn plan_progress(
    tx: &mut TenantTx,
    run: Uuid,
    session: Option<SessionId>,
) -> Result<Option<PlanProgress>, PlanningError> {
    let row = sqlx::query!(
        r#"select r.state, r.progress,
            (select count(*) from planned_visit p where p.plan_run_id = r.plan_run_id and p.grant_id is not null) as "assigned!",
            $2::uuid is null or exists (
                select from session s
                join app_user u on u.user_id = s.user_id
                where s.session_id = $2 and s.ended_at is null and u.disabled_at is null
            ) as "is_signed_in!"
        from plan_run r
        where r.plan_run_id = $1"#,
        run,
        session.map(|session| session.0),
    )
    .fetch_optional(&mut **tx)
    .await?
    .ok_or(PlanningError::NotFound)?;
    let state = PlanState::of(&row.state)?;
    let told = PlanProgress { plan_id: run, state, progress: row.progress, assigned: row.assigned };
    Ok(row.is_signed_in.then_some(told))
}

pub async fn plan(tx: &mut TenantTx, run: Uuid) -> Result<PlanView, PlanningError> {
    let row = sqlx::query!(
        "select plan_run_id, state, progress, failure, ordered_by, ordered_at, starts_at, ends_at, is_dry_run, is_replan, seed,
            rounds, visits, engineers, finished_at, assigned, left_out, travel_s, policy, before, after
        from plan_run
        where plan_run_id = $1",
        run,
    )
    .fetch_optional(&mut **tx)
    .await?
    .ok_or(PlanningError::NotFound)?;
    let left = sqlx::query_as!(
        LeftCountView,
        r#"select reason, count(*) as "count!"
        from left_for_later
        where plan_run_id = $1
        group by reason
        order by count(*) desc, reason"#,
        run,
    )
    .fetch_all(&mut **tx)
    .await?;
    let outcome = sqlx::query!(
        r#"select count(*) filter (where grant_id is not null) as "accepted!",
            count(*) filter (where conflict is not null) as "conflicts!"
        from planned_visit
        where plan_run_id = $1 and $2 and wanted_by is not null"#,
        run,
        row.is_dry_run,
    )
    .fetch_one(&mut **tx)
    .await?;
    let state = PlanState::of(&row.state)?;
    let mean_travel_s = (row.assigned > 0).then(|| row.travel_s as f64 / f64::from(row.assigned));
    Ok(PlanView {
        plan_id: row.plan_run_id,
        state,
        progress: row.progress,
        failure: row.failure,
        ordered_by: row.ordered_by,
        ordered_at: row.ordered_at,
        from: row.starts_at,
        to: row.ends_at,
        draft: row.is_dry_run,
        dry_run: row.is_dry_run,
        replan: row.is_replan,
        seed: row.seed,
        rounds: row.rounds,
        visits: row.visits,
        engineers: row.engineers,
        finished_at: row.finished_at,
        duration_ms: row.finished_at.map(|at| (at - row.ordered_at).num_milliseconds()),
        assigned: row.assigned,
        assigned_meanwhile: if state == PlanState::Applied && !row.is_dry_run {
            row.visits - row.assigned - row.left_out
        } else {
            0
        },
        accepted: outcome.accepted,
        conflicts: outcome.conflicts,
        // A tenth of a minute is as exact as anybody drives.
        mean_travel_min: mean_travel_s.map(|seconds| (seconds / 6.0).round() / 10.0),
        left,
        policy: row.policy,
        before: row.before.map(figures).transpose()?,
        after: row.after.map(figures).transpose()?,
    })
}

fn figures(stored: serde_json::Value) -> Result<FiguresView, PlanningError> {
    Ok(serde_json::from_value::<Figures>(stored)?.into())
}

/// What a run left, by visit.
pub async fn left(
    tx: &mut TenantTx,
    run: Uuid,
    after: Option<Uuid>,
    rows: i64,
) -> Result<Vec<LeftView>, PlanningError> {
    plan_state(tx, run).await?;
    let rows = sqlx::query!(
        "select visit_id, ticket_id, reason, refused, relaxations
        from left_for_later
        where plan_run_id = $1 and ($2::uuid is null or visit_id > $2)
        order by visit_id
        limit $3",
        run,
        after,
        rows,
    )
    .fetch_all(&mut **tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            let refused_by_rule = serde_json::from_value(row.refused)?;
            let relaxations: Vec<Relaxed> = serde_json::from_value(row.relaxations)?;
            let relaxations = relaxations.into_iter().map(Into::into).collect();
            let (visit_id, ticket_id, reason) = (row.visit_id, row.ticket_id, row.reason);
            Ok(LeftView { visit_id, ticket_id, reason, refused_by_rule, relaxations })
        })
        .collect()
}

/// What a run gave to whom, by visit.
pub async fn planned(
    tx: &mut TenantTx,
    run: Uuid,
    after: Option<Uuid>,
    rows: i64,
) -> Result<Vec<PlannedVisitView>, PlanningError> {
    plan_state(tx, run).await?;
    let rows = sqlx::query!(
        "select visit_id, ticket_id, engineer_id, starts_at, ends_at, drive_s, grant_id, change, from_engineer_id,
            from_starts_at, from_ends_at, conflict
        from planned_visit
        where plan_run_id = $1 and ($2::uuid is null or visit_id > $2)
        order by visit_id
        limit $3",
        run,
        after,
        rows,
    )
    .fetch_all(&mut **tx)
    .await?;
    let planned = rows.into_iter().map(|row| {
        let from = row.from_engineer_id.zip(row.from_starts_at).zip(row.from_ends_at);
        let from = from.map(|((engineer_id, starts_at), ends_at)| AppointmentView { engineer_id, starts_at, ends_at });
        PlannedVisitView {
            visit_id: row.visit_id,
            ticket_id: row.ticket_id,
            engineer_id: row.engineer_id,
            starts_at: row.starts_at,
            ends_at: row.ends_at,
            drive_s: row.drive_s,
            assignment_id: row.grant_id,
            change: row.change,
            from,
            conflict: row.conflict,
        }
    });
    Ok(planned.collect())
}
