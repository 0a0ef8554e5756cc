//! All SQL of handed-in exports.

use std::collections::BTreeSet;

use chrono::DateTime;
use sync_core::ids::{DeviceId, FactId, Sha256Hash, UserId};
use sync_core::time::ServerTime;
use sync_core::wire::DeviceKey;
use uuid::Uuid;

use super::take_export::Taken;
use crate::ledger::quarantine::HandedIn;
use crate::ledger::{LedgerError, instant};
use crate::tenancy::TenantTx;

/// Whose a device of this tenant is, revoked or not, and the key it signs with.
pub async fn device(tx: &mut TenantTx, device: DeviceId) -> Result<Option<(UserId, DeviceKey)>, LedgerError> {
    let row = sqlx::query!("select user_id, public_key from device where device_id = $1", device.0)
        .fetch_optional(tx.as_mut())
        .await?;
    let Some(row) = row else { return Ok(None) };
    let key = DeviceKey::from_sec1(&row.public_key).map_err(|_| LedgerError::Corrupt("a device's key"))?;
    Ok(Some((UserId(row.user_id), key)))
}

/// Which of these entries are in their tickets, or were set aside by themselves when their device pushed them.
pub async fn known(tx: &mut TenantTx, device: DeviceId, some: &[HandedIn]) -> Result<BTreeSet<FactId>, LedgerError> {
    let tickets: Vec<Uuid> = some.iter().map(|one| one.ticket.0).collect();
    let facts: Vec<Uuid> = some.iter().map(|one| one.aside.fact.0).collect();
    let known = sqlx::query_scalar!(
        r#"select wanted.fact_id as "fact_id!"
        from unnest($1::uuid[], $2::uuid[]) as wanted (ticket_id, fact_id)
        where exists (select from fact f where f.ticket_id = wanted.ticket_id and f.fact_id = wanted.fact_id)
            or exists (
                select from quarantine q
                where q.device_id = $3 and q.fact_id = wanted.fact_id and q.code <> 'orphaned'
            )"#,
        &tickets,
        &facts,
        device.0,
    )
    .fetch_all(tx.as_mut())
    .await?;
    Ok(known.into_iter().map(FactId).collect())
}

/// Writes down that the file was handed in; false if it had been before.
pub async fn note(tx: &mut TenantTx, taken: &Taken, by: UserId, now: ServerTime) -> Result<bool, LedgerError> {
    let count = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
    let (new, known) = taken.count();
    let noted = sqlx::query!(
        "insert into taken_export (
            tenant_id, sha256, device_id, user_id, made_at, handed_in_by, received_at, taken, known, unreadable)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        on conflict on constraint taken_export_pkey do nothing",
        tx.tenant().0,
        &taken.sha256.0,
        taken.device.0,
        taken.user.0,
        DateTime::from_timestamp_millis(taken.made_at.0).unwrap_or_default(),
        by.0,
        instant(now),
        count(new),
        count(known),
        count(taken.unreadable.saturating_add(taken.wishes)),
    )
    .execute(tx.as_mut())
    .await?;
    Ok(noted.rows_affected() > 0)
}

/// Which of these nobody has handed in.
pub async fn missing(tx: &mut TenantTx, awaited: &[Sha256Hash]) -> Result<Vec<Sha256Hash>, LedgerError> {
    let digests: Vec<Vec<u8>> = awaited.iter().map(|sha256| sha256.0.to_vec()).collect();
    let missing = sqlx::query_scalar!(
        r#"select distinct wanted.sha256 as "sha256!"
        from unnest($1::bytea[]) as wanted (sha256)
        where not exists (select from stored_blob b where b.sha256 = wanted.sha256)
        order by 1"#,
        &digests,
    )
    .fetch_all(tx.as_mut())
    .await?;
    missing.iter().map(|bytes| Ok(Sha256Hash::from_slice(bytes)?)).collect()
}
