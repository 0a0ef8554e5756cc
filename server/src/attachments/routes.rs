//! `/attachments/{sha256}`.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::Response;
use sync_core::ids::Sha256Hash;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::AttachmentError;
use super::{store, upload};
use crate::platform::blobs::{BlobKey, BlobStore};
use crate::platform::clock::Clock;
use crate::platform::download::download;
use crate::platform::extract::{Path, body_problem};
use crate::platform::hex;
use crate::platform::problem::{ApiResult, ProblemView};
use crate::state::AppState;
use crate::tenancy::{Permission, SyncCtx, TenantCtx, TenantTx};

/// The largest attachment, in bytes.
pub const LARGEST: usize = 32 << 20;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(get_attachment, put_attachment)).layer(DefaultBodyLimit::max(LARGEST))
}

/// Hand in the bytes of a photo or of a signature's strokes, which an entry of the caller's names by this digest.
///
/// Sending the same again changes nothing. 404 as long as no such entry has arrived: sync first.
#[utoipa::path(put, path = "/attachments/{sha256}", tag = "attachments",
    params(("sha256" = String, Path, description = "64 hexadecimal digits")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 204, description = "Stored; it would survive a power cut"), (status = 404, body = ProblemView),
        (status = 413, body = ProblemView), (status = 422, body = ProblemView), (status = 507, body = ProblemView)))]
async fn put_attachment(
    // Of a revoked phone, too: what it names was set aside, and its bytes belong to that.
    SyncCtx { ctx, .. }: SyncCtx,
    State(blobs): State<Arc<dyn BlobStore>>,
    State(clock): State<Clock>,
    Path(sha256): Path<String>,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> ApiResult<StatusCode> {
    // No permission is asked for: an entry of one's own that names these bytes is the permission.
    let (sha256, user) = (digest(&sha256)?, ctx.signed_in()?);
    let bytes = body.map_err(|rejection| body_problem(rejection.status()))?;
    upload::upload(&ctx, &*blobs, user, sha256, bytes.into(), clock.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The bytes, as they were handed in, as a file.
#[utoipa::path(get, path = "/attachments/{sha256}", tag = "attachments",
    params(("sha256" = String, Path, description = "64 hexadecimal digits")),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"), (status = 404, body = ProblemView)))]
async fn get_attachment(
    ctx: TenantCtx,
    State(blobs): State<Arc<dyn BlobStore>>,
    Path(sha256): Path<String>,
) -> ApiResult<Response> {
    ctx.require(Permission::ReadTickets)?;
    let sha256 = digest(&sha256)?;
    let is_stored = ctx.read(async move |tx: &mut TenantTx| store::is_stored(tx, sha256).await).await?;
    let key = BlobKey { tenant: ctx.tenant().0, sha256: sha256.0 };
    let found = if is_stored { blobs.get(key).await.map_err(AttachmentError::from)? } else { None };
    Ok(download(found.ok_or(AttachmentError::NotFound)?))
}

/// A digest that cannot be read names nothing.
pub fn digest(text: &str) -> Result<Sha256Hash, AttachmentError> {
    hex::decode_exactly(text).map(Sha256Hash).ok_or(AttachmentError::NotFound)
}
