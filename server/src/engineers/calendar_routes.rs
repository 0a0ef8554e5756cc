//! `/engineers/{engineer_id}/shifts` and `/time-off`: when an engineer can work, and when not.

use axum::extract::State;
use axum::http::StatusCode;
use sync_core::ids::UserId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::calendar_store as store;
use super::calendar_view::{CalendarFilter, ShiftView, ShiftsRequest, TimeOffRequest, TimeOffView};
use super::error::EngineerError;
use super::routes::tell;
use crate::platform::clock::Clock;
use crate::platform::extract::{Json, Path, Query};
use crate::platform::page::{Page, PageQuery};
use crate::platform::problem::{ApiResult, ProblemView};
use crate::platform::random::Random;
use crate::state::AppState;
use crate::tenancy::{Permission, TenantCtx, TenantTx};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_shifts, add_shifts))
        .routes(routes!(remove_shift))
        .routes(routes!(list_time_off, add_time_off))
        .routes(routes!(remove_time_off))
}

/// An engineer's shifts, in order of time.
#[utoipa::path(get, path = "/engineers/{engineer_id}/shifts", tag = "engineers",
    params(PageQuery, CalendarFilter, ("engineer_id" = Uuid, Path)),
    responses((status = 200, body = Page<ShiftView>), (status = 404, body = ProblemView)))]
async fn list_shifts(
    ctx: TenantCtx,
    Path(id): Path<Uuid>,
    Query(page): Query<PageQuery>,
    Query(filter): Query<CalendarFilter>,
) -> ApiResult<Json<Page<ShiftView>>> {
    ctx.require(Permission::ReadMasterData)?;
    let (after, rows) = (page.after()?, page.rows());
    let rows =
        ctx.read(async move |tx: &mut TenantTx| store::shifts(tx, UserId(id), &filter, after, rows).await).await?;
    Ok(Json(Page::of(rows, &page, |row| (row.starts_at, row.shift_id), ShiftView::from)))
}

/// Adds shifts: all of them, or none if one overlaps another.
#[utoipa::path(post, path = "/engineers/{engineer_id}/shifts", tag = "engineers", request_body = ShiftsRequest,
    params(("engineer_id" = Uuid, Path)),
    responses((status = 201, body = Vec<ShiftView>), (status = 409, body = ProblemView), (status = "4XX", body = ProblemView)))]
async fn add_shifts(
    ctx: TenantCtx,
    State(clock): State<Clock>,
    State(random): State<Random>,
    Path(id): Path<Uuid>,
    Json(request): Json<ShiftsRequest>,
) -> ApiResult<(StatusCode, Json<Vec<ShiftView>>)> {
    ctx.require(Permission::EditMasterData)?;
    let now = clock.now();
    let shifts: Vec<_> = request.parse()?.into_iter().map(|shift| (random.uuid(now), shift)).collect();
    let rows = ctx
        .transact(async move |tx: &mut TenantTx| {
            let rows = store::add_shifts(tx, UserId(id), &shifts).await?;
            tell(tx, UserId(id), now).await?;
            Ok::<_, EngineerError>(rows)
        })
        .await?;
    Ok((StatusCode::CREATED, Json(rows.into_iter().map(ShiftView::from).collect())))
}

/// Takes a shift out.
#[utoipa::path(delete, path = "/engineers/{engineer_id}/shifts/{shift_id}", tag = "engineers",
    params(("engineer_id" = Uuid, Path), ("shift_id" = Uuid, Path)),
    responses((status = 204), (status = 404, body = ProblemView)))]
async fn remove_shift(
    ctx: TenantCtx,
    State(clock): State<Clock>,
    Path((id, shift)): Path<(Uuid, Uuid)>,
) -> ApiResult<StatusCode> {
    ctx.require(Permission::EditMasterData)?;
    let now = clock.now();
    let remove = async move |tx: &mut TenantTx| {
        store::remove_shift(tx, UserId(id), shift).await?;
        tell(tx, UserId(id), now).await
    };
    ctx.transact(remove).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// An engineer's time off, in order of time.
#[utoipa::path(get, path = "/engineers/{engineer_id}/time-off", tag = "engineers",
    params(PageQuery, CalendarFilter, ("engineer_id" = Uuid, Path)),
    responses((status = 200, body = Page<TimeOffView>), (status = 404, body = ProblemView)))]
async fn list_time_off(
    ctx: TenantCtx,
    Path(id): Path<Uuid>,
    Query(page): Query<PageQuery>,
    Query(filter): Query<CalendarFilter>,
) -> ApiResult<Json<Page<TimeOffView>>> {
    ctx.require(Permission::ReadMasterData)?;
    let (after, rows) = (page.after()?, page.rows());
    let rows =
        ctx.read(async move |tx: &mut TenantTx| store::time_off(tx, UserId(id), &filter, after, rows).await).await?;
    Ok(Json(Page::of(rows, &page, |row| (row.starts_at, row.time_off_id), TimeOffView::from)))
}

/// Enters time off.
#[utoipa::path(post, path = "/engineers/{engineer_id}/time-off", tag = "engineers", request_body = TimeOffRequest,
    params(("engineer_id" = Uuid, Path)),
    responses((status = 201, body = TimeOffView), (status = "4XX", body = ProblemView)))]
async fn add_time_off(
    ctx: TenantCtx,
    State(clock): State<Clock>,
    State(random): State<Random>,
    Path(id): Path<Uuid>,
    Json(request): Json<TimeOffRequest>,
) -> ApiResult<(StatusCode, Json<TimeOffView>)> {
    ctx.require(Permission::EditMasterData)?;
    let (period, reason) = request.parse()?;
    let now = clock.now();
    let time_off = random.uuid(now);
    let row = ctx
        .transact(async move |tx: &mut TenantTx| {
            let row = store::add_time_off(tx, UserId(id), time_off, period, reason).await?;
            tell(tx, UserId(id), now).await?;
            Ok::<_, EngineerError>(row)
        })
        .await?;
    Ok((StatusCode::CREATED, Json(row.into())))
}

/// Takes time off back.
#[utoipa::path(delete, path = "/engineers/{engineer_id}/time-off/{time_off_id}", tag = "engineers",
    params(("engineer_id" = Uuid, Path), ("time_off_id" = Uuid, Path)),
    responses((status = 204), (status = 404, body = ProblemView)))]
async fn remove_time_off(
    ctx: TenantCtx,
    State(clock): State<Clock>,
    Path((id, time_off)): Path<(Uuid, Uuid)>,
) -> ApiResult<StatusCode> {
    ctx.require(Permission::EditMasterData)?;
    let now = clock.now();
    let remove = async move |tx: &mut TenantTx| {
        store::remove_time_off(tx, UserId(id), time_off).await?;
        tell(tx, UserId(id), now).await
    };
    ctx.transact(remove).await?;
    Ok(StatusCode::NO_CONTENT)
}
