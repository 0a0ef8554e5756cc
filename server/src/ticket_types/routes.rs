//! `/ticket-types`.

use axum::extract::State;
use axum::http::StatusCode;
use sync_core::time::ServerTime;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::TicketTypeError;
use super::store;
use super::view::{NewTicketTypeRequest, TicketTypeFilter, TicketTypeRequest, TicketTypeView};
use crate::ledger::outbox::{self, Event};
use crate::platform::clock::Clock;
use crate::platform::etag::{IfMatch, Versioned};
use crate::platform::extract::{Json, Path, Query};
use crate::platform::page::{Page, PageQuery};
use crate::platform::problem::{ApiResult, ProblemView};
use crate::state::AppState;
use crate::tenancy::{Permission, TenantCtx, TenantTx};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_ticket_types, create_ticket_type))
        .routes(routes!(get_ticket_type, update_ticket_type))
}

/// Ticket types in order of their codes.
#[utoipa::path(get, path = "/ticket-types", tag = "ticket types", params(PageQuery, TicketTypeFilter),
    responses((status = 200, body = Page<TicketTypeView>), (status = "4XX", body = ProblemView)))]
async fn list_ticket_types(
    ctx: TenantCtx,
    Query(page): Query<PageQuery>,
    Query(filter): Query<TicketTypeFilter>,
) -> ApiResult<Json<Page<TicketTypeView>>> {
    ctx.require(Permission::ReadMasterData)?;
    let (after, rows) = (page.after::<String>()?, page.rows());
    let rows = ctx.read(async move |tx: &mut TenantTx| store::list(tx, filter.archived, after, rows).await).await?;
    Ok(Json(Page::of(rows, &page, |row| row.code.clone(), TicketTypeView::from)))
}

/// Enters a ticket type.
#[utoipa::path(post, path = "/ticket-types", tag = "ticket types", request_body = NewTicketTypeRequest,
    responses((status = 201, body = TicketTypeView), (status = 409, body = ProblemView), (status = "4XX", body = ProblemView)))]
async fn create_ticket_type(
    ctx: TenantCtx,
    State(clock): State<Clock>,
    Json(request): Json<NewTicketTypeRequest>,
) -> ApiResult<(StatusCode, Versioned<TicketTypeView>)> {
    ctx.require(Permission::EditMasterData)?;
    let (ticket_type, now) = (request.parse()?, clock.now());
    let row = ctx.transact(async move |tx: &mut TenantTx| store::insert(tx, &ticket_type, now).await).await?;
    Ok((StatusCode::CREATED, row.into()))
}

/// One ticket type.
#[utoipa::path(get, path = "/ticket-types/{code}", tag = "ticket types", params(("code" = String, Path)),
    responses((status = 200, body = TicketTypeView), (status = 404, body = ProblemView)))]
async fn get_ticket_type(ctx: TenantCtx, Path(code): Path<String>) -> ApiResult<Versioned<TicketTypeView>> {
    ctx.require(Permission::ReadMasterData)?;
    let row = ctx.read(async move |tx: &mut TenantTx| store::get(tx, &code).await).await?;
    Ok(row.ok_or(TicketTypeError::NotFound)?.into())
}

/// Replaces a ticket type; `archived` takes it out of use or brings it back. Tickets that exist keep what they have.
#[utoipa::path(put, path = "/ticket-types/{code}", tag = "ticket types", request_body = TicketTypeRequest,
    params(("code" = String, Path), ("If-Match" = String, Header, description = "the ETag it was read with")),
    responses((status = 200, body = TicketTypeView), (status = 404, body = ProblemView), (status = 412, body = ProblemView)))]
async fn update_ticket_type(
    ctx: TenantCtx,
    State(clock): State<Clock>,
    Path(code): Path<String>,
    IfMatch(version): IfMatch,
    Json(request): Json<TicketTypeRequest>,
) -> ApiResult<Versioned<TicketTypeView>> {
    ctx.require(Permission::EditMasterData)?;
    let now = clock.now();
    let archived_at = request.archived.then_some(now);
    // A code that cannot be one names nothing.
    let ticket_type = request.parse(crate::directory::Code::new(&code).map_err(|_| TicketTypeError::NotFound)?)?;
    let update = async move |tx: &mut TenantTx| {
        let before = store::get(tx, ticket_type.code.as_str()).await?.map(|row| row.dispatch_mode);
        let row = store::update(tx, version, &ticket_type, archived_at).await?;
        if before.is_some_and(|mode| mode != row.dispatch_mode) {
            outbox::append(tx, &Event::dispatch_changed(), ServerTime(now.timestamp_millis())).await?;
        }
        Ok::<_, TicketTypeError>(row)
    };
    Ok(ctx.transact(update).await?.into())
}
