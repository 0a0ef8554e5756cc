//! What a dispatcher decided about work of this device that was set aside.

use sync_core::ids::{DeviceId, FactId, TicketId};
use sync_core::wire::{Item, Notice, NoticeDecision};

use crate::ledger::LedgerError;
use crate::tenancy::TenantTx;

/// Decisions told in one reply.
const MOST: i64 = 100;

/// The latest decisions, for a device that says it has drafts; told until its user has settled them.
pub async fn decisions(tx: &mut TenantTx, device: DeviceId, drafts: u32) -> Result<Vec<Item>, LedgerError> {
    if drafts == 0 {
        return Ok(Vec::new());
    }
    let rows = sqlx::query!(
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
    let notice = |decision, row: (uuid::Uuid, uuid::Uuid, uuid::Uuid, String)| {
        let (quarantine, ticket, fact, code) = (row.0.as_bytes().to_vec(), TicketId(row.1), FactId(row.2), row.3);
        Item::Notice(Notice { fact, ticket, decision, code, note: String::new(), quarantine })
    };
    Ok(rows
        .into_iter()
        .map(|row| {
            let decision = match row.settlement.as_deref() {
                Some("entered") => NoticeDecision::Accepted,
                _ => NoticeDecision::Rejected,
            };
            notice(decision, (row.quarantine_id, row.ticket_id, row.fact_id, row.code))
        })
        .collect())
}
