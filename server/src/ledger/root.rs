//! One hash a day over what the log took in, signed: from then on nobody rewrites that day unseen, not even who owns the
//! database, once the root is known to somebody else.
//!
//! The tree (RFC 6962) has a leaf for each ticket that moved on that day: the link that its chain had come to, which covers
//! every change up to it. So a proof is one path a ticket and day, however many changes there were, and the changes between
//! prove themselves by the chain. What belongs to a day is decided by the feed's rule and not by clocks alone: a day is
//! closed below the oldest transaction that still runs, and below the first event of the next day. What comes later, or
//! bears an earlier time, is of a later day; nothing can slip into one that is closed.

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use sync_core::ids::{ServerEpoch, Sha256Hash, TenantId, TicketId};
use sync_core::merkle;
use sync_core::time::ServerTime;
use sync_core::wire::{ServerKey, ServerSigner};

use super::{LedgerError, instant};
use crate::tenancy::TenantTx;

/// A day is closed so long after its end: what was begun in its last second has come in by then.
pub const SETTLING: TimeDelta = TimeDelta::minutes(15);
const ROOT_DOMAIN: &[u8] = b"callout log root 1\0";
const LEAF_DOMAIN: &[u8] = b"callout log leaf 1\0";

/// What the server signs of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayRoot {
    pub tenant: TenantId,
    pub day: NaiveDate,
    pub leaves: u64,
    /// How many changes the leaves cover.
    pub changes: u64,
    pub root: Sha256Hash,
    /// [`hash`](Self::hash) of the day before, so that the roots form a chain themselves; zeros for the first.
    pub previous: Sha256Hash,
    pub server_epoch: ServerEpoch,
    pub closed_at: ServerTime,
}

/// What a ticket came to on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayLeaf {
    pub ticket: TicketId,
    /// The changes of that day: their numbers.
    pub from_version: u64,
    pub to_version: u64,
    /// The link of the last of them.
    pub link: Sha256Hash,
}

impl DayRoot {
    /// The bytes that are signed.
    pub fn to_bytes(&self) -> Vec<u8> {
        [
            ROOT_DOMAIN,
            self.tenant.as_bytes(),
            self.day.format("%Y-%m-%d").to_string().as_bytes(),
            &self.leaves.to_be_bytes(),
            &self.changes.to_be_bytes(),
            &self.root.0,
            &self.previous.0,
            self.server_epoch.as_bytes(),
            &self.closed_at.0.to_be_bytes(),
        ]
        .concat()
    }

    /// What the next day names.
    pub fn hash(&self) -> Sha256Hash {
        Sha256Hash::of(&self.to_bytes())
    }

    pub fn is_signed(&self, signature: &[u8], key: &ServerKey) -> bool {
        signature.try_into().is_ok_and(|signature| key.has_signed(&self.to_bytes(), signature))
    }
}

impl DayLeaf {
    /// Its hash in the tree.
    pub fn hash(&self) -> Sha256Hash {
        let (from, to) = (self.from_version.to_be_bytes(), self.to_version.to_be_bytes());
        merkle::leaf(&[LEAF_DOMAIN, self.ticket.as_bytes(), &from, &to, &self.link.0].concat())
    }
}

/// The last day that may be closed at this time.
pub fn last_to_close(now: DateTime<Utc>) -> NaiveDate {
    (now - SETTLING).date_naive() - Days::new(1)
}

/// Closes the first day of a tenant that is open, if it is over and settled. Says which; none if there is nothing to close,
/// or another process has just done so. From its first event on, a tenant has a root for every day.
pub async fn close_next(
    tx: &mut TenantTx,
    signer: &ServerSigner,
    server_epoch: ServerEpoch,
    now: DateTime<Utc>,
) -> Result<Option<NaiveDate>, LedgerError> {
    let last = latest(tx).await?;
    let day = match &last {
        Some((root, _)) => Some(root.day + Days::new(1)),
        None => first_day(tx).await?,
    };
    let Some(day) = day.filter(|day| *day <= last_to_close(now)) else { return Ok(None) };
    let (previous, from_xid) = last.map_or((Sha256Hash([0; 32]), 0), |(root, upto)| (root.hash(), upto));
    let upto_xid = end_of(tx, day, from_xid).await?;
    let leaves = moved(tx, from_xid, upto_xid).await?;
    let hashes: Vec<Sha256Hash> = leaves.iter().map(DayLeaf::hash).collect();
    let root = DayRoot {
        tenant: tx.tenant(),
        day,
        leaves: leaves.len() as u64,
        changes: leaves.iter().map(|leaf| leaf.to_version - leaf.from_version + 1).sum(),
        root: merkle::root(&hashes),
        previous,
        server_epoch,
        closed_at: ServerTime(now.timestamp_millis()),
    };
    let is_ours = insert(tx, &root, upto_xid, &signer.sign(&root.to_bytes()), &leaves).await?;
    Ok(is_ours.then_some(day))
}

