//! `/attachments/{sha256}/upload`: the same bytes in pieces, by tus 1.0 (<https://tus.io/protocols/resumable-upload>): its
//! core, creation, termination and expiration. The address follows from the digest, so that a phone that has lost
//! everything but its photos still knows where to go on; any process of the server may take any piece.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::map_response;
use axum::response::Response;
use sync_core::ids::{Sha256Hash, UserId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::AttachmentError;
use super::resume::{self, Places, Progress};
use super::routes::{LARGEST, digest};
use crate::platform::blobs::BlobStore;
use crate::platform::clock::Clock;
use crate::platform::extract::Path;
use crate::platform::partial::Partials;
use crate::platform::problem::{ApiResult, Problem, ProblemView};
use crate::state::AppState;
use crate::tenancy::{SyncCtx, TenantCtx};

/// The version of the protocol that is spoken.
const VERSION: HeaderValue = HeaderValue::from_static("1.0.0");
const PIECE: &str = "application/offset+octet-stream";

const TUS_RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const TUS_VERSION: HeaderName = HeaderName::from_static("tus-version");
const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
const UPLOAD_EXPIRES: HeaderName = HeaderName::from_static("upload-expires");

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(create_upload, get_upload_offset, continue_upload, delete_upload))
        .layer(map_response(speak_tus))
}

/// Every answer names the version of the protocol; one to another version, which would do.
async fn speak_tus(mut response: Response) -> Response {
    if response.status() == StatusCode::PRECONDITION_FAILED {
        response.headers_mut().insert(TUS_VERSION, VERSION);
    }
    response.headers_mut().insert(TUS_RESUMABLE, VERSION);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// What a request about an upload needs: who asks, and in which protocol.
struct Caller {
    ctx: TenantCtx,
    user: UserId,
    partials: Partials,
    blobs: Arc<dyn BlobStore>,
    clock: Clock,
}

impl FromRequestParts<AppState> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> ApiResult<Self> {
        // Of a revoked phone, too: what it names was set aside, and its bytes belong to that.
        let SyncCtx { ctx, .. } = SyncCtx::from_request_parts(parts, state).await?;
        let user = ctx.signed_in()?;
        if parts.headers.get(TUS_RESUMABLE).is_some_and(|version| version != VERSION) {
            return Err(Problem::new(
                StatusCode::PRECONDITION_FAILED,
                "other-protocol",
                "The version of the protocol is 1.0.0",
            ));
        }
        let (partials, blobs) = (Partials::from_ref(state), Arc::from_ref(state));
        Ok(Self { ctx, user, partials, blobs, clock: Clock::from_ref(state) })
    }
}

impl Caller {
    /// The digest in the path, if an entry of the caller's names it: before anything else is said of the request.
    async fn named(&self, sha256: &str) -> ApiResult<Sha256Hash> {
        let sha256 = digest(sha256)?;
        resume::expect_named(&self.ctx, self.user, sha256).await?;
        Ok(sha256)
    }

    fn places(&self) -> Places<'_> {
        Places { partials: &self.partials, blobs: &*self.blobs }
    }
}

/// Begin to hand in bytes in pieces. 404 as long as no entry of the caller's names them: sync first.
///
/// `Upload-Length` says how many there are. Beginning again changes nothing.
#[utoipa::path(post, path = "/attachments/{sha256}/upload", tag = "attachments",
    params(("sha256" = String, Path, description = "64 hexadecimal digits"),
        ("Tus-Resumable" = String, Header, description = "1.0.0"),
        ("Upload-Length" = u64, Header, description = "How many bytes")),
    responses((status = 201, description = "Location, Upload-Offset, Upload-Expires"),
        (status = 412, body = ProblemView), (status = 413, body = ProblemView), (status = 422, body = ProblemView),
        (status = 429, body = ProblemView), (status = 507, body = ProblemView)))]
async fn create_upload(
    caller: Caller,
    Path(sha256): Path<String>,
    headers: HeaderMap,
) -> ApiResult<(StatusCode, HeaderMap)> {
    let digest = caller.named(&sha256).await?;
    let length = count(&headers, &UPLOAD_LENGTH)?;
    if length > LARGEST as u64 {
        return Err(AttachmentError::TooLong.into());
    }
    let begun = resume::begin(&caller.ctx, &caller.places(), caller.user, digest, length, caller.clock.now()).await?;
    let mut headers = describe(&begun);
    let location = format!("/api/v1/attachments/{}/upload", crate::platform::hex::encode(&digest.0));
    headers.insert(header::LOCATION, HeaderValue::try_from(location).map_err(Problem::internal)?);
    Ok((StatusCode::CREATED, headers))
}

