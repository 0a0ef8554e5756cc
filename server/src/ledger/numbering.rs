//! Batches of one opening of a phone's store are numbered from 1 and chained. A repetition gets the answer it got, a gap
//! waits, and a refused batch uses up its number like any other.

use sync_core::ids::{DeviceId, Nonce, Sha256Hash};
use sync_core::time::ServerTime;
use sync_core::wire::VerifiedBatch;

use super::verify::{Brought, Checked};
use super::{LedgerError, instant};
use crate::tenancy::TenantTx;

/// Where one opening of a store stands; its row is locked until the transaction ends.
pub struct Session {
    device: DeviceId,
    nonce: Nonce,
    last: i64,
    last_hash: Sha256Hash,
}

/// What a batch is in its session.
pub enum Place {
    /// The one that is due.
    Next,
    /// One that was answered before; the same answer again.
    Repeated(Vec<u8>),
    /// Its number was used by another batch, or it names another predecessor.
    Contradicts(&'static str),
    /// An earlier one is missing.
    Gap { expected: u64 },
}

/// Locks the session's row, making it at its first batch.
pub async fn lock_session(
    tx: &mut TenantTx,
    device: DeviceId,
    nonce: Nonce,
    now: ServerTime,
) -> Result<Session, LedgerError> {
    if let Some(session) = lock(tx, device, nonce).await? {
        return Ok(session);
    }
    sqlx::query!(
        r#"insert into device_session (tenant_id, device_id, session_nonce, last_dev_seq, last_batch_hash, opened_at)
        values ($1, $2, $3, 0, '\x', $4)
        on conflict on constraint device_session_pkey do nothing"#,
        tx.tenant().0,
        device.0,
        &nonce.0,
        instant(now),
    )
    .execute(tx.as_mut())
    .await?;
    lock(tx, device, nonce).await?.ok_or(LedgerError::Corrupt("a device's session"))
}

async fn lock(tx: &mut TenantTx, device: DeviceId, nonce: Nonce) -> Result<Option<Session>, LedgerError> {
    let row = sqlx::query!(
        "select last_dev_seq, last_batch_hash
        from device_session
        where device_id = $1 and session_nonce = $2
        for update",
        device.0,
        &nonce.0,
    )
    .fetch_optional(tx.as_mut())
    .await?;
    Ok(row.map(|row| Session {
        device,
        nonce,
        last: row.last_dev_seq,
        last_hash: Sha256Hash::from_slice(&row.last_batch_hash).unwrap_or(Sha256Hash([0; 32])),
    }))
}

impl Session {
    /// Where this batch stands. A session that is over, offered again to a restored server, has gaps, which stay; what a
    /// courier brings leaves gaps, which the author fills.
    pub async fn place(&self, tx: &mut TenantTx, batch: &Checked) -> Result<Place, LedgerError> {
        let (in_turn, batch) = (batch.brought == Brought::InTurn, &batch.signed);
        let header = batch.header();
        let due = self.last.unsigned_abs() + 1;
        if header.dev_seq > due {
            return Ok(if in_turn { Place::Gap { expected: due } } else { Place::Next });
        }
        if header.dev_seq == due && in_turn {
            let follows = header.prev_batch_hash.is_none_or(|previous| previous == self.last_hash);
            return Ok(if follows {
                Place::Next
            } else {
                Place::Contradicts("it follows another batch than the last one")
            });
        }
        let stored = sqlx::query!(
            "select hash, answer
            from batch
            where device_id = $1 and session_nonce = $2 and dev_seq = $3",
            self.device.0,
            &self.nonce.0,
            i64::try_from(header.dev_seq).unwrap_or(i64::MAX),
        )
        .fetch_optional(tx.as_mut())
        .await?;
        // Nobody had this number: it is in a gap, or the next of a session that is over.
        let Some(stored) = stored else { return Ok(Place::Next) };
        Ok(if stored.hash == batch.hash().0 {
            Place::Repeated(stored.answer)
        } else {
            Place::Contradicts("another batch had its number")
        })
    }

    /// Records a batch as answered; its number is used up whatever the answer.
    pub async fn record(
        &mut self,
        tx: &mut TenantTx,
        batch: &VerifiedBatch,
        answer: &[u8],
        now: ServerTime,
    ) -> Result<(), LedgerError> {
        let header = batch.header();
        let hash = batch.hash();
        let dev_seq = i64::try_from(header.dev_seq).unwrap_or(i64::MAX);
        if dev_seq > self.last {
            (self.last, self.last_hash) = (dev_seq, hash);
        }
        sqlx::query!(
            "with answered as (
                insert into batch (
                    tenant_id, device_id, session_nonce, dev_seq, ticket_id, user_id, hash, header, signature, answer, received_at)
                values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
            )
            update device_session
            set last_dev_seq = $12, last_batch_hash = $13
            where device_id = $2 and session_nonce = $3",
            tx.tenant().0,
            self.device.0,
            &self.nonce.0,
            dev_seq,
            header.ticket.0,
            header.user.0,
            &hash.0,
            batch.header_bytes(),
            batch.signature(),
            answer,
            instant(now),
            self.last,
            &self.last_hash.0,
        )
        .execute(tx.as_mut())
        .await?;
        Ok(())
    }
}