/// The last day that is closed, and the transaction that it was closed below.
async fn latest(tx: &mut TenantTx) -> Result<Option<(DayRoot, i64)>, LedgerError> {
    let row = sqlx::query!(
        "select day, leaves, changes, root, previous, server_epoch, upto_xid, closed_at
        from log_root
        order by day desc
        limit 1"
    )
    .fetch_optional(tx.as_mut())
    .await?;
    let Some(row) = row else { return Ok(None) };
    let root = DayRoot {
        tenant: tx.tenant(),
        day: row.day,
        leaves: row.leaves.unsigned_abs(),
        changes: row.changes.unsigned_abs(),
        root: Sha256Hash::from_slice(&row.root)?,
        previous: Sha256Hash::from_slice(&row.previous)?,
        server_epoch: ServerEpoch(row.server_epoch),
        closed_at: ServerTime(row.closed_at.timestamp_millis()),
    };
    Ok(Some((root, row.upto_xid)))
}

/// The day on which the log of this tenant begins.
async fn first_day(tx: &mut TenantTx) -> Result<Option<NaiveDate>, LedgerError> {
    let first = sqlx::query_scalar!("select created_at from outbox order by xid, serial limit 1");
    Ok(first.fetch_optional(tx.as_mut()).await?.map(|at| at.date_naive()))
}

/// Where a day ends in the log: below the first event of a later day, and below the oldest transaction that still runs.
async fn end_of(tx: &mut TenantTx, day: NaiveDate, from_xid: i64) -> Result<i64, LedgerError> {
    let midnight = (day + Days::new(1)).and_time(chrono::NaiveTime::MIN).and_utc();
    let end = sqlx::query_scalar!(
        r#"select least(
            pg_snapshot_xmin(pg_current_snapshot())::text::bigint,
            (select xid from outbox where xid >= $1 and created_at >= $2 order by xid, serial limit 1)
        ) as "end!""#,
        from_xid,
        midnight,
    );
    Ok(end.fetch_one(tx.as_mut()).await?.max(from_xid))
}

/// What moved in this part of the log: each ticket with the changes that no day covers yet.
async fn moved(tx: &mut TenantTx, from_xid: i64, upto_xid: i64) -> Result<Vec<DayLeaf>, LedgerError> {
    let rows = sqlx::query!(
        r#"with moved as (
            select ticket_id, max(coalesce((payload ->> 'version')::bigint, 1)) as version
            from outbox
            where xid >= $1 and xid < $2 and kind in ('ticket.created', 'ticket.changed')
            group by ticket_id
        )
        select c.ticket_id, coalesce(covered.to_version, 0) + 1 as "from_version!", c.version, c.chain_hash
        from moved m
        join ticket_change c on c.ticket_id = m.ticket_id and c.version = m.version
        left join lateral (
            select l.to_version from log_leaf l where l.ticket_id = m.ticket_id order by l.to_version desc limit 1
        ) covered on true
        where m.version > coalesce(covered.to_version, 0)
        order by c.ticket_id"#,
        from_xid,
        upto_xid,
    )
    .fetch_all(tx.as_mut())
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(DayLeaf {
                ticket: TicketId(row.ticket_id),
                from_version: row.from_version.unsigned_abs(),
                to_version: row.version.unsigned_abs(),
                link: Sha256Hash::from_slice(&row.chain_hash)?,
            })
        })
        .collect()
}

/// Writes a day down; false if another process was faster.
async fn insert(
    tx: &mut TenantTx,
    root: &DayRoot,
    upto_xid: i64,
    signature: &[u8; 64],
    leaves: &[DayLeaf],
) -> Result<bool, LedgerError> {
    let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let written = sqlx::query!(
        "insert into log_root (
            tenant_id, day, leaves, changes, root, previous, server_epoch, upto_xid, closed_at, signature)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        on conflict on constraint log_root_pkey do nothing",
        tx.tenant().0,
        root.day,
        number(root.leaves),
        number(root.changes),
        &root.root.0,
        &root.previous.0,
        root.server_epoch.0,
        upto_xid,
        instant(root.closed_at),
        signature,
    )
    .execute(tx.as_mut())
    .await?;
    if written.rows_affected() == 0 {
        return Ok(false);
    }
    let tickets: Vec<uuid::Uuid> = leaves.iter().map(|leaf| leaf.ticket.0).collect();
    let from: Vec<i64> = leaves.iter().map(|leaf| number(leaf.from_version)).collect();
    let to: Vec<i64> = leaves.iter().map(|leaf| number(leaf.to_version)).collect();
    let links: Vec<Vec<u8>> = leaves.iter().map(|leaf| leaf.link.0.to_vec()).collect();
    sqlx::query!(
        "insert into log_leaf (tenant_id, day, ticket_id, from_version, to_version, link)
        select $1, $2, leaf.ticket_id, leaf.from_version, leaf.to_version, leaf.link
        from unnest($3::uuid[], $4::bigint[], $5::bigint[], $6::bytea[])
            as leaf (ticket_id, from_version, to_version, link)",
        tx.tenant().0,
        root.day,
        &tickets,
        &from,
        &to,
        &links,
    )
    .execute(tx.as_mut())
    .await?;
    Ok(true)
}
