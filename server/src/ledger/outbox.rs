//! Events on their way out, written in the transaction that made them true.
//!
//! Nothing is sent from inside a transaction: `workers/relay` reads these rows afterwards and hands them on, at least
//! once, in feed order.

use serde_json::json;
use sync_core::ids::{SiteId, TicketId, UserId, VisitId};
use sync_core::time::ServerTime;

use super::{LedgerError, instant};
use crate::tenancy::TenantTx;

/// Something that has become true and that others may want to know.
#[derive(Debug, Clone)]
pub struct Event {
    /// Dotted name in the past tense, for example `ticket.changed`.
    pub kind: &'static str,
    /// The ticket it is about.
    pub ticket: Option<TicketId>,
    /// The person it concerns besides the desk.
    pub user: Option<UserId>,
    /// What a subscriber needs to act without asking back. No names, addresses or texts.
    pub payload: serde_json::Value,
}

impl Event {
    /// A site has a position that it did not have. It stands in no document, so that whoever plans must be told.
    pub fn site_located(site: SiteId) -> Self {
        Self { kind: "site.located", ticket: None, user: None, payload: json!({ "site_id": site.to_string() }) }
    }

    /// When an engineer can work, whether he does, or what he may do, is not what it was.
    pub fn engineer_changed(engineer: UserId) -> Self {
        let payload = json!({ "engineer_id": engineer.to_string() });
        Self { kind: "engineer.changed", ticket: None, user: Some(engineer), payload }
    }

    /// An engineer is longer at a visit than was planned, or late for it.
    pub fn visit_overran(ticket: TicketId, visit: VisitId, engineer: UserId) -> Self {
        let payload = json!({ "visit_id": visit.to_string(), "engineer_id": engineer.to_string() });
        Self { kind: "visit.overran", ticket: Some(ticket), user: None, payload }
    }

    /// The tenant, or a ticket type, is dispatched in another way from now on.
    pub fn dispatch_changed() -> Self {
        Self { kind: "dispatch.changed", ticket: None, user: None, payload: json!({}) }
    }
}

/// Appends an event, and wakes whoever listens once the transaction has committed.
pub async fn append(tx: &mut TenantTx, event: &Event, now: ServerTime) -> Result<(), LedgerError> {
    sqlx::query!(
        "with event as (
            insert into outbox (tenant_id, kind, ticket_id, user_id, payload, created_at)
            values ($1, $2, $3, $4, $5, $6)
        )
        select pg_notify('outbox', $1::uuid::text)",
        tx.tenant().0,
        event.kind,
        event.ticket.map(|id| id.0),
        event.user.map(|id| id.0),
        event.payload,
        instant(now),
    )
    .fetch_one(tx.as_mut())
    .await?;
    Ok(())
}
