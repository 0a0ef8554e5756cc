//! What of the quarantine is shown.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::error::TicketError;
use super::quarantine_routes::QuarantineFilter;
use crate::ledger::quarantine::Content;
use crate::tenancy::TenantTx;

/// One change that was set aside.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct QuarantinedView {
    pub quarantine_id: Uuid,
    pub ticket_id: Uuid,
    /// Who made it, on which device.
    pub user_id: Uuid,
    pub device_id: Uuid,
    pub fact_id: Option<Uuid>,
    /// What kind of fact it would have added.
    pub fact_kind: Option<String>,
    /// Why, for programs.
    pub code: String,
    /// Why, for people.
    pub detail: String,
    pub received_at: DateTime<Utc>,
    pub settled_at: Option<DateTime<Utc>>,
    pub settled_by: Option<Uuid>,
    /// `entered`, `dismissed`, or `withdrawn` by its author.
    pub settlement: Option<String>,
}

/// One change that was set aside, with what it would have said.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct QuarantinedContentView {
    #[serde(flatten)]
    pub quarantined: QuarantinedView,
    pub visit_id: Option<Uuid>,
    /// When it was said, by the device's own clock.
    pub said_at: Option<DateTime<Utc>>,
    /// The fields of the entry, with texts opened; null if it cannot be read.
    pub content: Option<serde_json::Value>,
}

impl QuarantinedContentView {
    pub fn of(quarantined: QuarantinedView, content: Option<Content>) -> Self {
        let said_at = content.as_ref().and_then(|said| DateTime::from_timestamp_millis(said.said_at.0));
        let visit_id = content.as_ref().and_then(|said| said.visit).map(|visit| visit.0);
        Self { quarantined, visit_id, said_at, content: content.map(|said| said.body) }
    }
}

pub async fn list(
    tx: &mut TenantTx,
    filter: &QuarantineFilter,
    after: Option<(DateTime<Utc>, Uuid)>,
    rows: i64,
) -> Result<Vec<QuarantinedView>, TicketError> {
    let found = sqlx::query_as!(
        QuarantinedView,
        "select quarantine_id, ticket_id, user_id, device_id, fact_id, fact_kind, code, detail, received_at, settled_at,
            settled_by, settlement
        from quarantine
        where (settled_at is not null) = $1
            and ($2::uuid is null or ticket_id = $2)
            and ($3::uuid is null or user_id = $3)
            and ($4::timestamptz is null or (received_at, quarantine_id) > ($4, $5))
        order by received_at, quarantine_id
        limit $6",
        filter.settled,
        filter.ticket_id,
        filter.user_id,
        after.map(|(received_at, _)| received_at),
        after.map(|(_, id)| id),
        rows,
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(found)
}

pub async fn get(tx: &mut TenantTx, id: Uuid) -> Result<Option<QuarantinedView>, TicketError> {
    let found = sqlx::query_as!(
        QuarantinedView,
        "select quarantine_id, ticket_id, user_id, device_id, fact_id, fact_kind, code, detail, received_at, settled_at,
            settled_by, settlement
        from quarantine
        where quarantine_id = $1",
        id,
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(found)
}
