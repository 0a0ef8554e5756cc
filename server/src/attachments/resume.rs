//! Bytes arrive in pieces, over a network that breaks off: the story of an upload that can be carried on.

use axum::body::Body;
use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use sync_core::ids::{Sha256Hash, UserId};

use super::error::AttachmentError;
use super::{store, upload};
use crate::platform::blobs::{BlobKey, BlobStore};
use crate::platform::partial::{BeginError, Partial, PartialKey, Partials};
use crate::tenancy::{TenantCtx, TenantTx};

/// Where bytes in pieces are kept, and where they go once they are whole.
pub struct Places<'a> {
    pub partials: &'a Partials,
    pub blobs: &'a dyn BlobStore,
}

/// How far an upload has come.
pub struct Progress {
    pub offset: u64,
    pub length: u64,
    /// None once the bytes are stored.
    pub expires_at: Option<DateTime<Utc>>,
}

impl Progress {
    fn stored(length: u64) -> Self {
        Self { offset: length, length, expires_at: None }
    }
}

/// Not found, unless an entry of this user's names the bytes by this digest.
pub async fn expect_named(ctx: &TenantCtx, user: UserId, sha256: Sha256Hash) -> Result<(), AttachmentError> {
    wanted(ctx, user, sha256).await.map(drop)
}

/// Begins an upload of so many bytes, which an entry of this user's names by their digest.
pub async fn begin(
    ctx: &TenantCtx,
    places: &Places<'_>,
    user: UserId,
    sha256: Sha256Hash,
    length: u64,
    now: DateTime<Utc>,
) -> Result<Progress, AttachmentError> {
    let wanted = wanted(ctx, user, sha256).await?;
    if length == 0 || wanted.expected.is_some_and(|expected| expected != length) {
        return Err(AttachmentError::OtherBytes);
    }
    if let Some(stored) = wanted.stored {
        return Ok(Progress::stored(stored));
    }
    match places.partials.begin(key(ctx, user, sha256), length, now).await {
        Ok(()) => progress(ctx, places, user, sha256, now).await,
        Err(BeginError::TooMany) => Err(AttachmentError::TooManyUploads),
        Err(BeginError::Store(error)) => Err(error.into()),
    }
}

/// How far it has come. What is whole is stored before that is said.
pub async fn progress(
    ctx: &TenantCtx,
    places: &Places<'_>,
    user: UserId,
    sha256: Sha256Hash,
    now: DateTime<Utc>,
) -> Result<Progress, AttachmentError> {
    if let Some(stored) = wanted(ctx, user, sha256).await?.stored {
        return Ok(Progress::stored(stored));
    }
    let partial = places.partials.find(key(ctx, user, sha256), now).await?.ok_or(AttachmentError::NotFound)?;
    settle(ctx, places, user, sha256, partial, now).await
}

/// Takes the next piece, which begins at `offset`, as far as it comes. Each part of it is kept as it arrives: whoever is
/// cut off asks how far he came and goes on from there.
pub async fn carry_on(
    ctx: &TenantCtx,
    places: &Places<'_>,
    user: UserId,
    sha256: Sha256Hash,
    (offset, body): (u64, Body),
    now: DateTime<Utc>,
) -> Result<Progress, AttachmentError> {
    if let Some(stored) = wanted(ctx, user, sha256).await?.stored {
        return if offset == stored { Ok(Progress::stored(stored)) } else { Err(AttachmentError::OtherOffset(stored)) };
    }
    let found = places.partials.find(key(ctx, user, sha256), now).await?;
    let mut partial = found.ok_or(AttachmentError::NotFound)?;
    if offset != partial.offset {
        return Err(AttachmentError::OtherOffset(partial.offset));
    }
    let mut parts = body.into_data_stream();
    while let Some(part) = parts.next().await {
        // Cut off: what has come so far stays.
        let Ok(part) = part else { return Err(AttachmentError::CutOff) };
        if part.len() as u64 > partial.length - partial.offset {
            return Err(AttachmentError::TooLong);
        }
        partial = places.partials.append(partial, part).await?;
    }
    places.partials.flush(&partial).await?;
    settle(ctx, places, user, sha256, partial, now).await
}

/// Gives an upload up.
pub async fn give_up(
    ctx: &TenantCtx,
    places: &Places<'_>,
    user: UserId,
    sha256: Sha256Hash,
    now: DateTime<Utc>,
) -> Result<(), AttachmentError> {
    let found = places.partials.find(key(ctx, user, sha256), now).await?;
    Ok(places.partials.forget(&found.ok_or(AttachmentError::NotFound)?).await?)
}

/// Stores what is whole. What turns out to be other bytes is thrown away: the upload begins anew.
async fn settle(
    ctx: &TenantCtx,
    places: &Places<'_>,
    user: UserId,
    sha256: Sha256Hash,
    partial: Partial,
    now: DateTime<Utc>,
) -> Result<Progress, AttachmentError> {
    let Partial { offset, length, expires_at, .. } = partial;
    if offset < length {
        return Ok(Progress { offset, length, expires_at: Some(expires_at) });
    }
    let bytes = places.partials.read(&partial).await?;
    let uploaded = upload::upload(ctx, places.blobs, user, sha256, bytes, now).await;
    if matches!(uploaded, Ok(()) | Err(AttachmentError::OtherBytes)) {
        places.partials.forget(&partial).await?;
    }
    uploaded.map(|()| Progress::stored(length))
}

/// What is known of a blob that an entry of this user's names.
struct Wanted {
    /// Its length, if the entry says.
    expected: Option<u64>,
    /// Its length, if it is stored.
    stored: Option<u64>,
}

async fn wanted(ctx: &TenantCtx, user: UserId, sha256: Sha256Hash) -> Result<Wanted, AttachmentError> {
    ctx.read(async move |tx: &mut TenantTx| {
        let expected = store::expected(tx, user, sha256).await?.ok_or(AttachmentError::NotFound)?;
        let stored = store::stored_size(tx, sha256).await?;
        let size = |bytes: i64| u64::try_from(bytes).ok();
        Ok(Wanted { expected: size(expected).filter(|size| *size > 0), stored: stored.and_then(size) })
    })
    .await
}

fn key(ctx: &TenantCtx, user: UserId, sha256: Sha256Hash) -> PartialKey {
    PartialKey { blob: BlobKey { tenant: ctx.tenant().0, sha256: sha256.0 }, owner: user.0 }
}
