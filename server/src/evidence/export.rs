//! Puts the file together: what the database says in one transaction, then the bytes one after the other.

use std::fs::File;
use std::io::{Seek, SeekFrom};

use sync_core::ids::TicketId;
use sync_core::time::ServerTime;
use sync_core::wire::ServerSigner;

use super::bundle::{
    BatchEntry, BlobEntry, BundleError, ChangeEntry, DeviceEntry, FORMAT, Manifest, Writer, signed_bytes,
};
use super::inclusion::inclusion;
use super::store::{self, BatchRow, ChangeRow};
use crate::ledger::{Ledger, LedgerError};
use crate::platform::blobs::{BlobError, BlobKey, BlobStore};
use crate::platform::hex;
use crate::platform::problem::Problem;
use crate::tenancy::{TenantCtx, TenantTx};

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("the attachments")]
    Blobs(#[from] BlobError),
    #[error("the evidence file")]
    Bundle(#[from] BundleError),
    #[error("the evidence file")]
    Io(#[from] std::io::Error),
}

impl From<ExportError> for Problem {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Ledger(error) => error.into(),
            other => Self::internal(other),
        }
    }
}

/// What the database says.
struct Collected {
    manifest: Manifest,
    changes: Vec<ChangeRow>,
    batches: Vec<BatchRow>,
}

/// The evidence of a ticket, in a file without a name that goes when it is closed.
pub async fn export(
    ctx: &TenantCtx,
    ledger: &std::sync::Arc<Ledger>,
    blobs: &dyn BlobStore,
    signer: &ServerSigner,
    ticket: TicketId,
    now: ServerTime,
) -> Result<File, ExportError> {
    let reader = std::sync::Arc::clone(ledger);
    let Collected { mut manifest, changes, batches } =
        ctx.read(async move |tx: &mut TenantTx| collect(tx, &reader, ticket, now).await).await?;
    let mut writer = Writer::new(tempfile::tempfile()?);
    for change in &changes {
        writer.put(&format!("changes/{}", change.version), &change.bytes)?;
    }
    for (at, batch) in batches.iter().enumerate() {
        writer.put(&format!("headers/{at}"), &batch.header)?;
    }
    for blob in manifest.blobs.iter_mut().filter(|blob| blob.is_stored) {
        let sha256 = hex::decode_exactly(&blob.sha256).unwrap_or([0; 32]);
        match blobs.get(BlobKey { tenant: ctx.tenant().0, sha256 }).await? {
            Some(bytes) => writer.put(&format!("blobs/{}", blob.sha256), &bytes)?,
            None => blob.is_stored = false,
        }
    }
    let manifest = serde_json::to_vec_pretty(&manifest).map_err(BundleError::from)?;
    writer.put("signature", &signer.sign(&signed_bytes(&manifest)))?;
    writer.put("server.key", &signer.public_key().to_bytes())?;
    writer.put("evidence.json", &manifest)?;
    let mut file = writer.finish()?;
    file.seek(SeekFrom::Start(0))?;
    Ok(file)
}

async fn collect(
    tx: &mut TenantTx,
    ledger: &Ledger,
    ticket: TicketId,
    now: ServerTime,
) -> Result<Collected, LedgerError> {
    let read = ledger.read(tx, ticket).await?.ok_or(LedgerError::NotFound)?;
    let (changes, batches) = (store::changes(tx, ticket).await?, store::batches(tx, ticket).await?);
    let mut authors: Vec<uuid::Uuid> = changes.iter().filter_map(|change| change.device_id).collect();
    authors.sort_unstable();
    authors.dedup();
    let devices = store::devices(tx, &authors).await?;
    let blobs = store::blobs(tx, ticket).await?;
    let (roots, inclusions) = inclusion(tx, ticket, &changes).await?;
    let manifest = Manifest {
        format: FORMAT.to_owned(),
        tenant_id: tx.tenant().0,
        ticket_id: ticket.0,
        number: read.doc.core().number.clone(),
        exported_at: now.0,
        document_key: hex::encode(&read.key.0),
        changes: changes.iter().map(|change| change_entry(change, &batches)).collect(),
        batches: batches
            .iter()
            .map(|batch| BatchEntry {
                device_id: batch.device_id,
                signature: hex::encode(&batch.signature),
                received_at: batch.received_at.timestamp_millis(),
            })
            .collect(),
        devices: devices
            .into_iter()
            .map(|device| DeviceEntry {
                device_id: device.device_id,
                user_id: device.user_id,
                public_key: hex::encode(&device.public_key),
                enrolled_at: device.enrolled_at.timestamp_millis(),
                revoked_at: device.revoked_at.map(|at| at.timestamp_millis()),
            })
            .collect(),
        blobs: blobs
            .into_iter()
            .map(|blob| BlobEntry {
                sha256: hex::encode(&blob.sha256),
                role: blob.role,
                mime: blob.mime,
                is_stored: blob.is_stored,
            })
            .collect(),
        roots,
        inclusions,
    };
    Ok(Collected { manifest, changes, batches })
}

fn change_entry(change: &ChangeRow, batches: &[BatchRow]) -> ChangeEntry {
    let is_its = |batch: &BatchRow| {
        Some(batch.device_id) == change.device_id
            && Some(&batch.session_nonce) == change.session_nonce.as_ref()
            && Some(batch.dev_seq) == change.dev_seq
    };
    ChangeEntry {
        version: change.version,
        hash: hex::encode(&change.hash),
        user_id: change.user_id,
        device_id: change.device_id,
        batch: batches.iter().position(is_its).filter(|_| change.device_id.is_some()),
        received_at: change.received_at.timestamp_millis(),
        chain_hash: hex::encode(&change.chain_hash),
    }
}
