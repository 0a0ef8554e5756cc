//! Which of the blobs that a phone still keeps are stored here, so that it may let go of them.

use sync_core::ids::Sha256Hash;
use sync_core::wire::Item;

use crate::ledger::LedgerError;
use crate::tenancy::TenantTx;

/// One item for each that is stored.
pub async fn stored(tx: &mut TenantTx, awaited: &[Sha256Hash]) -> Result<Vec<Item>, LedgerError> {
    if awaited.is_empty() {
        return Ok(Vec::new());
    }
    let digests: Vec<Vec<u8>> = awaited.iter().map(|sha256| sha256.0.to_vec()).collect();
    let found = sqlx::query_scalar!("select sha256 from stored_blob where sha256 = any($1)", &digests)
        .fetch_all(tx.as_mut())
        .await?;
    found.iter().map(|bytes| Ok(Item::BlobStored { sha256: Sha256Hash::from_slice(bytes)? })).collect()
}
