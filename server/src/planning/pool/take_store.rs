//! What was decided about wishes to take a ticket.

use chrono::{DateTime, Utc};
use sync_core::ids::{GrantId, TicketId, UserId, VisitId};
use uuid::Uuid;

use super::take::Answer;
use crate::planning::PlanningError;
use crate::tenancy::TenantTx;

/// Until this transaction ends, nobody else decides about this wish.
pub async fn take_turn(tx: &mut TenantTx, user: UserId, wish: Uuid) -> Result<(), PlanningError> {
    let turn = format!("take {user} {wish}");
    sqlx::query!("select pg_advisory_xact_lock(hashtextextended($1, 1))", turn).fetch_one(&mut **tx).await?;
    Ok(())
}

/// The answer that was given.
pub async fn answer(tx: &mut TenantTx, user: UserId, wish: Uuid) -> Result<Option<Answer>, PlanningError> {
    let row = sqlx::query!(
        "select ticket_id, visit_id, grant_id, code, detail from pool_take where user_id = $1 and wish_id = $2",
        user.0,
        wish,
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row.map(|row| Answer {
        ticket: TicketId(row.ticket_id),
        visit: row.visit_id.map(VisitId),
        grant: row.grant_id.map(GrantId),
        code: row.code,
        detail: row.detail,
    }))
}

/// Keeps an answer for good.
pub async fn keep(
    tx: &mut TenantTx,
    (user, wish): (UserId, Uuid),
    answer: &Answer,
    at: DateTime<Utc>,
) -> Result<(), PlanningError> {
    sqlx::query!(
        "insert into pool_take (tenant_id, user_id, wish_id, ticket_id, visit_id, grant_id, code, detail, decided_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        tx.tenant().0,
        user.0,
        wish,
        answer.ticket.0,
        answer.visit.map(|visit| visit.0),
        answer.grant.map(|grant| grant.0),
        answer.code,
        answer.detail,
        at,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Locks the ticket's row; false if this tenant has no such ticket.
pub async fn lock(tx: &mut TenantTx, ticket: TicketId) -> Result<bool, PlanningError> {
    let found = sqlx::query_scalar!("select ticket_id from ticket_document where ticket_id = $1 for update", ticket.0);
    Ok(found.fetch_optional(&mut **tx).await?.is_some())
}

/// The visits of a ticket, in the order in which they would be offered.
pub async fn visits(tx: &mut TenantTx, ticket: TicketId) -> Result<Vec<VisitId>, PlanningError> {
    let rows = sqlx::query_scalar!(
        "select visit_id from visit where ticket_id = $1 order by starts_at nulls last, visit_id",
        ticket.0,
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(VisitId).collect())
}
