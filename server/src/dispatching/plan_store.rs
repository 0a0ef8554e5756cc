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
    let rows = sqlx::query!(
        "select plan_run_id, state, progress, failure, ordered_by, ordered_at, starts_at, ends_at, is_dry_run, is_replan, visits,
            finished_at, assigned, left_out
        from plan_run
        where ($1::text is null or state = $1) and ($2::uuid is null or plan_run_id < $2)
        order by plan_run_id desc
        limit $3",
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
