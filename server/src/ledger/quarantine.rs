//! Changes that could not be accepted, kept whole with the reason, for their author and a dispatcher to see. Every device
//! of the author hears of it by the feed, and of what was decided.

use std::collections::BTreeSet;

use sync_core::document::{DocumentKey, Fact, FactBody};
use sync_core::guard;
use sync_core::ids::{FactId, Sha256Hash, TicketId};
use sync_core::time::ServerTime;

use super::documents::BatchKey;
use super::judge::ORPHANED;
use super::projections::body;
use super::{LedgerError, feed, instant};
use crate::tenancy::TenantTx;

/// One change set aside.
pub struct SetAside {
    pub id: uuid::Uuid,
    pub change: Sha256Hash,
    pub bytes: Vec<u8>,
    pub fact: FactId,
    /// What kind of fact it would have added, where it could be read.
    pub kind: Option<String>,
    /// Stable reason.
    pub code: String,
    /// The reason in a sentence, for people.
    pub detail: String,
}

/// Keeps the changes of a batch that were not accepted: once, though they come in several batches of their device, as
/// they do when a courier was faster than a phone that began to count anew. What waited behind another and is in by now
/// is not kept.
pub async fn keep(
    tx: &mut TenantTx,
    ticket: TicketId,
    user: sync_core::ids::UserId,
    batch: BatchKey,
    aside: &[SetAside],
    now: ServerTime,
) -> Result<(), LedgerError> {
    for one in aside {
        let blob = blob_of(&one.bytes);
        sqlx::query!(
            "insert into quarantine (
                tenant_id, quarantine_id, ticket_id, device_id, user_id, session_nonce, dev_seq,
                change_hash, change_bytes, fact_id, fact_kind, code, detail, received_at, blob_sha256, blob_size)
            select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16
            where not exists (select from quarantine where device_id = $4 and change_hash = $8)
                and not ($12 = 'orphaned' and exists (select from fact where ticket_id = $3 and fact_id = $10))
            on conflict do nothing",
            tx.tenant().0,
            one.id,
            ticket.0,
            batch.device.0,
            user.0,
            &batch.session.0,
            batch.dev_seq,
            &one.change.0,
            &one.bytes,
            one.fact.0,
            one.kind.as_deref(),
            one.code,
            one.detail,
            instant(now),
            blob.map(|(sha256, _)| sha256.0.to_vec()),
            blob.map(|(_, size)| size),
        )
        .execute(tx.as_mut())
        .await?;
    }
    // What was only held up by another is made again by its phone.
    if aside.iter().any(|one| one.code != ORPHANED) {
        sqlx::query!(
            "insert into feed (tenant_id, channel, ticket_id, kind, from_version, to_version)
            values ($1, $2, $3, 'change', $4, 0)",
            tx.tenant().0,
            feed::engineer_channel(user),
            ticket.0,
            feed::NOTICE,
        )
        .execute(tx.as_mut())
        .await?;
    }
    Ok(())
}

/// An entry that its author's phone handed in by itself, because it could not be said any more.
pub struct HandedIn {
    pub ticket: TicketId,
    pub device: sync_core::ids::DeviceId,
    pub user: sync_core::ids::UserId,
    pub aside: SetAside,
}

/// Keeps what was handed in, and says which of it was new. A repetition keeps it once; what has been admitted meanwhile is
/// not kept.
pub async fn hand_in(
    tx: &mut TenantTx,
    handed_in: &[HandedIn],
    now: ServerTime,
) -> Result<BTreeSet<FactId>, LedgerError> {
    let mut kept = BTreeSet::new();
    for HandedIn { ticket, device, user, aside } in handed_in {
        let blob = blob_of(&aside.bytes);
        let told = sqlx::query!(
            "with kept as (
                insert into quarantine (
                    tenant_id, quarantine_id, ticket_id, device_id, user_id,
                    change_hash, change_bytes, fact_id, fact_kind, code, detail, received_at, blob_sha256, blob_size)
                select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $14, $15
                where not exists (select from fact where ticket_id = $3 and fact_id = $8)
                on conflict do nothing
                returning tenant_id, user_id, ticket_id
            )
            insert into feed (tenant_id, channel, ticket_id, kind, from_version, to_version)
            select tenant_id, 'engineer:' || user_id, ticket_id, 'change', $13, 0
            from kept",
            tx.tenant().0,
            aside.id,
            ticket.0,
            device.0,
            user.0,
            &aside.change.0,
            &aside.bytes,
            aside.fact.0,
            aside.kind.as_deref(),
            aside.code,
            aside.detail,
            instant(now),
            feed::NOTICE,
            blob.map(|(sha256, _)| sha256.0.to_vec()),
            blob.map(|(_, size)| size),
        )
        .execute(tx.as_mut())
        .await?;
        if told.rows_affected() > 0 {
            kept.insert(aside.fact);
        }
    }
    Ok(kept)
}

