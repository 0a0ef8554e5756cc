//! `/visits/{id}/candidates`, `/visits/{id}/assignments`, `/assignments/{id}`, `/suggestions`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use sync_core::ids::{GrantId, UserId, VisitId};
use sync_core::time::ServerTime;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::view::{AssignRequest, CandidatesQuery, CandidatesView, DeclineRequest, ExplanationView, SuggestionView};
use super::{assign, decline, explain, reassign, store, suggest, unassign};
use crate::directory::prose;
use crate::ledger::{By, Ledger};
use crate::planning::assign::persist;
use crate::planning::travel::{Roads, informed};
use crate::planning::{PlanningError, Wish};
use crate::platform::clock::Clock;
use crate::platform::extract::{Json, Path, Query};
use crate::platform::page::{Page, PageQuery};
use crate::platform::problem::{ApiResult, Problem, ProblemView, invalid};
use crate::state::AppState;
use crate::tenancy::{Permission, TenantCtx, TenantTx};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_candidates))
        .routes(routes!(assign_visit))
        .routes(routes!(reassign_visit))
        .routes(routes!(unassign_visit))
        .routes(routes!(decline_visit))
        .routes(routes!(explain_assignment))
        .routes(routes!(list_suggestions))
        .routes(routes!(get_suggestion))
}

/// Who could take a visit: the best with their scores in parts, the others each with the hard rule that refuses.
#[utoipa::path(get, path = "/visits/{visit_id}/candidates", tag = "dispatching",
    params(("visit_id" = Uuid, Path), CandidatesQuery),
    responses((status = 200, body = CandidatesView), (status = 404, body = ProblemView), (status = 409, body = ProblemView)))]
async fn list_candidates(
    ctx: TenantCtx,
    State(clock): State<Clock>,
    State(roads): State<Roads>,
    Path(visit): Path<Uuid>,
    Query(query): Query<CandidatesQuery>,
) -> ApiResult<Json<CandidatesView>> {
    ctx.require(Permission::Dispatch)?;
    let (visit, also, now) = (VisitId(visit), query.engineer_id.map(UserId), clock.now());
    let suggest =
        |roads: Roads| ctx.read(async move |tx: &mut TenantTx| suggest::suggest(tx, visit, also, &roads, now).await);
    Ok(Json(informed(&roads, suggest).await?))
}

/// Give a visit that nobody has to an engineer, or to the best there is. Answers with the reasons, which are kept.
#[utoipa::path(post, path = "/visits/{visit_id}/assignments", tag = "dispatching", params(("visit_id" = Uuid, Path)),
    request_body = AssignRequest,
    responses((status = 201, body = ExplanationView), (status = 404, body = ProblemView), (status = 409, body = ProblemView)))]
async fn assign_visit(
    ctx: TenantCtx,
    State(clock): State<Clock>,
    State(ledger): State<Arc<Ledger>>,
    State(roads): State<Roads>,
    Path(visit): Path<Uuid>,
    Json(request): Json<AssignRequest>,
) -> ApiResult<(StatusCode, Json<ExplanationView>)> {
    ctx.require(Permission::Dispatch)?;
    let (wish, by, now) = (wish(request)?, By::caller(&ctx), clock.now());
    let assign = |roads: Roads| {
        let ledger = Arc::clone(&ledger);
        ctx.transact(async move |tx: &mut TenantTx| {
            let made = assign::assign(tx, &ledger, VisitId(visit), wish, by, &roads, now).await?;
            explain::explain(tx, made.grant).await
        })
    };
    let assigned = informed(&roads, |roads: Roads| {
        persist({
            let assign = &assign;
            move || assign(roads.clone())
        })
    })
    .await?;
    Ok((StatusCode::CREATED, Json(assigned)))
}

/// Give a visit to somebody else, or at another time, in one step.
#[utoipa::path(post, path = "/assignments/{assignment_id}/reassign", tag = "dispatching",
    params(("assignment_id" = Uuid, Path)), request_body = AssignRequest,
    responses((status = 201, body = ExplanationView), (status = 404, body = ProblemView), (status = 409, body = ProblemView)))]
async fn reassign_visit(
    ctx: TenantCtx,
    State(clock): State<Clock>,
    State(ledger): State<Arc<Ledger>>,
    State(roads): State<Roads>,
    Path(assignment): Path<Uuid>,
    Json(request): Json<AssignRequest>,
) -> ApiResult<(StatusCode, Json<ExplanationView>)> {
    ctx.require(Permission::Dispatch)?;
    let (wish, by, now) = (wish(request)?, By::caller(&ctx), clock.now());
    let reassign = |roads: Roads| {
        let ledger = Arc::clone(&ledger);
        ctx.transact(async move |tx: &mut TenantTx| {
            let made = reassign::reassign(tx, &ledger, GrantId(assignment), wish, by, &roads, now).await?;
            explain::explain(tx, made.grant).await
        })
    };
    let reassigned = informed(&roads, |roads: Roads| {
        persist({
            let reassign = &reassign;
            move || reassign(roads.clone())
        })
    })
    .await?;
    Ok((StatusCode::CREATED, Json(reassigned)))
}

