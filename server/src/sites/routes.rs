//! `/sites`.

use axum::extract::State;
use axum::http::StatusCode;
use sync_core::ids::SiteId;
use sync_core::time::ServerTime;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::error::SiteError;
use super::store;
use super::view::{SiteFilter, SiteRequest, SiteView};
use crate::ledger::feed::{self, Beside};
use crate::ledger::outbox::{self, Event};
use crate::platform::clock::Clock;
use crate::platform::etag::{IfMatch, Versioned};
use crate::platform::extract::{Json, Path, Query};
use crate::platform::page::{Page, PageQuery};
use crate::platform::problem::{ApiResult, ProblemView};
use crate::platform::random::Random;
use crate::state::AppState;
use crate::tenancy::{Permission, TenantCtx, TenantTx};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list_sites, create_site)).routes(routes!(get_site, update_site))
}

/// Sites in the order in which they were entered.
#[utoipa::path(get, path = "/sites", tag = "sites", params(PageQuery, SiteFilter),
    responses((status = 200, body = Page<SiteView>), (status = "4XX", body = ProblemView)))]
async fn list_sites(
    ctx: TenantCtx,
    Query(page): Query<PageQuery>,
    Query(filter): Query<SiteFilter>,
) -> ApiResult<Json<Page<SiteView>>> {
    ctx.require(Permission::ReadMasterData)?;
    let (after, rows) = (page.after::<Uuid>()?, page.rows());
    let rows = ctx.read(async move |tx: &mut TenantTx| store::list(tx, &filter, after, rows).await).await?;
    Ok(Json(Page::of(rows, &page, |row| row.site_id, SiteView::from)))
}

/// Enters a site.
#[utoipa::path(post, path = "/sites", tag = "sites", request_body = SiteRequest,
    responses((status = 201, body = SiteView), (status = "4XX", body = ProblemView)))]
async fn create_site(
    ctx: TenantCtx,
    State(clock): State<Clock>,
    State(random): State<Random>,
    Json(request): Json<SiteRequest>,
) -> ApiResult<(StatusCode, Versioned<SiteView>)> {
    ctx.require(Permission::EditMasterData)?;
    let (site, now) = (request.parse()?, clock.now());
    let id = SiteId(random.uuid(now));
    let row = ctx
        .transact(async move |tx: &mut TenantTx| {
            crate::directory::store::insert_site(tx, id, &site, now).await?;
            store::get(tx, id).await?.ok_or(SiteError::NotFound)
        })
        .await?;
    Ok((StatusCode::CREATED, row.into()))
}

/// One site.
#[utoipa::path(get, path = "/sites/{site_id}", tag = "sites", params(("site_id" = Uuid, Path)),
    responses((status = 200, body = SiteView), (status = 404, body = ProblemView)))]
async fn get_site(ctx: TenantCtx, Path(id): Path<Uuid>) -> ApiResult<Versioned<SiteView>> {
    ctx.require(Permission::ReadMasterData)?;
    let row = ctx.read(async move |tx: &mut TenantTx| store::get(tx, SiteId(id)).await).await?;
    Ok(row.ok_or(SiteError::NotFound)?.into())
}

/// Replaces what is known of a site; `archived` takes it out of use or brings it back.
#[utoipa::path(put, path = "/sites/{site_id}", tag = "sites", request_body = SiteRequest,
    params(("site_id" = Uuid, Path), ("If-Match" = String, Header, description = "the ETag it was read with")),
    responses((status = 200, body = SiteView), (status = 404, body = ProblemView), (status = 412, body = ProblemView)))]
async fn update_site(
    ctx: TenantCtx,
    State(clock): State<Clock>,
    Path(id): Path<Uuid>,
    IfMatch(version): IfMatch,
    Json(request): Json<SiteRequest>,
) -> ApiResult<Versioned<SiteView>> {
    ctx.require(Permission::EditMasterData)?;
    let (site, now) = (request.parse()?, clock.now());
    let archived_at = request.archived.then_some(now);
    let update = async move |tx: &mut TenantTx| {
        let was_located = store::get(tx, SiteId(id)).await?.is_some_and(|before| before.lat.is_some());
        let row = store::update(tx, SiteId(id), version, &site, archived_at).await?;
        if row.lat.is_some() && !was_located {
            outbox::append(tx, &Event::site_located(SiteId(id)), ServerTime(now.timestamp_millis())).await?;
        }
        feed::publish_beside(tx, Beside::Site(SiteId(id))).await?;
        Ok::<_, SiteError>(row)
    };
    Ok(ctx.transact(update).await?.into())
}
