//! Where a ticket and its visits stand.

use sync_core::document::TicketState;
use sync_core::time::ServerTime;

use crate::ledger::documents::OpenTicket;
use crate::ledger::{LedgerError, instant};
use crate::tenancy::TenantTx;

/// Writes the standing of a ticket whose plan did not change.
pub async fn update(
    tx: &mut TenantTx,
    open: &OpenTicket,
    state: &TicketState,
    now: ServerTime,
) -> Result<(), LedgerError> {
    let visits: Vec<uuid::Uuid> = state.visits.keys().map(|id| id.0).collect();
    let statuses: Vec<String> = state.visits.values().map(|visit| visit.status.as_str().to_owned()).collect();
    sqlx::query!(
        "with moved as (
            update visit
            set status = stands.status
            from unnest($5::uuid[], $6::text[]) as stands (visit_id, status)
            where visit.visit_id = stands.visit_id and visit.status <> stands.status
        )
        update ticket
        set status = $2, needs_review = $3, version = $4, updated_at = $7
        where ticket_id = $1",
        open.ticket.0,
        state.status.as_str(),
        state.needs_review(),
        open.version,
        &visits,
        &statuses,
        instant(now),
    )
    .execute(tx.as_mut())
    .await?;
    Ok(())
}
