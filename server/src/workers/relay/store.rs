//! How far each consumer has come. All of it is done under a lease; who has lost it changes nothing.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::postgres::types::PgInterval;
use uuid::Uuid;

use crate::ledger::LedgerError;
use crate::ledger::delivery::Delivery;
use crate::ledger::feed::Position;
use crate::tenancy::TenantTx;

/// Who wants to work for which consumer, and how long nobody else may. Measured by the database's clock, which all
/// processes share.
#[derive(Debug, Clone, Copy)]
pub struct Lease {
    pub consumer: &'static str,
    pub holder: Uuid,
    pub length: TimeDelta,
}

impl Lease {
    fn interval(self) -> PgInterval {
        PgInterval { months: 0, days: 0, microseconds: self.length.num_microseconds().unwrap_or(i64::MAX) }
    }
}

/// Where a consumer stands.
#[derive(Debug, Clone, Copy)]
pub struct Taken {
    pub position: Position,
    /// How often the next event has failed.
    pub attempts: u32,
    pub retry_at: Option<DateTime<Utc>>,
}

/// Takes the lease; none if somebody else has it.
pub async fn take(tx: &mut TenantTx, lease: Lease) -> Result<Option<Taken>, LedgerError> {
    let taken = sqlx::query!(
        "insert into relay_position as p (tenant_id, consumer, xid, serial, holder, held_until, attempts)
        values ($1, $2, 0, 0, $3, clock_timestamp() + $4, 0)
        on conflict on constraint relay_position_pkey do update
        set holder = excluded.holder,
            held_until = excluded.held_until
        where p.holder is null or p.holder = excluded.holder or p.held_until < clock_timestamp()
        returning xid, serial, attempts, retry_at",
        tx.tenant().0,
        lease.consumer,
        lease.holder,
        lease.interval(),
    )
    .fetch_optional(tx.as_mut())
    .await?;
    Ok(taken.map(|row| Taken {
        position: Position { xid: row.xid, serial: row.serial },
        attempts: u32::try_from(row.attempts).unwrap_or(0),
        retry_at: row.retry_at,
    }))
}

/// Everything up to this position is done; the lease begins anew. False if it has been lost.
pub async fn save(tx: &mut TenantTx, lease: Lease, done: Position) -> Result<bool, LedgerError> {
    let saved = sqlx::query!(
        "update relay_position
        set xid = $3,
            serial = $4,
            attempts = case when (xid, serial) = ($3, $4) then attempts else 0 end,
            retry_at = case when (xid, serial) = ($3, $4) then retry_at end,
            held_until = clock_timestamp() + $5
        where consumer = $1 and holder = $2",
        lease.consumer,
        lease.holder,
        done.xid,
        done.serial,
        lease.interval(),
    )
    .execute(tx.as_mut())
    .await?;
    Ok(saved.rows_affected() > 0)
}

/// Everything up to this position is done, and somebody else may go on.
pub async fn give_back(tx: &mut TenantTx, lease: Lease, done: Position) -> Result<(), LedgerError> {
    sqlx::query!(
        "update relay_position
        set xid = $3,
            serial = $4,
            attempts = case when (xid, serial) = ($3, $4) then attempts else 0 end,
            retry_at = case when (xid, serial) = ($3, $4) then retry_at end,
            holder = null,
            held_until = null
        where consumer = $1 and holder = $2",
        lease.consumer,
        lease.holder,
        done.xid,
        done.serial,
    )
    .execute(tx.as_mut())
    .await?;
    Ok(())
}

/// The event after this position has failed so often and is to be tried again then, by anybody.
pub async fn put_off(
    tx: &mut TenantTx,
    lease: Lease,
    done: Position,
    attempts: u32,
    retry_at: DateTime<Utc>,
) -> Result<(), LedgerError> {
    sqlx::query!(
        "update relay_position
        set xid = $3,
            serial = $4,
            attempts = $5,
            retry_at = $6,
            holder = null,
            held_until = null
        where consumer = $1 and holder = $2",
        lease.consumer,
        lease.holder,
        done.xid,
        done.serial,
        i32::try_from(attempts).unwrap_or(i32::MAX),
        retry_at,
    )
    .execute(tx.as_mut())
    .await?;
    Ok(())
}

/// Gives an event up, and goes on after it. False if the lease has been lost.
pub async fn pass_over(
    tx: &mut TenantTx,
    lease: Lease,
    delivery: &Delivery,
    attempts: u32,
    error: &str,
    now: DateTime<Utc>,
) -> Result<bool, LedgerError> {
    if !save(tx, lease, delivery.position).await? {
        return Ok(false);
    }
    sqlx::query!(
        "insert into relay_failure (tenant_id, consumer, xid, serial, kind, attempts, error, failed_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8)
        on conflict on constraint relay_failure_pkey do nothing",
        tx.tenant().0,
        lease.consumer,
        delivery.position.xid,
        delivery.position.serial,
        delivery.kind,
        i32::try_from(attempts).unwrap_or(i32::MAX),
        error,
        now,
    )
    .execute(tx.as_mut())
    .await?;
    Ok(true)
}
