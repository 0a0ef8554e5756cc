//! What each phone last said of itself.

use sync_core::ids::DeviceId;
use sync_core::time::{ServerTime, Skew};
use sync_core::wire::Outstanding;

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
