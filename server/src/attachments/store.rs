//! All SQL of attachments.

use chrono::{DateTime, Utc};
use sync_core::ids::{Sha256Hash, TicketId, UserId};

use super::error::AttachmentError;
use crate::tenancy::TenantTx;

/// How many bytes an entry of this user's, in a ticket or set aside, says that a blob has, 0 if it does not say; none if
/// no entry names it.
pub async fn expected(tx: &mut TenantTx, user: UserId, sha256: Sha256Hash) -> Result<Option<i64>, AttachmentError> {
    let size = sqlx::query_scalar!(
        r#"select e.size as "size!"
        from evidence e
        join fact f on f.ticket_id = e.ticket_id and f.fact_id = e.fact_id
        where e.sha256 = $1 and f.user_id = $2
        union all
        select q.blob_size
        from quarantine q
        where q.blob_sha256 = $1 and q.user_id = $2
        limit 1"#,
        &sha256.0,
        user.0,
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(size)
}

/// Notes that the bytes are in the store.
pub async fn note_stored(
    tx: &mut TenantTx,
    sha256: Sha256Hash,
    size: i64,
    now: DateTime<Utc>,
) -> Result<(), AttachmentError> {
    sqlx::query!(
        "insert into stored_blob (tenant_id, sha256, size, stored_at)
        values ($1, $2, $3, $4)
        on conflict on constraint stored_blob_pkey do nothing",
        tx.tenant().0,
        &sha256.0,
        size,
        now,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Whether the bytes were noted as stored.
pub async fn is_stored(tx: &mut TenantTx, sha256: Sha256Hash) -> Result<bool, AttachmentError> {
    let stored =
        sqlx::query_scalar!(r#"select exists (select from stored_blob where sha256 = $1) as "stored!""#, &sha256.0);
    Ok(stored.fetch_one(&mut **tx).await?)
}

/// How many bytes are stored of this blob; none if none are.
pub async fn stored_size(tx: &mut TenantTx, sha256: Sha256Hash) -> Result<Option<i64>, AttachmentError> {
    let size = sqlx::query_scalar!("select size from stored_blob where sha256 = $1", &sha256.0);
    Ok(size.fetch_optional(&mut **tx).await?)
}

/// What the entries of a ticket name and nobody noted as stored.
pub async fn missing(tx: &mut TenantTx, ticket: TicketId) -> Result<Vec<Sha256Hash>, AttachmentError> {
    let found = sqlx::query_scalar!(
        "select distinct e.sha256
        from evidence e
        where e.ticket_id = $1
            and not exists (select from stored_blob b where b.sha256 = e.sha256)",
        ticket.0,
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(found.iter().filter_map(|bytes| Sha256Hash::from_slice(bytes).ok()).collect())
}
