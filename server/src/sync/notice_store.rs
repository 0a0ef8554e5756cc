//! Work that was set aside, and what a dispatcher decided about it: told to the device that did it for as long as it keeps
//! a draft of it, and by the feed to every device of its author.

use sync_core::ids::{DeviceId, FactId, TicketId, UserId};
use sync_core::time::ServerTime;
use sync_core::wire::{Item, Notice, NoticeDecision};

use crate::ledger::{LedgerError, instant};
use crate::tenancy::TenantTx;

/// Decisions told in one reply.
const MOST: i64 = 100;
/// What was decided longer ago is no news to a device that did not do the work.
const NEWS_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// The latest decisions, for a device that says it has drafts; told until its user has settled them.
pub async fn decisions(tx: &mut TenantTx, device: DeviceId, drafts: u32) -> Result<Vec<Item>, LedgerError> {
    if drafts == 0 {
        return Ok(Vec::new());
    }
    let rows = sqlx::query_as!(
        NoticeRow,
        r#"select quarantine_id, ticket_id, fact_id as "fact_id!", code, settlement
        from quarantine
        where device_id = $1 and settled_by is not null and fact_id is not null
        order by settled_at desc
        limit $2"#,
        device.0,
        MOST,
    )
    .fetch_all(tx.as_mut())
    .await?;
    Ok(rows.into_iter().map(Item::from).collect())
}

/// How it stands with what this user did on these tickets, with another device than this, and the server set aside.
pub async fn of_tickets(
    tx: &mut TenantTx,
    user: UserId,
    device: DeviceId,
    tickets: &[TicketId],
    now: ServerTime,
) -> Result<Vec<Item>, LedgerError> {
    if tickets.is_empty() {
        return Ok(Vec::new());
    }
    let tickets: Vec<uuid::Uuid> = tickets.iter().map(|ticket| ticket.0).collect();
    let rows = sqlx::query_as!(
        NoticeRow,
        r#"select quarantine_id, ticket_id, fact_id as "fact_id!", code, settlement
        from quarantine
        where user_id = $1 and ticket_id = any($2) and fact_id is not null and code <> 'orphaned'
            and device_id <> $3
            and (settled_at is null or settled_at > $4)
        order by received_at desc
        limit $5"#,
        user.0,
        &tickets,
        device.0,
        instant(ServerTime(now.0.saturating_sub(NEWS_MS))),
        MOST,
    )
    .fetch_all(tx.as_mut())
    .await?;
    Ok(rows.into_iter().map(Item::from).collect())
}

struct NoticeRow {
    quarantine_id: uuid::Uuid,
    ticket_id: uuid::Uuid,
    fact_id: uuid::Uuid,
    code: String,
    settlement: Option<String>,
}

impl From<NoticeRow> for Item {
    fn from(row: NoticeRow) -> Self {
        let decision = match row.settlement.as_deref() {
            None => NoticeDecision::Waiting,
            Some("entered") => NoticeDecision::Accepted,
            Some(_) => NoticeDecision::Rejected,
        };
        Self::Notice(Notice {
            fact: FactId(row.fact_id),
            ticket: TicketId(row.ticket_id),
            decision,
            code: row.code,
            note: String::new(),
            quarantine: row.quarantine_id.as_bytes().to_vec(),
        })
    }
}
