//! Bytes that are here already when the entry that names them comes: after a restore of the database, or when an upload
//! was cut off between the store and the note of it.

use serde_json::Value;
use sync_core::ids::{Sha256Hash, TicketId};

use super::error::AttachmentError;
use super::store;
use crate::ledger::delivery::Delivery;
use crate::platform::blobs::{BlobKey, BlobStore};
use crate::platform::clock::Clock;
use crate::tenancy::{TenantCtx, TenantTx};

/// Acts on an event of the outbox: notes what is in the store and was not noted, of a ticket that got evidence.
pub async fn on_event(
    ctx: &TenantCtx,
    blobs: &dyn BlobStore,
    clock: &Clock,
    event: &Delivery,
) -> Result<(), AttachmentError> {
    let Some(ticket) = event.ticket.filter(|_| event.kind == "ticket.changed" && brings_evidence(&event.payload))
    else {
        return Ok(());
    };
    for sha256 in missing(ctx, ticket).await? {
        let Some(size) = blobs.size(BlobKey { tenant: ctx.tenant().0, sha256: sha256.0 }).await? else { continue };
        let size = i64::try_from(size).unwrap_or(i64::MAX);
        let now = clock.now();
        ctx.transact(async move |tx: &mut TenantTx| store::note_stored(tx, sha256, size, now).await).await?;
    }
    Ok(())
}

async fn missing(ctx: &TenantCtx, ticket: TicketId) -> Result<Vec<Sha256Hash>, AttachmentError> {
    ctx.read(async move |tx: &mut TenantTx| store::missing(tx, ticket).await).await
}

fn brings_evidence(payload: &Value) -> bool {
    let facts = payload["facts"].as_array().into_iter().flatten();
    facts.filter_map(Value::as_str).any(|kind| kind == "blob" || kind == "signature")
}
