//! `/plans`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::plan_view::{AcceptRequest, LeftView, PlanFilter, PlanRequest, PlanSummaryView, PlanView, PlannedVisitView};
use super::{plan, plan_progress, plan_store};
use crate::ledger::By;
use crate::planning::run;
use crate::platform::clock::Clock;
use crate::platform::extract::{Json, Path, Query};
use crate::platform::page::{Page, PageQuery};
use crate::platform::problem::{ApiResult, Problem, ProblemView};
use crate::platform::random::Random;
use crate::platform::shutdown::Shutdown;
use crate::state::AppState;
use crate::tenancy::{Permission, TenantCtx, TenantTx};

/// Room for those who follow a plan.
#[derive(Clone)]
struct Places(Arc<Semaphore>);

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(make_plan, list_plans))
        .routes(routes!(get_plan))
        .routes(routes!(accept_plan))
        .routes(routes!(cancel_plan))
        .routes(routes!(follow_plan))
        .routes(routes!(list_planned_visits))
        .routes(routes!(list_left_for_later))
        .layer(Extension(Places(Arc::new(Semaphore::new(MOST_FOLLOWED)))))
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
    let status = if plan.summary.finished_at.is_some() { StatusCode::CREATED } else { StatusCode::ACCEPTED };
    Ok((status, Json(plan)))
}

/// Plans, the latest first.
#[utoipa::path(get, path = "/plans", tag = "dispatching", params(PlanFilter, PageQuery),
    responses((status = 200, body = Page<PlanSummaryView>), (status = "4XX", body = ProblemView)))]
async fn list_plans(
    ctx: TenantCtx,
    Query(filter): Query<PlanFilter>,
    Query(page): Query<PageQuery>,
) -> ApiResult<Json<Page<PlanSummaryView>>> {
    ctx.require(Permission::ReadTickets)?;
    let (before, rows) = (page.after::<Uuid>()?, page.rows());
    let rows = ctx.read(async move |tx: &mut TenantTx| plan_store::plans(tx, filter.state, before, rows).await).await?;
    Ok(Json(Page::of(rows, &page, |row| row.plan_id, |row| row)))
}

/// A plan: where it stands, how many visits it assigned, and how many it left for which reason.
#[utoipa::path(get, path = "/plans/{plan_id}", tag = "dispatching", params(("plan_id" = Uuid, Path)),
    responses((status = 200, body = PlanView), (status = 404, body = ProblemView)))]
async fn get_plan(ctx: TenantCtx, Path(plan): Path<Uuid>) -> ApiResult<Json<PlanView>> {
    ctx.require(Permission::ReadTickets)?;
    Ok(Json(ctx.read(async move |tx: &mut TenantTx| plan_store::plan(tx, plan).await).await?))
}

/// Accept a draft, or what it does with some engineers or visits.
///
/// What is accepted is assigned, moved or taken back in the background, some visits at a time; those that swap are moved
/// together. Nothing that has changed since is overwritten: a visit that somebody has by now, that has begun or was
/// cancelled, or whose engineer is off or booked, keeps what it has, and its `conflict` says why. What takes longer than 20
/// seconds is answered with 202. Accepting again changes nothing and gives the same answer.
#[utoipa::path(post, path = "/plans/{plan_id}/accept", tag = "dispatching", request_body = AcceptRequest,
    params(("plan_id" = Uuid, Path)),
    responses((status = 200, body = PlanView), (status = 202, body = PlanView), (status = 404, body = ProblemView),
        (status = 409, body = ProblemView), (status = 422, body = ProblemView)))]
async fn accept_plan(
    ctx: TenantCtx,
    Path(id): Path<Uuid>,
    Json(part): Json<AcceptRequest>,
) -> ApiResult<(StatusCode, Json<PlanView>)> {
    ctx.require(Permission::Dispatch)?;
    let by = By::caller(&ctx).user();
    let plan = plan::accept(ctx, id, part, by).await?;
    let status = if plan.summary.state.is_at_work() { StatusCode::ACCEPTED } else { StatusCode::OK };
    Ok((status, Json(plan)))
}

/// Call off a plan that waits or is being worked out; it assigns nothing then.
///
/// It stays to be read as one that was cancelled, so this is not a DELETE. Once more changes nothing. What has been drafted
/// or is being assigned cannot be called off.
#[utoipa::path(post, path = "/plans/{plan_id}/cancel", tag = "dispatching", params(("plan_id" = Uuid, Path)),
    responses((status = 200, body = PlanView), (status = 404, body = ProblemView), (status = 409, body = ProblemView)))]
async fn cancel_plan(ctx: TenantCtx, State(clock): State<Clock>, Path(plan): Path<Uuid>) -> ApiResult<Json<PlanView>> {
    ctx.require(Permission::Dispatch)?;
    let now = clock.now();
    let cancel = async move |tx: &mut TenantTx| {
        run::cancel(tx, plan, now).await?;
        plan_store::plan(tx, plan).await
    };
    Ok(Json(ctx.transact(cancel).await?))
}

/// Follow a plan while it is worked on, as server-sent events.
///
/// `progress` says where it stands and which share of the search is done, about once a second, whichever server works it
/// out. `end` is the last: its `reason` is `done` when nobody works on the plan any more, with the `state` it has come to;
/// or `stopping`, `signed_out`, `too_long` or `unavailable`, after which the stream can be opened again.
#[utoipa::path(get, path = "/plans/{plan_id}/progress", tag = "dispatching", params(("plan_id" = Uuid, Path)),
    responses((status = 200, body = String, content_type = "text/event-stream"), (status = 404, body = ProblemView),
        (status = 503, body = ProblemView)))]
async fn follow_plan(
    ctx: TenantCtx,
    State(shutdown): State<Shutdown>,
    Extension(Places(places)): Extension<Places>,
    Path(plan): Path<Uuid>,
) -> ApiResult<Response> {
    ctx.require(Permission::ReadTickets)?;
    let place = places.try_acquire_owned().map_err(|_| Problem::unavailable(5))?;
    let frames = plan_progress::follow(ctx, plan, shutdown, place).await?;
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        // Proxies that gather an answer before they pass it on must not.
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::from_stream(frames)).into_response())
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
    let rows = ctx.read(async move |tx: &mut TenantTx| plan_store::planned(tx, plan, after, rows).await).await?;
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
    let rows = ctx.read(async move |tx: &mut TenantTx| plan_store::left(tx, plan, after, rows).await).await?;
    Ok(Json(Page::of(rows, &page, |row| row.visit_id, |row| row)))
}

/// Plans that are followed at a time through one process.
const MOST_FOLLOWED: usize = 200;