/// Take a visit back. Nobody else is looked for.
#[utoipa::path(delete, path = "/assignments/{assignment_id}", tag = "dispatching",
    params(("assignment_id" = Uuid, Path)),
    responses((status = 204), (status = 404, body = ProblemView), (status = 409, body = ProblemView)))]
async fn unassign_visit(
    ctx: TenantCtx,
    State(clock): State<Clock>,
    State(ledger): State<Arc<Ledger>>,
    Path(assignment): Path<Uuid>,
) -> ApiResult<StatusCode> {
    ctx.require(Permission::Dispatch)?;
    let (by, now) = (By::caller(&ctx), ServerTime(clock.now_ms()));
    let take_back =
        async move |tx: &mut TenantTx| unassign::unassign(tx, &ledger, GrantId(assignment), by, now).await.map(|_| ());
    ctx.transact(take_back).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The engineer has told the desk that he will not do it: he is not offered it again.
#[utoipa::path(post, path = "/assignments/{assignment_id}/decline", tag = "dispatching",
    params(("assignment_id" = Uuid, Path)), request_body = DeclineRequest,
    responses((status = 204), (status = 404, body = ProblemView), (status = 409, body = ProblemView)))]
async fn decline_visit(
    ctx: TenantCtx,
    State(clock): State<Clock>,
    State(ledger): State<Arc<Ledger>>,
    Path(assignment): Path<Uuid>,
    Json(request): Json<DeclineRequest>,
) -> ApiResult<StatusCode> {
    ctx.require(Permission::Dispatch)?;
    let reason = prose::<500>(request.reason.as_deref().unwrap_or_default());
    let reason = reason.map_err(invalid("reason"))?;
    let (by, now) = (By::caller(&ctx), clock.now());
    let decline =
        async move |tx: &mut TenantTx| decline::decline(tx, &ledger, GrantId(assignment), reason, by, now).await;
    ctx.transact(decline).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Why this engineer: the reasons as they were when it was decided.
#[utoipa::path(get, path = "/assignments/{assignment_id}/explanation", tag = "dispatching",
    params(("assignment_id" = Uuid, Path)),
    responses((status = 200, body = ExplanationView), (status = 404, body = ProblemView)))]
async fn explain_assignment(ctx: TenantCtx, Path(assignment): Path<Uuid>) -> ApiResult<Json<ExplanationView>> {
    ctx.require(Permission::ReadTickets)?;
    let view = ctx.read(async move |tx: &mut TenantTx| explain::explain(tx, GrantId(assignment)).await).await?;
    Ok(Json(view))
}

/// What the server suggests and nobody has confirmed. Also the visits that nobody can take, and appointments that cannot
/// stay: one of those is confirmed by reassigning it to this engineer at this time.
#[utoipa::path(get, path = "/suggestions", tag = "dispatching", params(PageQuery),
    responses((status = 200, body = Page<SuggestionView>), (status = "4XX", body = ProblemView)))]
async fn list_suggestions(ctx: TenantCtx, Query(page): Query<PageQuery>) -> ApiResult<Json<Page<SuggestionView>>> {
    ctx.require(Permission::ReadTickets)?;
    let (after, rows) = (page.after::<Uuid>()?, page.rows());
    let rows = ctx.read(async move |tx: &mut TenantTx| store::suggestions(tx, None, after, rows).await).await?;
    Ok(Json(Page::of(rows, &page, |row| row.visit_id, |row| row)))
}

/// What the server suggests for a visit. Assigning the visit to this engineer confirms it.
#[utoipa::path(get, path = "/visits/{visit_id}/suggestion", tag = "dispatching", params(("visit_id" = Uuid, Path)),
    responses((status = 200, body = SuggestionView), (status = 404, body = ProblemView)))]
async fn get_suggestion(ctx: TenantCtx, Path(visit): Path<Uuid>) -> ApiResult<Json<SuggestionView>> {
    ctx.require(Permission::ReadTickets)?;
    let found = ctx.read(async move |tx: &mut TenantTx| store::suggestions(tx, Some(VisitId(visit)), None, 1).await);
    Ok(Json(found.await?.pop().ok_or(PlanningError::NotFound)?))
}

fn wish(request: AssignRequest) -> ApiResult<Wish> {
    let wish = Wish::from(request);
    if wish.engineer.is_none() && (wish.starts_at.is_some() || wish.override_rules) {
        return Err(Problem::invalid("engineer_id", "say which engineer, if you say when or break a rule"));
    }
    Ok(wish)
}
