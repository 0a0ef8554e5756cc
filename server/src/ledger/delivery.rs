//! Events as the relay hands them on: what [`super::outbox`] wrote, read in the feed's order.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sync_core::ids::{TicketId, UserId};

use super::LedgerError;
use super::feed::Position;
use crate::tenancy::TenantTx;

/// Something that has become true. Delivered at least once; `position` is the same each time and no other event's.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub position: Position,
    /// Dotted name in the past tense.
    pub kind: String,
    pub ticket: Option<TicketId>,
    /// The person it concerns besides the desk.
    pub user: Option<UserId>,
    pub payload: Value,
    /// When it became true.
    pub at: DateTime<Utc>,
}

/// The next events of a tenant.
#[derive(Debug)]
pub struct Page {
    /// Oldest first.
    pub deliveries: Vec<Delivery>,
    /// There may be more to read at once.
    pub is_full: bool,
    /// There are events that are committed and wait for an older transaction.
    pub is_held_up: bool,
}

/// The events after this position, at most `most`.
pub async fn read(tx: &mut TenantTx, after: Position, most: i64) -> Result<Page, LedgerError> {
    let rows = sqlx::query!(
        "select xid, serial, kind, ticket_id, user_id, payload, created_at
        from outbox
        where (xid, serial) > ($1, $2)
            and xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
        order by xid, serial
        limit $3",
        after.xid,
        after.serial,
        most,
    )
    .fetch_all(tx.as_mut())
    .await?;
    let is_held_up = sqlx::query_scalar!(
        r#"select exists (
            select from outbox
            where xid >= pg_snapshot_xmin(pg_current_snapshot())::text::bigint
        ) as "is_held_up!""#,
    )
    .fetch_one(tx.as_mut())
    .await?;
    Ok(Page {
        is_full: i64::try_from(rows.len()).is_ok_and(|count| count >= most),
        is_held_up,
        deliveries: rows
            .into_iter()
            .map(|row| Delivery {
                position: Position { xid: row.xid, serial: row.serial },
                kind: row.kind,
                ticket: row.ticket_id.map(TicketId),
                user: row.user_id.map(UserId),
                payload: row.payload,
                at: row.created_at,
            })
            .collect(),
    })
}
