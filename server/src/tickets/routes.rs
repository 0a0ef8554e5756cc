//! `/tickets`: the board, one ticket, making and editing one.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use sync_core::ids::TicketId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::create::{self, NewTicketRequest};
use super::edit::{self, EditRequest};
use super::store;
use super::view::{TicketCard, TicketFilter, TicketView};
use crate::ledger::{By, Ledger};
use crate::platform::clock::Clock;
use crate::platform::extract::{Json, Path, Query};
use crate::platform::page::{Page, PageQuery};
use crate::platform::problem::{ApiResult, ProblemView};
use crate::state::AppState;
use crate::tenancy::{Permission, TenantCtx, TenantTx};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list_tickets, create_ticket)).routes(routes!(get_ticket, edit_ticket))
}

/// The board: tickets, the newest first.
#[utoipa::path(get, path = "/tickets", tag = "tickets", params(PageQuery, TicketFilter),
    responses((status = 200, body = Page<TicketCard>), (status = "4XX", body = ProblemView)))]
async fn list_tickets(
    ctx: TenantCtx,
    Query(page): Query<PageQuery>,
    Query(filter): Query<TicketFilter>,
) -> ApiResult<Json<Page<TicketCard>>> {
    ctx.require(Permission::ReadTickets)?;
    let (before, rows) = (page.after::<Uuid>()?, page.rows());
    let rows = ctx.read(async move |tx: &mut TenantTx| store::list(tx, &filter, before, rows).await).await?;
    Ok(Json(Page::of(rows, &page, |row| row.ticket_id, TicketCard::from)))
}

/// Makes a ticket by hand. What is not given follows from its type.
#[utoipa::path(post, path = "/tickets", tag = "tickets", request_body = NewTicketRequest,
    responses((status = 201, body = TicketView), (status = "4XX", body = ProblemView)))]
async fn create_ticket(
    ctx: TenantCtx,
    State(ledger): State<Arc<Ledger>>,
    State(clock): State<Clock>,
    Json(request): Json<NewTicketRequest>,
) -> ApiResult<(StatusCode, Json<TicketView>)> {
    ctx.require(Permission::EditTickets)?;
    let (wanted, by, now) = (request.parse()?, ctx.user(), clock.now());
    let view = ctx
        .transact(async move |tx: &mut TenantTx| {
            let ticket = create::create(tx, &ledger, wanted, by, now).await?;
            store::view(tx, ticket).await
        })
        .await?;
    Ok((StatusCode::CREATED, Json(view)))
}

/// One ticket: what it is, its visits and who is on them, everything that was said, what proves it.
#[utoipa::path(get, path = "/tickets/{ticket_id}", tag = "tickets", params(("ticket_id" = Uuid, Path)),
    responses((status = 200, body = TicketView), (status = 404, body = ProblemView)))]
async fn get_ticket(ctx: TenantCtx, Path(id): Path<Uuid>) -> ApiResult<Json<TicketView>> {
    ctx.require(Permission::ReadTickets)?;
    Ok(Json(ctx.read(async move |tx: &mut TenantTx| store::view(tx, TicketId(id)).await).await?))
}

/// Changes fields, each with the value its editor saw. Fields that others changed meanwhile are not in the way; where it
/// is the same field the last change wins, and what stood there is kept as a review item.
#[utoipa::path(patch, path = "/tickets/{ticket_id}", tag = "tickets", request_body = EditRequest,
    params(("ticket_id" = Uuid, Path)),
    responses((status = 200, body = TicketView), (status = 404, body = ProblemView), (status = 409, body = ProblemView),
        (status = 422, body = ProblemView)))]
async fn edit_ticket(
    ctx: TenantCtx,
    State(ledger): State<Arc<Ledger>>,
    State(clock): State<Clock>,
    Path(id): Path<Uuid>,
    Json(request): Json<EditRequest>,
) -> ApiResult<Json<TicketView>> {
    ctx.require(Permission::EditTickets)?;
    let (ticket, edits, by, now) = (TicketId(id), request.parse()?, By::caller(&ctx), clock.now());
    let view = ctx
        .transact(async move |tx: &mut TenantTx| {
            edit::edit(tx, &ledger, ticket, edits, by, now).await?;
            store::view(tx, ticket).await
        })
        .await?;
    Ok(Json(view))
}