/// How many of the bytes are here. As many as there are: they are stored, and would survive a power cut.
#[utoipa::path(head, path = "/attachments/{sha256}/upload", tag = "attachments",
    params(("sha256" = String, Path, description = "64 hexadecimal digits"),
        ("Tus-Resumable" = String, Header, description = "1.0.0")),
    responses((status = 200, description = "Upload-Offset, Upload-Length, Upload-Expires"),
        (status = 404, description = "Not begun, or expired")))]
async fn get_upload_offset(caller: Caller, Path(sha256): Path<String>) -> ApiResult<HeaderMap> {
    let sha256 = digest(&sha256)?;
    let progress = resume::progress(&caller.ctx, &caller.places(), caller.user, sha256, caller.clock.now()).await?;
    Ok(describe(&progress))
}

/// Hand in the next piece, which begins where the last one ended.
///
/// With the last piece the whole is compared with the digest: other bytes are thrown away (422), and it begins anew.
#[utoipa::path(patch, path = "/attachments/{sha256}/upload", tag = "attachments",
    params(("sha256" = String, Path, description = "64 hexadecimal digits"),
        ("Tus-Resumable" = String, Header, description = "1.0.0"),
        ("Upload-Offset" = u64, Header, description = "Where the piece begins")),
    request_body(content = Vec<u8>, content_type = "application/offset+octet-stream"),
    responses((status = 204, description = "Upload-Offset: where the next piece begins"),
        (status = 404, body = ProblemView), (status = 409, body = ProblemView), (status = 412, body = ProblemView),
        (status = 413, body = ProblemView), (status = 415, body = ProblemView), (status = 422, body = ProblemView),
        (status = 507, body = ProblemView)))]
async fn continue_upload(
    caller: Caller,
    Path(sha256): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<(StatusCode, HeaderMap)> {
    let sha256 = caller.named(&sha256).await?;
    if headers.get(header::CONTENT_TYPE).is_none_or(|kind| kind != PIECE) {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-media-type",
            "The body must be application/offset+octet-stream",
        ));
    }
    let piece = (count(&headers, &UPLOAD_OFFSET)?, body);
    let now = caller.clock.now();
    let progress = resume::carry_on(&caller.ctx, &caller.places(), caller.user, sha256, piece, now).await?;
    Ok((StatusCode::NO_CONTENT, describe(&progress)))
}

/// Give up an upload. Bytes that are stored stay.
#[utoipa::path(delete, path = "/attachments/{sha256}/upload", tag = "attachments",
    params(("sha256" = String, Path, description = "64 hexadecimal digits"),
        ("Tus-Resumable" = String, Header, description = "1.0.0")),
    responses((status = 204, description = "Given up"), (status = 404, body = ProblemView)))]
async fn delete_upload(caller: Caller, Path(sha256): Path<String>) -> ApiResult<StatusCode> {
    let sha256: Sha256Hash = digest(&sha256)?;
    resume::give_up(&caller.ctx, &caller.places(), caller.user, sha256, caller.clock.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn describe(progress: &Progress) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(UPLOAD_OFFSET, number(progress.offset));
    headers.insert(UPLOAD_LENGTH, number(progress.length));
    let expires = progress.expires_at.map(|at| at.format("%a, %d %b %Y %H:%M:%S GMT").to_string());
    if let Some(expires) = expires.and_then(|text| HeaderValue::try_from(text).ok()) {
        headers.insert(UPLOAD_EXPIRES, expires);
    }
    headers
}

fn number(value: u64) -> HeaderValue {
    HeaderValue::from(value)
}

/// A number that must stand in a header.
fn count(headers: &HeaderMap, name: &HeaderName) -> ApiResult<u64> {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    let value = value.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit())).and_then(|text| text.parse().ok());
    value.ok_or_else(|| Problem::invalid(name.as_str(), "the header must hold a number of bytes"))
}
