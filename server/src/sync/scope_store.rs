//! The tickets in a device's scope, and what was admitted to one of them since a version.

use std::collections::BTreeMap;

use sync_core::ids::{Sha256Hash, TicketId};
use sync_core::wire::HeldDocument;

use crate::ledger::{self, Author, LedgerError};
use crate::tenancy::TenantTx;

/// At most so many tickets that these channels show, in the order of their ids from behind `after` on.
pub async fn tickets_after(
    tx: &mut TenantTx,
    channels: &[String],
    after: Option<TicketId>,
    limit: i64,
) -> Result<Vec<TicketId>, LedgerError> {
    let tickets = sqlx::query_scalar!(
        "select distinct ticket_id
        from ticket_scope
        where channel = any($1) and ticket_id > $2
        order by ticket_id
        limit $3",
        channels,
        after.map_or(uuid::Uuid::nil(), |ticket| ticket.0),
        limit,
    )
    .fetch_all(tx.as_mut())
    .await?;
    Ok(tickets.into_iter().map(TicketId).collect())
}

/// Every ticket in scope, with what is admitted to it.
pub async fn in_scope(tx: &mut TenantTx, channels: &[String]) -> Result<BTreeMap<TicketId, HeldDocument>, LedgerError> {
    let rows = sqlx::query!(
        "select distinct d.ticket_id, d.heads
        from ticket_scope s
        join ticket_document d on d.ticket_id = s.ticket_id
        where s.channel = any($1)",
        channels,
    )
    .fetch_all(tx.as_mut())
    .await?;
    let held = rows.into_iter().map(|row| {
        let ticket = TicketId(row.ticket_id);
        Ok((ticket, HeldDocument::new(ticket, &hashes(&row.heads)?)))
    });
    held.collect()
}

/// What was admitted to a ticket.
pub struct Admitted {
    /// The document's heads by now.
    pub heads: Vec<Sha256Hash>,
    pub changes: Vec<AdmittedChange>,
}

pub struct AdmittedChange {
    pub hash: Sha256Hash,
    pub bytes: Vec<u8>,
    pub author: Author,
}

/// The changes of this version and later ones, in their order; nothing if there are none.
pub async fn admitted_from(tx: &mut TenantTx, ticket: TicketId, version: i64) -> Result<Option<Admitted>, LedgerError> {
    let rows = sqlx::query!(
        "select d.heads, c.hash, c.bytes, c.user_id, c.device_id, c.session_nonce, c.dev_seq
        from ticket_document d
        join ticket_change c on c.ticket_id = d.ticket_id and c.version >= $2
        where d.ticket_id = $1
        order by c.version",
        ticket.0,
        version,
    )
    .fetch_all(tx.as_mut())
    .await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let heads = hashes(&first.heads)?;
    let changes = rows.into_iter().map(|row| {
        let author = ledger::author(row.user_id, row.device_id, row.session_nonce, row.dev_seq);
        Ok(AdmittedChange { hash: Sha256Hash::from_slice(&row.hash)?, bytes: row.bytes, author })
    });
    Ok(Some(Admitted { heads, changes: changes.collect::<Result<_, LedgerError>>()? }))
}

fn hashes(bytes: &[u8]) -> Result<Vec<Sha256Hash>, LedgerError> {
    Ok(bytes.chunks(32).map(Sha256Hash::from_slice).collect::<Result<_, _>>()?)
}
