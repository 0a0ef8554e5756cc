//! `/skills`: the catalogue.

use axum::extract::State;
use axum::http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::EngineerError;
use super::skill_store as store;
use super::view::{NewSkillRequest, SkillRequest, SkillView, names};
use crate::directory::Code;
use crate::platform::clock::Clock;
use crate::platform::etag::{IfMatch, Versioned};
use crate::platform::extract::{Json, Path, Query};
use crate::platform::page::{Page, PageQuery};
use crate::platform::problem::{ApiResult, ProblemView, invalid};
use crate::state::AppState;
use crate::tenancy::{Permission, TenantCtx, TenantTx};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list_skills, create_skill)).routes(routes!(get_skill, update_skill))
}

/// Skills in order of their codes, archived ones too.
#[utoipa::path(get, path = "/skills", tag = "skills", params(PageQuery),
    responses((status = 200, body = Page<SkillView>), (status = "4XX", body = ProblemView)))]
async fn list_skills(ctx: TenantCtx, Query(page): Query<PageQuery>) -> ApiResult<Json<Page<SkillView>>> {
    ctx.require(Permission::ReadMasterData)?;
    let (after, rows) = (page.after::<String>()?, page.rows());
    let rows = ctx.read(async move |tx: &mut TenantTx| store::list(tx, after, rows).await).await?;
    Ok(Json(Page::of(rows, &page, |row| row.skill.clone(), SkillView::from)))
}

/// Enters a skill.
#[utoipa::path(post, path = "/skills", tag = "skills", request_body = NewSkillRequest,
    responses((status = 201, body = SkillView), (status = 409, body = ProblemView), (status = "4XX", body = ProblemView)))]
async fn create_skill(
    ctx: TenantCtx,
    Json(request): Json<NewSkillRequest>,
) -> ApiResult<(StatusCode, Versioned<SkillView>)> {
    ctx.require(Permission::EditMasterData)?;
    let code = Code::new(&request.code).map_err(invalid("code"))?;
    let (en, zh) = names(&request.name_en, &request.name_zh)?;
    let row = ctx.transact(async move |tx: &mut TenantTx| store::insert(tx, &code, &en, &zh).await).await?;
    Ok((StatusCode::CREATED, row.into()))
}

/// One skill.
#[utoipa::path(get, path = "/skills/{code}", tag = "skills", params(("code" = String, Path)),
    responses((status = 200, body = SkillView), (status = 404, body = ProblemView)))]
async fn get_skill(ctx: TenantCtx, Path(code): Path<String>) -> ApiResult<Versioned<SkillView>> {
    ctx.require(Permission::ReadMasterData)?;
    let row = ctx.read(async move |tx: &mut TenantTx| store::get(tx, &code).await).await?;
    Ok(row.ok_or(EngineerError::NotFound)?.into())
}

/// Renames a skill; `archived` takes it out of use or brings it back.
#[utoipa::path(put, path = "/skills/{code}", tag = "skills", request_body = SkillRequest,
    params(("code" = String, Path), ("If-Match" = String, Header, description = "the ETag it was read with")),
    responses((status = 200, body = SkillView), (status = 404, body = ProblemView), (status = 412, body = ProblemView)))]
async fn update_skill(
    ctx: TenantCtx,
    State(clock): State<Clock>,
    Path(code): Path<String>,
    IfMatch(version): IfMatch,
    Json(request): Json<SkillRequest>,
) -> ApiResult<Versioned<SkillView>> {
    ctx.require(Permission::EditMasterData)?;
    let (en, zh) = names(&request.name_en, &request.name_zh)?;
    let archived_at = request.archived.then(|| clock.now());
    let row = ctx
        .transact(async move |tx: &mut TenantTx| store::update(tx, &code, version, &en, &zh, archived_at).await)
        .await?;
    Ok(row.into())
}
