//! Reading plans: where they stand, what they gave to whom, what they left.

use uuid::Uuid;

use super::plan_progress::PlanProgress;
use super::plan_view::{
    AppointmentView, FiguresView, LeftCountView, LeftView, PlanState, PlanSummaryView, PlanView, PlannedVisitView,
};
use crate::planning::PlanningError;
use crate::planning::run::{Figures, Relaxed};
use crate::tenancy::{SessionId, TenantTx};

/// Where a plan stands.
pub async fn state(tx: &mut TenantTx, run: Uuid) -> Result<PlanState, PlanningError> {
    let found = sqlx::query_scalar!("select state from plan_run where plan_run_id = $1", run);
    PlanState::of(&found.fetch_optional(&mut **tx).await?.ok_or(PlanningError::NotFound)?)
}

/// How far a plan is; none if this session has ended meanwhile.
pub async fn progress(
    tx: &mut TenantTx,
    run: Uuid,
    session: Option<SessionId>,
) -> Result<Option<PlanProgress>, PlanningError> {
    let row = sqlx::query!(
        r#"select r.state, r.progress,
            (select count(*) from planned_visit p where p.plan_run_id = r.plan_run_id and p.grant_id is not null
                    and p.change <> 'unchanged') as "assigned!",
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

/// Plans, the latest first.
pub async fn plans(
    tx: &mut TenantTx,
    state: Option<PlanState>,
    before: Option<Uuid>,
    rows: i64,
) -> Result<Vec<PlanSummaryView>, PlanningError> {
    summaries(tx, None, state, before, rows).await
}

async fn summaries(
    tx: &mut TenantTx,
    only: Option<Uuid>,
    state: Option<PlanState>,
    before: Option<Uuid>,
    rows: i64,
) -> Result<Vec<PlanSummaryView>, PlanningError> {
    let rows = sqlx::query!(
        "select plan_run_id, state, progress, failure, ordered_by, ordered_at, starts_at, ends_at, is_dry_run, is_replan, visits,
            finished_at, assigned, left_out
        from plan_run
        where ($1::uuid is null or plan_run_id = $1)
            and ($2::text is null or state = $2)
            and ($3::uuid is null or plan_run_id < $3)
        order by plan_run_id desc
        limit $4",
        only,
        state.map(PlanState::as_str),
        before,
        rows,
    )
    .fetch_all(&mut **tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(PlanSummaryView {
                plan_id: row.plan_run_id,
                state: PlanState::of(&row.state)?,
                progress: row.progress,
                failure: row.failure,
                ordered_by: row.ordered_by,
                ordered_at: row.ordered_at,
                from: row.starts_at,
                to: row.ends_at,
                draft: row.is_dry_run,
                replan: row.is_replan,
                visits: row.visits,
                assigned: row.assigned,
                left_for_later: row.left_out,
                finished_at: row.finished_at,
            })
        })
        .collect()
}

pub async fn plan(tx: &mut TenantTx, run: Uuid) -> Result<PlanView, PlanningError> {
    let summary = summaries(tx, Some(run), None, None, 1).await?.pop().ok_or(PlanningError::NotFound)?;
    let row = sqlx::query!(
        "select seed, rounds, engineers, travel_s, policy, before, after from plan_run where plan_run_id = $1",
        run,
    )
    .fetch_one(&mut **tx)
    .await?;
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
        summary.draft,
    )
    .fetch_one(&mut **tx)
    .await?;
    let mean_travel_s = (summary.assigned > 0).then(|| row.travel_s as f64 / f64::from(summary.assigned));
    let is_done = summary.state == PlanState::Applied && !summary.draft;
    Ok(PlanView {
        dry_run: summary.draft,
        seed: row.seed,
        rounds: row.rounds,
        engineers: row.engineers,
        duration_ms: summary.finished_at.map(|at| (at - summary.ordered_at).num_milliseconds()),
        assigned_meanwhile: if is_done { summary.visits - summary.assigned - summary.left_for_later } else { 0 },
        accepted: outcome.accepted,
        conflicts: outcome.conflicts,
        // A tenth of a minute is as exact as anybody drives.
        mean_travel_min: mean_travel_s.map(|seconds| (seconds / 6.0).round() / 10.0),
        left,
        policy: row.policy,
        before: row.before.map(figures).transpose()?,
        after: row.after.map(figures).transpose()?,
        summary,
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
    state(tx, run).await?;
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
    state(tx, run).await?;
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
