//! `/tickets/{ticket_id}/…`: what the desk does to a ticket besides editing its fields.

use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;
use sync_core::ids::{SiteId, TicketId, VisitId};
use sync_core::time::ServerTime;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::error::TicketError;
use super::locate::{self, LocationRequest};
use super::store;
use super::view::TicketView;
use crate::directory::{Code, prose};
use crate::ledger::{By, Desk, Ledger, LedgerError};
use crate::platform::clock::Clock;
use crate::platform::extract::{Json, Path};
use crate::platform::problem::{ApiResult, Problem, ProblemView, invalid};
use crate::platform::random::Random;
use crate::state::AppState;
use crate::tenancy::{Permission, TenantCtx, TenantTx};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(cancel_ticket))
        .routes(routes!(verify_ticket))
        .routes(routes!(close_ticket))
        .routes(routes!(reopen_ticket))
        .routes(routes!(note_on_ticket))
        .routes(routes!(locate_ticket))
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CancelRequest {
    /// A code, for example `customer-request`.
    reason: String,
    /// Only this visit; without it the whole ticket.
    visit_id: Option<Uuid>,
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ReopenRequest {
    /// A code, for example `not-solved`.
    reason: String,
    /// Only this visit; without it the whole ticket.
    visit_id: Option<Uuid>,
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NoteRequest {
    text: String,
}

/// Does one thing to a ticket and shows what became of it.
async fn on_ticket(
    ctx: &TenantCtx,
    ledger: Arc<Ledger>,
    ticket: Uuid,
    now: ServerTime,
    verb: impl FnOnce(&mut Desk<'_>) -> Result<(), LedgerError> + Send + 'static,
) -> ApiResult<Json<TicketView>> {
    ctx.require(Permission::EditTickets)?;
    let (ticket, by) = (TicketId(ticket), By::caller(ctx));
    let view = ctx
        .transact(async move |tx: &mut TenantTx| {
            ledger.edit(tx, ticket, by, now, |desk| verb(desk).map_err(TicketError::from)).await?;
            store::view(tx, ticket).await
        })
        .await?;
    Ok(Json(view))
}

/// Calls off a ticket or one of its visits. Work that was already being done stands.
#[utoipa::path(post, path = "/tickets/{ticket_id}/cancel", tag = "tickets", request_body = CancelRequest,
    params(("ticket_id" = Uuid, Path)),
    responses((status = 200, body = TicketView), (status = 404, body = ProblemView), (status = 409, body = ProblemView)))]
async fn cancel_ticket(
    ctx: TenantCtx,
    State(ledger): State<Arc<Ledger>>,
    State(clock): State<Clock>,
    Path(id): Path<Uuid>,
    Json(request): Json<CancelRequest>,
) -> ApiResult<Json<TicketView>> {
    let (reason, visit) = (Code::new(&request.reason).map_err(invalid("reason"))?, request.visit_id.map(VisitId));
    on_ticket(&ctx, ledger, id, ServerTime(clock.now_ms()), move |desk| desk.cancel(visit, reason.as_str())).await
}

/// The result has been checked.
#[utoipa::path(post, path = "/tickets/{ticket_id}/verify", tag = "tickets", params(("ticket_id" = Uuid, Path)),
    responses((status = 200, body = TicketView), (status = 404, body = ProblemView), (status = 409, body = ProblemView)))]
async fn verify_ticket(
    ctx: TenantCtx,
    State(ledger): State<Arc<Ledger>>,
    State(clock): State<Clock>,
    Path(id): Path<Uuid>,
) -> ApiResult<Json<TicketView>> {
    on_ticket(&ctx, ledger, id, ServerTime(clock.now_ms()), |desk| desk.verify()).await
}

/// Nothing is left to do.
#[utoipa::path(post, path = "/tickets/{ticket_id}/close", tag = "tickets", params(("ticket_id" = Uuid, Path)),
    responses((status = 200, body = TicketView), (status = 404, body = ProblemView), (status = 409, body = ProblemView)))]
async fn close_ticket(
    ctx: TenantCtx,
    State(ledger): State<Arc<Ledger>>,
    State(clock): State<Clock>,
    Path(id): Path<Uuid>,
) -> ApiResult<Json<TicketView>> {
    on_ticket(&ctx, ledger, id, ServerTime(clock.now_ms()), |desk| desk.close()).await
}

/// Opens again what was done, closed or cancelled.
#[utoipa::path(post, path = "/tickets/{ticket_id}/reopen", tag = "tickets", request_body = ReopenRequest,
    params(("ticket_id" = Uuid, Path)),
    responses((status = 200, body = TicketView), (status = 404, body = ProblemView), (status = 409, body = ProblemView)))]
async fn reopen_ticket(
    ctx: TenantCtx,
    State(ledger): State<Arc<Ledger>>,
    State(clock): State<Clock>,
    Path(id): Path<Uuid>,
    Json(request): Json<ReopenRequest>,
) -> ApiResult<Json<TicketView>> {
    let (reason, visit) = (Code::new(&request.reason).map_err(invalid("reason"))?, request.visit_id.map(VisitId));
    on_ticket(&ctx, ledger, id, ServerTime(clock.now_ms()), move |desk| desk.reopen(visit, reason.as_str())).await
}

/// Writes something down.
#[utoipa::path(post, path = "/tickets/{ticket_id}/notes", tag = "tickets", request_body = NoteRequest,
    params(("ticket_id" = Uuid, Path)),
    responses((status = 200, body = TicketView), (status = 404, body = ProblemView)))]
async fn note_on_ticket(
    ctx: TenantCtx,
    State(ledger): State<Arc<Ledger>>,
    State(clock): State<Clock>,
    Path(id): Path<Uuid>,
    Json(request): Json<NoteRequest>,
) -> ApiResult<Json<TicketView>> {
    let text = prose::<10_000>(&request.text).map_err(invalid("text"))?;
    let text = text.ok_or_else(|| Problem::invalid("text", "it must not be empty"))?;
    on_ticket(&ctx, ledger, id, ServerTime(clock.now_ms()), move |desk| desk.note(&text).map(|_| ())).await
}

/// Says where the work is, for this ticket and every other of its site.
#[utoipa::path(post, path = "/tickets/{ticket_id}/location", tag = "tickets", request_body = LocationRequest,
    params(("ticket_id" = Uuid, Path)),
    responses((status = 200, body = TicketView), (status = 404, body = ProblemView), (status = 422, body = ProblemView)))]
async fn locate_ticket(
    ctx: TenantCtx,
    State(ledger): State<Arc<Ledger>>,
    State(clock): State<Clock>,
    State(random): State<Random>,
    Path(id): Path<Uuid>,
    Json(request): Json<LocationRequest>,
) -> ApiResult<Json<TicketView>> {
    ctx.require(Permission::EditTickets)?;
    let (ticket, location, by, now) = (TicketId(id), request.parse()?, By::caller(&ctx), clock.now());
    let fresh_site = SiteId(random.uuid(now));
    let view = ctx
        .transact(async move |tx: &mut TenantTx| {
            locate::locate(tx, &ledger, ticket, location, fresh_site, by, now).await?;
            store::view(tx, ticket).await
        })
        .await?;
    Ok(Json(view))
}
