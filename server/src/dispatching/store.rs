//! Reading what planning keeps of assignments and suggestions, and what engineers turned down. Plans stand in `plan_store.rs`.

use chrono::{DateTime, Utc};
use sync_core::ids::{GrantId, TicketId, UserId, VisitId};
use uuid::Uuid;

use super::view::{Explanation, Names, PresentView, SuggestionView};
use crate::planning::{Considered, PlanningError};
use crate::tenancy::TenantTx;

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