/// What the entry in these bytes, a change or the entry alone, names by its digest; 0 bytes if it does not say how many.
fn blob_of(bytes: &[u8]) -> Option<(Sha256Hash, i64)> {
    let fact = guard::check_chunk(bytes).map(|parsed| parsed.fact().clone()).ok();
    match fact.or_else(|| Fact::from_bytes(bytes).ok())?.body {
        FactBody::Blob { sha256, size, .. } => Some((sha256, size)),
        FactBody::Signature { strokes_sha256, .. } => Some((strokes_sha256, 0)),
        _ => None,
    }
}

/// Settles what waited in quarantine only because something before it was refused, and has now come in by itself.
pub async fn settle_entered(
    tx: &mut TenantTx,
    ticket: TicketId,
    facts: &[FactId],
    now: ServerTime,
) -> Result<(), LedgerError> {
    let facts: Vec<uuid::Uuid> = facts.iter().map(|fact| fact.0).collect();
    sqlx::query!(
        "with settled as (
            update quarantine
            set settled_at = $1, settlement = 'entered'
            where ticket_id = $2 and fact_id = any($3) and settled_at is null
            returning tenant_id, user_id, ticket_id, code
        )
        insert into feed (tenant_id, channel, ticket_id, kind, from_version, to_version)
        select distinct tenant_id, 'engineer:' || user_id, ticket_id, 'change', $4::bigint, 0
        from settled
        where code <> 'orphaned'",
        instant(now),
        ticket.0,
        &facts,
        feed::NOTICE,
    )
    .execute(tx.as_mut())
    .await?;
    Ok(())
}

/// What a change that was set aside would have said.
#[derive(Debug)]
pub struct Content {
    pub visit: Option<sync_core::ids::VisitId>,
    /// By the device's own clock.
    pub said_at: sync_core::time::DeviceTime,
    /// Its fields, with texts opened.
    pub body: serde_json::Value,
}

/// Reads it; none where it cannot be read, or the ticket is unknown here or erased.
pub async fn content(tx: &mut TenantTx, id: uuid::Uuid) -> Result<Option<Content>, LedgerError> {
    let row = sqlx::query!(
        r#"select q.ticket_id, q.session_nonce is null as "is_alone!", q.change_bytes, d.document_key
        from quarantine q
        join ticket_document d on d.ticket_id = q.ticket_id
        where q.quarantine_id = $1"#,
        id,
    )
    .fetch_optional(tx.as_mut())
    .await?;
    let Some(row) = row else { return Ok(None) };
    let Some(key) = row.document_key.and_then(|key| Some(DocumentKey(key.try_into().ok()?))) else { return Ok(None) };
    let fact = match row.is_alone {
        true => Fact::from_bytes(&row.change_bytes).ok(),
        false => guard::check_chunk(&row.change_bytes).ok().map(|parsed| parsed.fact().clone()),
    };
    Ok(fact.map(|fact| {
        let body = body::of(TicketId(row.ticket_id), &key, &fact);
        Content { visit: fact.visit, said_at: fact.wall, body }
    }))
}

/// What a dispatcher decided about a change that was set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settlement {
    /// Its content was entered at the desk.
    Entered,
    /// It is not wanted.
    Dismissed,
}

/// Records a dispatcher's decision; the change is kept. One that is settled already stays as it is.
pub async fn settle(
    tx: &mut TenantTx,
    id: uuid::Uuid,
    settlement: Settlement,
    by: sync_core::ids::UserId,
    now: ServerTime,
) -> Result<(), LedgerError> {
    let settlement = match settlement {
        Settlement::Entered => "entered",
        Settlement::Dismissed => "dismissed",
    };
    sqlx::query!(
        "with settled as (
            update quarantine
            set settled_at = $2, settled_by = $3, settlement = $4
            where quarantine_id = $1 and settled_at is null
            returning tenant_id, user_id, ticket_id
        )
        insert into feed (tenant_id, channel, ticket_id, kind, from_version, to_version)
        select tenant_id, 'engineer:' || user_id, ticket_id, 'change', $5, 0
        from settled",
        id,
        instant(now),
        by.0,
        settlement,
        feed::NOTICE,
    )
    .execute(tx.as_mut())
    .await?;
    Ok(())
}
