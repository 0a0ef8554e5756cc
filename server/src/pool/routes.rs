//! `/pool`, `/visits/{id}/pool`, `/visits/{id}/take`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use sync_core::ids::VisitId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::store;
use super::view::{PoolEntryView, TakenView};
use crate::ledger::Ledger;
use crate::planning::PlanningError;
use crate::planning::assign::persist;
use crate::planning::pool::store::standing;
use crate::planning::pool::{Taking, placement, take};
use crate::planning::travel::{Roads, informed};
use crate::platform::clock::Clock;
use crate::platform::extract::{Json, Path, Query};
use crate::platform::page::{Page, PageQuery};
use crate::platform::problem::{ApiResult, Problem, ProblemView};
use crate::platform::random::Random;
use crate::state::AppState;
use crate::tenancy::{Permission, TenantCtx, TenantTx};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_pool))
        .routes(routes!(put_into_pool, take_out_of_pool))
        .routes(routes!(take_visit))
}

/// What is on offer: to a dispatcher all of it, to an engineer what he may take himself.
#[utoipa::path(get, path = "/pool", tag = "dispatching", params(PageQuery),
    responses((status = 200, body = Page<PoolEntryView>), (status = "4XX", body = ProblemView)))]
async fn list_pool(ctx: TenantCtx, Query(page): Query<PageQuery>) -> ApiResult<Json<Page<PoolEntryView>>> {
    let is_desk = ctx.may(Permission::ReadTickets);
    if !is_desk {
        ctx.require(Permission::TakeWork)?;
    }
    let to = if is_desk { None } else { Some(ctx.signed_in()?) };
    let (after, rows) = (page.after::<Uuid>()?, page.rows());
    let rows = ctx.read(async move |tx: &mut TenantTx| store::entries(tx, to, after, rows).await).await?;
    Ok(Json(Page::of(rows, &page, |row| row.ticket_id, |row| PoolEntryView::new(row, is_desk))))
}

/// Put a visit that nobody has into the pool, whatever the mode of its type. The engineers who may take it learn of it
/// with their next synchronisation.
#[utoipa::path(post, path = "/visits/{visit_id}/pool", tag = "dispatching", params(("visit_id" = Uuid, Path)),
    responses((status = 204), (status = 404, body = ProblemView), (status = 409, body = ProblemView)))]
async fn put_into_pool(ctx: TenantCtx, State(clock): State<Clock>, Path(visit): Path<Uuid>) -> ApiResult<StatusCode> {
    place(ctx, clock, visit, true).await
}

/// Take a visit out of the pool, whatever the mode of its type. From then on a dispatcher assigns it.
#[utoipa::path(delete, path = "/visits/{visit_id}/pool", tag = "dispatching", params(("visit_id" = Uuid, Path)),
    responses((status = 204), (status = 404, body = ProblemView)))]
async fn take_out_of_pool(
    ctx: TenantCtx,
    State(clock): State<Clock>,
    Path(visit): Path<Uuid>,
) -> ApiResult<StatusCode> {
    place(ctx, clock, visit, false).await
}

async fn place(ctx: TenantCtx, clock: Clock, visit: Uuid, is_offered: bool) -> ApiResult<StatusCode> {
    ctx.require(Permission::Dispatch)?;
    let (by, now) = (ctx.signed_in()?, clock.now());
    let place = async move |tx: &mut TenantTx| placement::place(tx, VisitId(visit), is_offered, by, now).await;
    ctx.transact(place).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Take a visit from the pool, as the engineer who is signed in. It is placed where it fits his day best; refused with a
/// code and in words where somebody else was first or a hard rule is against it.
#[utoipa::path(post, path = "/visits/{visit_id}/take", tag = "dispatching", params(("visit_id" = Uuid, Path)),
    responses((status = 201, body = TakenView), (status = 404, body = ProblemView), (status = 409, body = ProblemView)))]
async fn take_visit(
    ctx: TenantCtx,
    State(clock): State<Clock>,
    State(random): State<Random>,
    State(ledger): State<Arc<Ledger>>,
    State(roads): State<Roads>,
    Path(visit): Path<Uuid>,
) -> ApiResult<(StatusCode, Json<TakenView>)> {
    let (visit, now) = (VisitId(visit), clock.now());
    // What is not there is not there for anybody, whatever he may do.
    let found = ctx.read(async move |tx: &mut TenantTx| standing(tx, visit).await).await?;
    let ticket = found.ok_or(PlanningError::NotFound)?.ticket;
    ctx.require(Permission::TakeWork)?;
    let (user, wish) = (ctx.signed_in()?, random.uuid(now));
    let taking = Taking { user, wish, ticket, visit: Some(visit), is_stale: false, is_withdrawn: false };
    let decide = |roads: Roads| {
        let ledger = Arc::clone(&ledger);
        ctx.transact(async move |tx: &mut TenantTx| {
            let answer = take(tx, &ledger, taking, &roads, now).await?;
            let taken = match answer.grant {
                Some(grant) => Some(store::taken(tx, grant).await?),
                None => None,
            };
            Ok::<_, PlanningError>((answer, taken))
        })
    };
    let decided = informed(&roads, |roads: Roads| {
        persist({
            let decide = &decide;
            move || decide(roads.clone())
        })
    });
    match decided.await? {
        (_, Some(taken)) => Ok((StatusCode::CREATED, Json(taken))),
        (answer, None) => {
            let refused = Problem::new(StatusCode::CONFLICT, "not-granted", "This visit is not yours to take");
            Err(refused.detail(answer.detail).with("code", answer.code))
        }
    }
}
