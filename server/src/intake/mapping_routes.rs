//! `/import-mappings`.

use axum::extract::State;
use axum::http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::definition::MappingDefinition;
use super::error::IntakeError;
use super::mapping::Mapping;
use super::store::{self, MappingRow};
use super::view::MappingView;
use crate::directory::Code;
use crate::platform::clock::Clock;
use crate::platform::etag::{IfMatch, Versioned};
use crate::platform::extract::{Json, Path, Query};
use crate::platform::page::{Page, PageQuery};
use crate::platform::problem::{ApiResult, Problem, ProblemView, invalid};
use crate::state::AppState;
use crate::tenancy::{Permission, TenantCtx, TenantTx};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list_mappings)).routes(routes!(get_mapping, put_mapping, delete_mapping))
}

/// Names of mappings, in order.
#[utoipa::path(get, path = "/import-mappings", tag = "import", params(PageQuery),
    responses((status = 200, body = Page<String>), (status = "4XX", body = ProblemView)))]
async fn list_mappings(ctx: TenantCtx, Query(page): Query<PageQuery>) -> ApiResult<Json<Page<String>>> {
    ctx.require(Permission::Import)?;
    let (after, rows) = (page.after::<String>()?, page.rows());
    let rows = ctx.read(async move |tx: &mut TenantTx| store::mappings(tx, after, rows).await).await?;
    Ok(Json(Page::of(rows, &page, |row| row.name.clone(), |row| row.name)))
}

/// One mapping.
#[utoipa::path(get, path = "/import-mappings/{name}", tag = "import", params(("name" = String, Path)),
    responses((status = 200, body = MappingView), (status = 404, body = ProblemView)))]
async fn get_mapping(ctx: TenantCtx, Path(name): Path<String>) -> ApiResult<Versioned<MappingView>> {
    ctx.require(Permission::Import)?;
    let row = ctx.read(async move |tx: &mut TenantTx| store::mapping(tx, &name).await).await?;
    view(row)
}

/// Makes a mapping, or replaces it; with `If-Match` only if nobody else has.
#[utoipa::path(put, path = "/import-mappings/{name}", tag = "import", request_body = MappingDefinition,
    params(("name" = String, Path), ("If-Match" = Option<String>, Header, description = "the ETag it was read with")),
    responses((status = 200, body = MappingView), (status = 412, body = ProblemView), (status = 422, body = ProblemView)))]
async fn put_mapping(
    ctx: TenantCtx,
    State(clock): State<Clock>,
    Path(name): Path<String>,
    seen: Result<IfMatch, Problem>,
    Json(definition): Json<MappingDefinition>,
) -> ApiResult<Versioned<MappingView>> {
    ctx.require(Permission::Import)?;
    let seen = match seen {
        Ok(IfMatch(version)) => Some(version),
        Err(problem) if problem.status() == StatusCode::PRECONDITION_REQUIRED => None,
        Err(problem) => return Err(problem),
    };
    let name = Code::new(&name).map_err(invalid("name"))?;
    Mapping::parse(&definition).map_err(IntakeError::from)?;
    let (definition, now) = (serde_json::to_value(definition).map_err(Problem::internal)?, clock.now());
    let row = ctx
        .transact(async move |tx: &mut TenantTx| store::put_mapping(tx, name.as_str(), definition, seen, now).await)
        .await?;
    view(row)
}

/// Forgets a mapping. What was imported with it stays known.
#[utoipa::path(delete, path = "/import-mappings/{name}", tag = "import", params(("name" = String, Path)),
    responses((status = 204), (status = 404, body = ProblemView)))]
async fn delete_mapping(ctx: TenantCtx, Path(name): Path<String>) -> ApiResult<StatusCode> {
    ctx.require(Permission::Import)?;
    ctx.transact(async move |tx: &mut TenantTx| store::delete_mapping(tx, &name).await).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn view(row: MappingRow) -> ApiResult<Versioned<MappingView>> {
    let MappingRow { name, definition, version, updated_at } = row;
    let definition = serde_json::from_value(definition).map_err(Problem::internal)?;
    Ok(Versioned { version, body: MappingView { name, definition, version, updated_at } })
}
