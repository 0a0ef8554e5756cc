//! Bytes arrive.

use chrono::{DateTime, Utc};
use sync_core::ids::{Sha256Hash, UserId};

use super::error::AttachmentError;
use super::store;
use crate::platform::blobs::{BlobKey, BlobStore};
use crate::tenancy::{TenantCtx, TenantTx};

/// Stores the bytes if an entry of this user's names them, and notes it. No transaction is open while they are written.
pub async fn upload(
    ctx: &TenantCtx,
    blobs: &dyn BlobStore,
    user: UserId,
    sha256: Sha256Hash,
    bytes: Vec<u8>,
    now: DateTime<Utc>,
) -> Result<(), AttachmentError> {
    let expected = ctx
        .read(async move |tx: &mut TenantTx| store::expected(tx, user, sha256).await)
        .await?
        .ok_or(AttachmentError::NotFound)?;
    let size = i64::try_from(bytes.len()).map_err(|_| AttachmentError::OtherBytes)?;
    // Signatures do not say how long their strokes are.
    if expected != 0 && expected != size {
        return Err(AttachmentError::OtherBytes);
    }
    blobs.put(BlobKey { tenant: ctx.tenant().0, sha256: sha256.0 }, bytes).await?;
    ctx.transact(async move |tx: &mut TenantTx| store::note_stored(tx, sha256, size, now).await).await
}
