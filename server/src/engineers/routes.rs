//! `/engineers`.

use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use sync_core::ids::UserId;
use sync_core::time::ServerTime;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::error::EngineerError;
use super::store;
use super::view::{EngineerFilter, EngineerRequest, EngineerView, NewEngineerRequest, SkillsRequest};
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
        .routes(routes!(list_engineers, create_engineer))
        .routes(routes!(get_engineer, update_engineer))
        .routes(routes!(set_engineer_skills))
}

/// Engineers in the order in which their users were made.
#[utoipa::path(get, path = "/engineers", tag = "engineers", params(PageQuery, EngineerFilter),
    responses((status = 200, body = Page<EngineerView>), (status = "4XX", body = ProblemView)))]
async fn list_engineers(
    ctx: TenantCtx,
    Query(page): Query<PageQuery>,
    Query(filter): Query<EngineerFilter>,
) -> ApiResult<Json<Page<EngineerView>>> {
    ctx.require(Permission::ReadMasterData)?;
    let (after, rows) = (page.after::<Uuid>()?, page.rows());
    let rows = ctx.read(async move |tx: &mut TenantTx| store::list(tx, &filter, after, rows).await).await?;
    Ok(Json(Page::of(rows, &page, |row| row.engineer_id, EngineerView::from)))
}

/// Makes an engineer of a user whose role is `engineer`.
#[utoipa::path(post, path = "/engineers", tag = "engineers", request_body = NewEngineerRequest,
    responses((status = 201, body = EngineerView), (status = "4XX", body = ProblemView)))]
async fn create_engineer(
    ctx: TenantCtx,
    State(clock): State<Clock>,
    Json(request): Json<NewEngineerRequest>,
) -> ApiResult<(StatusCode, Versioned<EngineerView>)> {
    ctx.require(Permission::EditMasterData)?;
    let (id, engineer, skills, now) = (UserId(request.user_id), request.parse()?, request.skills()?, clock.now());
    let row = ctx
        .transact(async move |tx: &mut TenantTx| {
            store::insert(tx, id, &engineer, now).await?;
            store::replace_skills(tx, id, &skills).await?;
            tell(tx, id, now).await?;
            store::get(tx, id).await?.ok_or(EngineerError::NotFound)
        })
        .await?;
    Ok((StatusCode::CREATED, row.into()))
}

/// One engineer.
#[utoipa::path(get, path = "/engineers/{engineer_id}", tag = "engineers", params(("engineer_id" = Uuid, Path)),
    responses((status = 200, body = EngineerView), (status = 404, body = ProblemView)))]
async fn get_engineer(ctx: TenantCtx, Path(id): Path<Uuid>) -> ApiResult<Versioned<EngineerView>> {
    ctx.require(Permission::ReadMasterData)?;
    let row = ctx.read(async move |tx: &mut TenantTx| store::get(tx, UserId(id)).await).await?;
    Ok(row.ok_or(EngineerError::NotFound)?.into())
}

/// Replaces what is known of an engineer, skills excepted; `archived` takes them out of planning or brings them back.
#[utoipa::path(put, path = "/engineers/{engineer_id}", tag = "engineers", request_body = EngineerRequest,
    params(("engineer_id" = Uuid, Path), ("If-Match" = String, Header, description = "the ETag it was read with")),
    responses((status = 200, body = EngineerView), (status = 404, body = ProblemView), (status = 412, body = ProblemView)))]
async fn update_engineer(
    ctx: TenantCtx,
    State(clock): State<Clock>,
    Path(id): Path<Uuid>,
    IfMatch(version): IfMatch,
    Json(request): Json<EngineerRequest>,
) -> ApiResult<Versioned<EngineerView>> {
    ctx.require(Permission::EditMasterData)?;
    let (engineer, now) = (request.parse()?, clock.now());
    let archived_at = request.archived.then_some(now);
    let update = async move |tx: &mut TenantTx| {
        let row = store::update(tx, UserId(id), version, &engineer, archived_at).await?;
        tell(tx, UserId(id), now).await?;
        Ok::<_, EngineerError>(row)
    };
    Ok(ctx.transact(update).await?.into())
}

/// Replaces all skills of an engineer.
#[utoipa::path(put, path = "/engineers/{engineer_id}/skills", tag = "engineers", request_body = SkillsRequest,
    params(("engineer_id" = Uuid, Path), ("If-Match" = String, Header, description = "the engineer's ETag")),
    responses((status = 200, body = EngineerView), (status = 404, body = ProblemView), (status = 412, body = ProblemView)))]
async fn set_engineer_skills(
    ctx: TenantCtx,
    State(clock): State<Clock>,
    Path(id): Path<Uuid>,
    IfMatch(version): IfMatch,
    Json(request): Json<SkillsRequest>,
) -> ApiResult<Versioned<EngineerView>> {
    ctx.require(Permission::EditMasterData)?;
    let (id, skills, now) = (UserId(id), request.parse()?, clock.now());
    let row = ctx
        .transact(async move |tx: &mut TenantTx| {
            store::touch(tx, id, version).await?;
            store::replace_skills(tx, id, &skills).await?;
            tell(tx, id, now).await?;
            store::get(tx, id).await?.ok_or(EngineerError::NotFound)
        })
        .await?;
    Ok(row.into())
}

/// Whoever plans, and whoever offers work, must be told: none of it stands in a document.
pub(super) async fn tell(tx: &mut TenantTx, engineer: UserId, now: DateTime<Utc>) -> Result<(), EngineerError> {
    Ok(outbox::append(tx, &Event::engineer_changed(engineer), ServerTime(now.timestamp_millis())).await?)
}
