//! `/visits/{id}/offers`, `/offers`: windows to offer a customer.

use std::sync::Arc;

use axum::extract::State;
use sync_core::ids::VisitId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::offer;
use super::offer_view::{AcceptOfferRequest, AcceptedOfferView, NewOffersRequest, OffersRequest, OffersView};
use crate::ledger::Ledger;
use crate::planning::travel::Roads;
use crate::platform::clock::Clock;
use crate::platform::extract::{Json, Path};
use crate::platform::problem::{ApiResult, ProblemView};
use crate::state::AppState;
use crate::tenancy::{Permission, TenantCtx};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(offer_windows))
        .routes(routes!(offer_windows_for_request))
        .routes(routes!(accept_offer))
}

/// When somebody could come for a visit: the cheapest windows that can be kept. Nothing is reserved. Of windows that
/// nobody can keep, how many engineers each rule refused. A pin, and the window that the visit has, count for nothing.
#[utoipa::path(post, path = "/visits/{visit_id}/offers", tag = "dispatching", params(("visit_id" = Uuid, Path)),
    request_body = OffersRequest,
    responses((status = 200, body = OffersView), (status = 404, body = ProblemView), (status = 409, body = ProblemView),
        (status = 422, body = ProblemView)))]
async fn offer_windows(
    ctx: TenantCtx,
    State(clock): State<Clock>,
    State(roads): State<Roads>,
    Path(visit): Path<Uuid>,
    Json(request): Json<OffersRequest>,
) -> ApiResult<Json<OffersView>> {
    ctx.require(Permission::Dispatch)?;
    Ok(Json(offer::for_visit(&ctx, &roads, VisitId(visit), &request, clock.now()).await?))
}

/// When somebody could come for work that has no ticket yet. Nothing is reserved.
#[utoipa::path(post, path = "/offers", tag = "dispatching", request_body = NewOffersRequest,
    responses((status = 200, body = OffersView), (status = 422, body = ProblemView), (status = "4XX", body = ProblemView)))]
async fn offer_windows_for_request(
    ctx: TenantCtx,
    State(clock): State<Clock>,
    State(roads): State<Roads>,
    Json(request): Json<NewOffersRequest>,
) -> ApiResult<Json<OffersView>> {
    ctx.require(Permission::Dispatch)?;
    Ok(Json(offer::for_request(&ctx, &roads, request, clock.now()).await?))
}

/// The customer has chosen a window: the visit gets it, and with `assign` an engineer. If it cannot be kept any more
/// nothing is done, and the 409 `offer-gone` holds fresh offers.
#[utoipa::path(post, path = "/visits/{visit_id}/offers/accept", tag = "dispatching", params(("visit_id" = Uuid, Path)),
    request_body = AcceptOfferRequest,
    responses((status = 200, body = AcceptedOfferView), (status = 404, body = ProblemView),
        (status = 409, body = ProblemView), (status = 422, body = ProblemView)))]
async fn accept_offer(
    ctx: TenantCtx,
    State(clock): State<Clock>,
    State(roads): State<Roads>,
    State(ledger): State<Arc<Ledger>>,
    Path(visit): Path<Uuid>,
    Json(request): Json<AcceptOfferRequest>,
) -> ApiResult<Json<AcceptedOfferView>> {
    ctx.require(Permission::Dispatch)?;
    ctx.require(Permission::EditTickets)?;
    Ok(Json(offer::accept(&ctx, &ledger, &roads, VisitId(visit), request, clock.now()).await?))
}
