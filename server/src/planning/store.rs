//! What planning keeps: explanations and suggestions. Its runs stand in `run/store.rs`.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sync_core::ids::{GrantId, SiteId, TicketId, VisitId};

use super::assign::{Decision, Give};
use super::considered::Considered;
use super::settings::Settings;
use super::{PlanningError, Terms};
use crate::directory::DispatchMode;
use crate::tenancy::TenantTx;

/// Keeps why this engineer was chosen, and by which weights, as [`Terms::record`] writes them.
pub async fn insert_explanation(
    tx: &mut TenantTx,
    grant: GrantId,
    give: &Give,
    decision: Decision,
    policy: Value,
) -> Result<(), PlanningError> {
    sqlx::query!(
        "insert into assignment_explanation (
            tenant_id, grant_id, ticket_id, visit_id, decided_at, decided_by, mode, engineer_id, starts_at, ends_at, plan_run_id,
            overridden, considered, policy)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        tx.tenant().0,
        grant.0,
        give.ticket.0,
        give.visit.0,
        decision.at,
        decision.by.user().0,
        decision.mode.as_str(),
        give.chosen.engineer.0,
        give.chosen.starts_at,
        give.chosen.ends_at,
        decision.run,
        &give.chosen.overridden,
        serde_json::to_value(&give.considered)?,
        give.considered.travel.noted_in(policy),
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// If that is what was suggested because the appointment could not stay, keeps why.
pub async fn keep_cause(tx: &mut TenantTx, grant: GrantId, give: &Give) -> Result<(), PlanningError> {
    let Some(instead_of) = give.instead_of else { return Ok(()) };
    sqlx::query!(
        "insert into replanned (tenant_id, grant_id, visit_id, ticket_id, instead_of, cause)
        select s.tenant_id, $1, s.visit_id, s.ticket_id, s.instead_of, s.cause
        from suggestion s
        where s.visit_id = $2 and s.instead_of = $3 and s.engineer_id = $4",
        grant.0,
        give.visit.0,
        instead_of.0,
        give.chosen.engineer.0,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

pub async fn forget_suggestion(tx: &mut TenantTx, visit: VisitId) -> Result<(), PlanningError> {
    sqlx::query!("delete from suggestion where visit_id = $1", visit.0).execute(&mut **tx).await?;
    Ok(())
}

/// Keeps what the server would do, in place of what it would have done before.
pub async fn keep_suggestion(
    tx: &mut TenantTx,
    (visit, ticket): (VisitId, TicketId),
    considered: &Considered,
    terms: &Terms,
    at: DateTime<Utc>,
) -> Result<(), PlanningError> {
    let best = considered.best();
    sqlx::query!(
        "insert into suggestion (tenant_id, visit_id, ticket_id, made_at, engineer_id, starts_at, ends_at, considered, policy)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        on conflict on constraint suggestion_pkey do update
        set made_at = $4, engineer_id = $5, starts_at = $6, ends_at = $7, considered = $8, policy = $9, instead_of = null,
            cause = null",
        tx.tenant().0,
        visit.0,
        ticket.0,
        at,
        best.map(|best| best.engineer_id),
        best.map(|best| best.starts_at),
        best.map(|best| best.ends_at),
        serde_json::to_value(considered)?,
        considered.travel.noted_in(terms.record()),
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// A visit that waits for the server to act.
#[derive(Debug, Clone, Copy)]
pub struct DueRow {
    pub visit: VisitId,
    pub ticket: TicketId,
    pub mode: DispatchMode,
}

/// The visits of a ticket that its type, or the tenant where the type does not say, leaves to the server: located, nobody
/// has them, and nobody at the desk has taken them away, or put them into the pool or taken them out of it by hand. Whoever
/// had one before has declined it.
pub async fn due(tx: &mut TenantTx, ticket: TicketId) -> Result<Vec<DueRow>, PlanningError> {
    let rows = sqlx::query!(
        r#"select v.visit_id, v.ticket_id, coalesce(y.dispatch_mode, d.mode, $2) as "mode!"
        from visit v
        join ticket t on t.ticket_id = v.ticket_id
        join ticket_type y on y.code = t.ticket_type
        join site s on s.site_id = t.site_id
        left join dispatch_settings d on true
        where v.ticket_id = $1 and v.status = 'created' and s.lat is not null
            and coalesce(y.dispatch_mode, d.mode, $2) in ('automatic', 'suggest')
            and not exists (select from pool_placement p where p.visit_id = v.visit_id)
            and not exists (
                select from assignment a
                where a.visit_id = v.visit_id
                    and not exists (
                        select from fact f
                        where f.visit_id = a.visit_id and f.kind = 'decline' and f.user_id = a.user_id
                    )
                    and not exists (
                        select from turned_down d where d.visit_id = a.visit_id and d.engineer_id = a.user_id
                    )
            )
        order by v.visit_id"#,
        ticket.0,
        Settings::default().mode.as_str(),
    )
    .fetch_all(&mut **tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            let mode = DispatchMode::new(&row.mode).map_err(|_| PlanningError::Corrupt("a dispatch mode"))?;
            Ok(DueRow { visit: VisitId(row.visit_id), ticket: TicketId(row.ticket_id), mode })
        })
        .collect()
}

/// The tickets at a site that have a visit which nobody has.
pub async fn open_tickets_at(tx: &mut TenantTx, site: SiteId) -> Result<Vec<TicketId>, PlanningError> {
    let rows = sqlx::query_scalar!(
        "select distinct t.ticket_id
        from ticket t
        join visit v on v.ticket_id = t.ticket_id
        where t.site_id = $1 and v.status = 'created'
        order by t.ticket_id",
        site.0,
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(TicketId).collect())
}
