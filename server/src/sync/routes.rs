//! HTTP in, one verb, HTTP out.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::exchange::{self, Exchange};
use super::report::Reports;
use crate::platform::problem::{ApiResult, Problem, ProblemView};
use crate::state::AppState;
use crate::tenancy::SyncCtx;

/// What travels in both directions.
pub const MEDIA_TYPE: &str = "application/vnd.callout.sync";

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(sync)).layer(Extension(Arc::new(Reports::default())))
}

/// Exchange changes with an enrolled device
///
/// Binary in both directions: the envelope and messages of `sync_core::wire`. The reply is signed for this very
/// request. Sending a request again is always safe: a batch that was taken is answered as it was the first time.
/// A phone may bring batches of its colleagues' devices as well: each is taken with the authority of the device that
/// signed it, and acknowledged by that device's id. With the reply comes the device's certificate, when it asks for one.
#[utoipa::path(
    post,
    path = "/sync",
    operation_id = "sync",
    tag = "sync",
    request_body(content_type = "application/vnd.callout.sync", content = Vec<u8>),
    responses(
        (status = 200, description = "A signed reply", content_type = "application/vnd.callout.sync", body = Vec<u8>),
        (status = 400, description = "Not a sync request", body = ProblemView),
        (status = 403, description = "The session is not that of an enrolled device", body = ProblemView),
        (status = 413, description = "The request is too large", body = ProblemView),
        (status = 415, description = "Not of the media type of a sync request", body = ProblemView),
    ),
)]
async fn sync(
    caller: SyncCtx,
    State(state): State<AppState>,
    Extension(reports): Extension<Arc<Reports>>,
    headers: axum::http::HeaderMap,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> ApiResult<Response> {
    if headers.get(header::CONTENT_TYPE).is_none_or(|kind| kind != MEDIA_TYPE) {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-media-type",
            "The body must be application/vnd.callout.sync",
        ));
    }
    let body = body.map_err(|rejection| crate::platform::extract::body_problem(rejection.status()))?;
    let AppState { ledger, roads, signer, clock, oldest, .. } = state;
    let reply = exchange::exchange(&Exchange { ledger, roads, signer, clock, reports, oldest }, &caller, &body).await?;
    Ok(([(header::CONTENT_TYPE, MEDIA_TYPE), (header::CACHE_CONTROL, "no-store")], reply).into_response())
}
