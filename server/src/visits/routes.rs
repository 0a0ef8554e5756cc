//! `/visits`.

use std::sync::Arc;

use axum::extract::State;
use sync_core::document::Scalar;
use sync_core::document::core::path;
use sync_core::ids::VisitId;
use sync_core::time::ServerTime;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::error::VisitError;
use super::store;
use super::view::{VisitEditRequest, VisitFilter, VisitView};
use crate::ledger::{By, Edit, Ledger, Value};
use crate::platform::clock::Clock;
use crate::platform::extract::{Json, Path, Query};
use crate::platform::page::{Page, PageQuery};
use crate::platform::problem::{ApiResult, Problem, ProblemView};
use crate::state::AppState;
use crate::tenancy::{Permission, TenantCtx, TenantTx};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list_visits)).routes(routes!(get_visit, edit_visit))
}

/// Visits in order of their earliest start; with `unscheduled` those that have no window yet, in order of age.
#[utoipa::path(get, path = "/visits", tag = "visits", params(PageQuery, VisitFilter),
    responses((status = 200, body = Page<VisitView>), (status = "4XX", body = ProblemView)))]
async fn list_visits(
    ctx: TenantCtx,
    Query(page): Query<PageQuery>,
    Query(filter): Query<VisitFilter>,
) -> ApiResult<Json<Page<VisitView>>> {
    ctx.require(Permission::ReadTickets)?;
    let (after, rows) = (page.after()?, page.rows());
    let rows = ctx.read(async move |tx: &mut TenantTx| store::list(tx, &filter, after, rows).await).await?;
    Ok(Json(Page::of(rows, &page, |row| (row.starts_at, row.visit_id), VisitView::from)))
}

/// One visit.
#[utoipa::path(get, path = "/visits/{visit_id}", tag = "visits", params(("visit_id" = Uuid, Path)),
    responses((status = 200, body = VisitView), (status = 404, body = ProblemView)))]
async fn get_visit(ctx: TenantCtx, Path(id): Path<Uuid>) -> ApiResult<Json<VisitView>> {
    ctx.require(Permission::ReadTickets)?;
    let row = ctx.read(async move |tx: &mut TenantTx| store::get(tx, VisitId(id)).await).await?;
    Ok(Json(row.into()))
}

/// Moves one side of a visit's window or both, each with the value its editor saw, and pins or unpins it. A side that a
/// phone moved meanwhile is not in the way of the other.
#[utoipa::path(patch, path = "/visits/{visit_id}", tag = "visits", request_body = VisitEditRequest,
    params(("visit_id" = Uuid, Path)),
    responses((status = 200, body = VisitView), (status = 404, body = ProblemView), (status = 409, body = ProblemView),
        (status = 422, body = ProblemView)))]
async fn edit_visit(
    ctx: TenantCtx,
    State(ledger): State<Arc<Ledger>>,
    State(clock): State<Clock>,
    Path(id): Path<Uuid>,
    Json(request): Json<VisitEditRequest>,
) -> ApiResult<Json<VisitView>> {
    ctx.require(Permission::EditTickets)?;
    let visit = VisitId(id);
    let edits = edits(visit, &request)?;
    let (by, now) = (By::caller(&ctx), ServerTime(clock.now_ms()));
    let row = ctx
        .transact(async move |tx: &mut TenantTx| {
            let ticket = store::get(tx, visit).await?.ticket();
            ledger.edit(tx, ticket, by, now, |desk| desk.set(&edits).map_err(VisitError::from)).await?;
            store::get(tx, visit).await
        })
        .await?;
    Ok(Json(row.into()))
}

fn edits(visit: VisitId, request: &VisitEditRequest) -> ApiResult<Vec<Edit>> {
    let instant = |at: chrono::DateTime<chrono::Utc>| Value::Plain(Scalar::Int(at.timestamp_millis()));
    let mut edits = Vec::new();
    let sides = [(path::visit_start(visit), &request.start), (path::visit_end(visit), &request.end)];
    for (path, side) in sides {
        if let Some(side) = side {
            edits.push(Edit { path, seen: side.seen.map(instant), to: side.value.map(instant) });
        }
    }
    if let Some(pinned) = &request.pinned {
        let claim = |value| Some(Value::Plain(Scalar::Bool(value)));
        edits.push(Edit { path: path::visit_pinned(visit), seen: claim(pinned.seen), to: claim(pinned.value) });
    }
    if edits.is_empty() {
        Err(Problem::invalid("start", "name at least one of start, end and pinned"))
    } else {
        Ok(edits)
    }
}
