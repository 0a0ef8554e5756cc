//! The HTTP interface of positions and of the live stream.

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::error::LiveError;
use super::event::Viewer;
use super::hub::Live;
use super::report::{Batch, report as take_in};
use super::view::{PositionView, ReportRequest, ReportView};
use super::{store, stream};
use crate::ledger::feed::{self, Position};
use crate::platform::clock::Clock;
use crate::platform::extract::{Json, Query};
use crate::platform::page::{Page, PageQuery};
use crate::platform::problem::{ApiResult, Problem, ProblemView};
use crate::state::AppState;
use crate::tenancy::{Permission, Role, TenantCtx, TenantTx};

/// The operations of this feature, on the streams of this process.
pub fn routes(live: Live) -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(report, latest)).routes(routes!(watch)).layer(Extension(live))
}

/// Report where this device was.
///
/// A batch may hold fixes of any time of the last 14 days; those outside the engineer's shifts are counted and thrown
/// away. Sending a batch again changes nothing.
#[utoipa::path(
    post,
    path = "/positions",
    tag = "live",
    request_body = ReportRequest,
    responses(
        (status = 200, body = ReportView),
        (status = 403, body = ProblemView, content_type = "application/problem+json", description = "Not an engineer, or the device is not enrolled"),
        (status = 422, body = ProblemView, content_type = "application/problem+json", description = "More than 500 fixes, or fields that cannot be read"),
    )
)]
async fn report(
    ctx: TenantCtx,
    State(clock): State<Clock>,
    Json(request): Json<ReportRequest>,
) -> ApiResult<Json<ReportView>> {
    ctx.require(Permission::Sync)?;
    let user = ctx.signed_in()?;
    let device = ctx.device().ok_or(LiveError::NotEnrolled)?;
    let batch = Batch::try_from(request)?;
    let received = clock.now();
    let verdicts =
        ctx.transact(async move |tx: &mut TenantTx| take_in(tx, user, device, batch, received).await).await?;
    for verdict in &verdicts {
        match verdict {
            Ok(()) => metrics::counter!("positions_accepted_total").increment(1),
            Err(reason) => {
                metrics::counter!("positions_rejected_total", "reason" => reason.as_str()).increment(1);
            }
        }
    }
    Ok(Json(verdicts.into()))
}

/// The map: where each engineer is, and from where on to follow the live stream.
#[derive(Debug, Serialize, ToSchema)]
struct MapView {
    #[serde(flatten)]
    page: Page<PositionView>,
    /// Pass it as `after` to `GET /live` to miss nothing that happens after this answer.
    live_after: String,
}

/// Where the engineers are.
///
/// Dispatchers, administrators and auditors see everyone, an engineer only himself.
#[utoipa::path(
    get,
    path = "/positions",
    tag = "live",
    params(PageQuery),
    responses(
        (status = 200, body = MapView),
        (status = 403, body = ProblemView, content_type = "application/problem+json"),
    )
)]
async fn latest(ctx: TenantCtx, Query(query): Query<PageQuery>) -> ApiResult<Json<MapView>> {
    let only = match viewer(&ctx)? {
        Viewer { role: Role::Admin | Role::Dispatcher | Role::Auditor, .. } => None,
        Viewer { role: Role::Engineer, user } => Some(user),
        Viewer { role: Role::Warehouse | Role::Customer, .. } => return Err(Problem::forbidden()),
    };
    let (after, rows): (Option<Uuid>, i64) = (query.after()?, query.rows());
    let (positions, live_after) = ctx
        .read(async move |tx: &mut TenantTx| {
            let live_after = feed::horizon(tx).await?;
            Ok::<_, LiveError>((store::latest(tx, only, after, rows).await?, live_after))
        })
        .await?;
    let page = Page::of(positions, &query, |position| position.engineer_id, |position| position);
    Ok(Json(MapView { page, live_after: live_after.to_string() }))
}

/// Where to begin.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct WatchQuery {
    /// The id of the last event seen, or `live_after` of a list. The header `Last-Event-ID` goes before it. Left out, the
    /// stream begins now.
    after: Option<String>,
}

/// Follow what happens, as server-sent events.
///
/// `position` says where an engineer is now; `ticket.…` what has become of a ticket. Ids rise; opened again with the last
/// one, the stream goes on with neither gap nor repeat. `reset` says that it cannot, because the id is older than a day:
/// load what you show anew. `end` says why the stream is closed: `too_slow`, `signed_out`, `stopping`, `unavailable`.
/// An engineer sees what concerns himself, warehouse staff no positions.
#[utoipa::path(
    get,
    path = "/live",
    tag = "live",
    params(WatchQuery, ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event seen")),
    responses(
        (status = 200, body = String, content_type = "text/event-stream"),
        (status = 403, body = ProblemView, content_type = "application/problem+json"),
        (status = 422, body = ProblemView, content_type = "application/problem+json", description = "Not an id of this stream"),
        (status = 429, body = ProblemView, content_type = "application/problem+json", description = "Too many streams of this user"),
        (status = 503, body = ProblemView, content_type = "application/problem+json"),
    )
)]
async fn watch(
    ctx: TenantCtx,
    Extension(live): Extension<Live>,
    Query(query): Query<WatchQuery>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let viewer = viewer(&ctx)?;
    let session = ctx.session().ok_or_else(Problem::forbidden)?;
    if !viewer.may_watch() {
        return Err(Problem::forbidden());
    }
    let after = resume_after(&headers, &query)?;
    let watch = live.hub().watch(ctx.tenant(), session, viewer)?;
    let frames = stream::open(live.hub(), ctx, watch, viewer, after).await?;
    let body = Body::from_stream(frames.map(Ok::<_, std::convert::Infallible>));
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        // Proxies that gather an answer before they pass it on must not.
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, body).into_response())
}

fn viewer(ctx: &TenantCtx) -> ApiResult<Viewer> {
    let role = ctx.role().ok_or_else(Problem::forbidden)?;
    Ok(Viewer { user: ctx.signed_in()?, role })
}

fn resume_after(headers: &HeaderMap, query: &WatchQuery) -> ApiResult<Option<Position>> {
    let header = headers.get("last-event-id").filter(|value| !value.is_empty());
    let (name, text) = match (header, &query.after) {
        (Some(header), _) => ("Last-Event-ID", header.to_str().unwrap_or_default()),
        (None, Some(after)) => ("after", after.as_str()),
        (None, None) => return Ok(None),
    };
    text.parse().map(Some).map_err(|error: feed::NotAPosition| Problem::invalid(name, error.to_string()))
}
