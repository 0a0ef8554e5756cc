//! All SQL of evidence.

use chrono::NaiveDate;
use sync_core::ids::TicketId;
use uuid::Uuid;

use crate::ledger::LedgerError;
use crate::tenancy::TenantTx;

pub struct ChangeRow {
    pub version: i64,
    pub hash: Vec<u8>,
    pub bytes: Vec<u8>,
    pub user_id: Option<Uuid>,
    pub device_id: Option<Uuid>,
    pub session_nonce: Option<Vec<u8>>,
    pub dev_seq: Option<i64>,
    pub chain_hash: Vec<u8>,
    pub received_at: chrono::DateTime<chrono::Utc>,
}

pub async fn changes(tx: &mut TenantTx, ticket: TicketId) -> Result<Vec<ChangeRow>, LedgerError> {
    let rows = sqlx::query_as!(
        ChangeRow,
        "select version, hash, bytes, user_id, device_id, session_nonce, dev_seq, chain_hash, received_at
        from ticket_change
        where ticket_id = $1
        order by version",
        ticket.0,
    )
    .fetch_all(tx.as_mut())
    .await?;
    Ok(rows)
}

pub struct BatchRow {
    pub device_id: Uuid,
    pub session_nonce: Vec<u8>,
    pub dev_seq: i64,
    pub header: Vec<u8>,
    pub signature: Vec<u8>,
    pub received_at: chrono::DateTime<chrono::Utc>,
}

/// The batches that brought changes of a ticket.
pub async fn batches(tx: &mut TenantTx, ticket: TicketId) -> Result<Vec<BatchRow>, LedgerError> {
    let rows = sqlx::query_as!(
        BatchRow,
        "select device_id, session_nonce, dev_seq, header, signature, received_at
        from batch b
        where exists (
            select from ticket_change c
            where c.ticket_id = $1 and c.device_id = b.device_id and c.session_nonce = b.session_nonce
                and c.dev_seq = b.dev_seq
        )
        order by received_at, device_id, dev_seq",
        ticket.0,
    )
    .fetch_all(tx.as_mut())
    .await?;
    Ok(rows)
}

pub struct DeviceRow {
    pub device_id: Uuid,
    pub user_id: Uuid,
    pub public_key: Vec<u8>,
    pub enrolled_at: chrono::DateTime<chrono::Utc>,
    pub revoked_at: Option<chrono::DateTime<chrono::Utc>>,
}

/// The devices of these ids.
pub async fn devices(tx: &mut TenantTx, ids: &[Uuid]) -> Result<Vec<DeviceRow>, LedgerError> {
    let rows = sqlx::query_as!(
        DeviceRow,
        "select device_id, user_id, public_key, enrolled_at, revoked_at
        from device
        where device_id = any($1)
        order by device_id",
        ids,
    )
    .fetch_all(tx.as_mut())
    .await?;
    Ok(rows)
}

pub struct RootRow {
    pub day: NaiveDate,
    pub leaves: i64,
    pub changes: i64,
    pub root: Vec<u8>,
    pub previous: Vec<u8>,
    pub server_epoch: Uuid,
    pub closed_at: chrono::DateTime<chrono::Utc>,
    pub signature: Vec<u8>,
}

/// The roots of the days after this one, the oldest first.
pub async fn roots_after(tx: &mut TenantTx, day: Option<NaiveDate>, most: i64) -> Result<Vec<RootRow>, LedgerError> {
    let rows = sqlx::query_as!(
        RootRow,
        "select day, leaves, changes, root, previous, server_epoch, closed_at, signature
        from log_root
        where $1::date is null or day > $1
        order by day
        limit $2",
        day,
        most,
    )
    .fetch_all(tx.as_mut())
    .await?;
    Ok(rows)
}

pub struct LeafRow {
    pub day: NaiveDate,
    pub ticket_id: Uuid,
    pub from_version: i64,
    pub to_version: i64,
    pub link: Vec<u8>,
}

/// The leaves of the days on which a ticket moved, all of them, in their order in the tree.
pub async fn leaves_beside(tx: &mut TenantTx, ticket: TicketId) -> Result<Vec<LeafRow>, LedgerError> {
    let rows = sqlx::query_as!(
        LeafRow,
        "select day, ticket_id, from_version, to_version, link
        from log_leaf
        where day in (select day from log_leaf where ticket_id = $1)
        order by day, ticket_id",
        ticket.0,
    )
    .fetch_all(tx.as_mut())
    .await?;
    Ok(rows)
}

/// The leaves of one day after this ticket; none if the day has no root.
pub async fn leaves_of(
    tx: &mut TenantTx,
    day: NaiveDate,
    after: Option<Uuid>,
    most: i64,
) -> Result<Option<Vec<LeafRow>>, LedgerError> {
    let is_closed = sqlx::query_scalar!(r#"select exists (select from log_root where day = $1) as "closed!""#, day);
    if !is_closed.fetch_one(tx.as_mut()).await? {
        return Ok(None);
    }
    let rows = sqlx::query_as!(
        LeafRow,
        "select day, ticket_id, from_version, to_version, link
        from log_leaf
        where day = $1 and ($2::uuid is null or ticket_id > $2)
        order by ticket_id
        limit $3",
        day,
        after,
        most,
    )
    .fetch_all(tx.as_mut())
    .await?;
    Ok(Some(rows))
}

pub struct BlobRow {
    pub sha256: Vec<u8>,
    pub role: String,
    pub mime: String,
    pub is_stored: bool,
}

/// The bytes that entries of a ticket name, each once.
pub async fn blobs(tx: &mut TenantTx, ticket: TicketId) -> Result<Vec<BlobRow>, LedgerError> {
    let rows = sqlx::query_as!(
        BlobRow,
        r#"select distinct on (e.sha256) e.sha256, e.role, e.mime,
            exists (select from stored_blob s where s.sha256 = e.sha256) as "is_stored!"
        from evidence e
        where e.ticket_id = $1
        order by e.sha256, e.fact_id"#,
        ticket.0,
    )
    .fetch_all(tx.as_mut())
    .await?;
    Ok(rows)
}
