//! What each phone last said of itself.

use sync_core::ids::DeviceId;
use sync_core::time::{ServerTime, Skew};
use sync_core::wire::{Outstanding, Unreadable};

use crate::ledger::{LedgerError, instant};
use crate::tenancy::TenantTx;

/// Writes down what a device says is still on it alone, and how far its clock is off.
pub async fn put(
    tx: &mut TenantTx,
    device: DeviceId,
    outstanding: Outstanding,
    skew: Skew,
    now: ServerTime,
) -> Result<(), LedgerError> {
    let count = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
    let oldest_at = ServerTime(now.0.saturating_sub(outstanding.oldest_age_ms.max(0)));
    sqlx::query!(
        "insert into device_report (tenant_id, device_id, unsent, oldest_unsent_at, drafts, blobs, skew_ms, reported_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8)
        on conflict on constraint device_report_pkey do update
        set unsent = $3, oldest_unsent_at = $4, drafts = $5, blobs = $6, skew_ms = $7, reported_at = $8",
        tx.tenant().0,
        device.0,
        count(outstanding.unsent),
        (outstanding.unsent > 0).then(|| instant(oldest_at)),
        count(outstanding.drafts),
        count(outstanding.blobs),
        skew.0,
        instant(now),
    )
    .execute(tx.as_mut())
    .await?;
    Ok(())
}

/// Writes down what a device says it cannot open, of the tickets that these channels show. A sample stays: it comes once.
pub async fn put_unreadable(
    tx: &mut TenantTx,
    device: DeviceId,
    channels: &[String],
    unreadable: Vec<Unreadable>,
    now: ServerTime,
) -> Result<(), LedgerError> {
    for Unreadable { ticket, failures, detail, mut sample } in unreadable {
        sample.truncate(MOST_OF_A_SAMPLE);
        sqlx::query!(
            "insert into unreadable_document (
                tenant_id, device_id, ticket_id, failures, detail, sample, first_reported_at, reported_at)
            select tenant_id, $1, ticket_id, $3, $4, $5, $6, $6
            from ticket_document
            where ticket_id = $2
                and exists (select from ticket_scope s where s.ticket_id = $2 and s.channel = any($7))
            on conflict on constraint unreadable_document_pkey do update
            set failures = $3, detail = $4, sample = coalesce($5, unreadable_document.sample), reported_at = $6",
            device.0,
            ticket.0,
            i32::try_from(failures).unwrap_or(i32::MAX).max(1),
            // PostgreSQL has no text with this character in it.
            detail.chars().filter(|c| *c != '\0').take(MOST_OF_A_DETAIL).collect::<String>(),
            Some(sample).filter(|sample| !sample.is_empty()),
            instant(now),
            channels,
        )
        .execute(tx.as_mut())
        .await?;
    }
    Ok(())
}

/// Bytes kept of what did not open.
const MOST_OF_A_SAMPLE: usize = 64 << 10;
/// Characters kept of what a phone says of it.
const MOST_OF_A_DETAIL: usize = 500;
