//! `/plans`.

use axum::extract::State;
use axum::http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::plan_view::{LeftView, PlanRequest, PlanView, PlannedVisitView};
use super::{plan, store};
use crate::ledger::By;
use crate::platform::clock::Clock;
use crate::platform::extract::{Json, Path, Query};
use crate::platform::page::{Page, PageQuery};
use crate::platform::problem::{ApiResult, ProblemView};
use crate::platform::random::Random;
use crate::state::AppState;
use crate::tenancy::{Permission, TenantCtx, TenantTx};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(make_plan))
        .routes(routes!(get_plan))
        .routes(routes!(list_planned_visits))
        .routes(routes!(list_left_for_later))
}

/// Plan several days and assign what was planned, or only draft it.
///
/// A plan is worked out in the background by whichever server has time; the caller may hang up. What takes longer than 20
/// seconds is answered with 202, and `state` tells later that it is done. A tenant may have 20 plans waiting or running.
#[utoipa::path(post, path = "/plans", tag = "dispatching", request_body = PlanRequest,
    responses((status = 201, body = PlanView), (status = 202, body = PlanView), (status = "4XX", body = ProblemView)))]
async fn make_plan(
    ctx: TenantCtx,
    State(clock): State<Clock>,
    State(random): State<Random>,
    Json(request): Json<PlanRequest>,
) -> ApiResult<(StatusCode, Json<PlanView>)> {
    ctx.require(Permission::Dispatch)?;
    let now = clock.now();
    let order = plan::order(request, random.uuid(now), By::caller(&ctx).user(), now)?;
    let plan = plan::plan(ctx, order, now).await?;
    let status = if plan.finished_at.is_some() { StatusCode::CREATED } else { StatusCode::ACCEPTED };
    Ok((status, Json(plan)))
}

/// A plan: where it stands, how many visits it assigned, and how many it left for which reason.
#[utoipa::path(get, path = "/plans/{plan_id}", tag = "dispatching", params(("plan_id" = Uuid, Path)),
    responses((status = 200, body = PlanView), (status = 404, body = ProblemView)))]
async fn get_plan(ctx: TenantCtx, Path(plan): Path<Uuid>) -> ApiResult<Json<PlanView>> {
    ctx.require(Permission::ReadTickets)?;
    Ok(Json(ctx.read(async move |tx: &mut TenantTx| store::plan(tx, plan).await).await?))
}

/// What a plan gave to whom; in a draft, what it would give.
#[utoipa::path(get, path = "/plans/{plan_id}/visits", tag = "dispatching", params(("plan_id" = Uuid, Path), PageQuery),
    responses((status = 200, body = Page<PlannedVisitView>), (status = 404, body = ProblemView)))]
async fn list_planned_visits(
    ctx: TenantCtx,
    Path(plan): Path<Uuid>,
    Query(page): Query<PageQuery>,
) -> ApiResult<Json<Page<PlannedVisitView>>> {
    ctx.require(Permission::ReadTickets)?;
    let (after, rows) = (page.after::<Uuid>()?, page.rows());
    let rows = ctx.read(async move |tx: &mut TenantTx| store::planned(tx, plan, after, rows).await).await?;
    Ok(Json(Page::of(rows, &page, |row| row.visit_id, |row| row)))
}

/// What a plan left for later, each with the reason.
#[utoipa::path(get, path = "/plans/{plan_id}/left-for-later", tag = "dispatching",
    params(("plan_id" = Uuid, Path), PageQuery),
    responses((status = 200, body = Page<LeftView>), (status = 404, body = ProblemView)))]
async fn list_left_for_later(
    ctx: TenantCtx,
    Path(plan): Path<Uuid>,
    Query(page): Query<PageQuery>,
) -> ApiResult<Json<Page<LeftView>>> {
    ctx.require(Permission::ReadTickets)?;
    let (after, rows) = (page.after::<Uuid>()?, page.rows());
    let rows = ctx.read(async move |tx: &mut TenantTx| store::left(tx, plan, after, rows).await).await?;
    Ok(Json(Page::of(rows, &page, |row| row.visit_id, |row| row)))
}
