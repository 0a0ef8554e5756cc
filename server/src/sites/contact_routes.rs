//! `/sites/{site_id}/contacts`.

use axum::extract::State;
use axum::http::StatusCode;
use sync_core::ids::{ContactId, SiteId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::contact_store as store;
use super::error::SiteError;
use super::view::{ContactRequest, ContactView};
use crate::ledger::feed::{self, Beside};
use crate::platform::clock::Clock;
use crate::platform::etag::{IfMatch, Versioned};
use crate::platform::extract::{Json, Path, Query};
use crate::platform::page::{Page, PageQuery};
use crate::platform::problem::{ApiResult, ProblemView};
use crate::platform::random::Random;
use crate::state::AppState;
use crate::tenancy::{Permission, TenantCtx, TenantTx};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list_contacts, create_contact)).routes(routes!(update_contact))
}

/// The contacts of a site, archived ones too.
#[utoipa::path(get, path = "/sites/{site_id}/contacts", tag = "sites", params(PageQuery, ("site_id" = Uuid, Path)),
    responses((status = 200, body = Page<ContactView>), (status = 404, body = ProblemView)))]
async fn list_contacts(
    ctx: TenantCtx,
    Path(site): Path<Uuid>,
    Query(page): Query<PageQuery>,
) -> ApiResult<Json<Page<ContactView>>> {
    ctx.require(Permission::ReadMasterData)?;
    let (after, rows) = (page.after::<Uuid>()?, page.rows());
    let rows = ctx.read(async move |tx: &mut TenantTx| store::list(tx, SiteId(site), after, rows).await).await?;
    Ok(Json(Page::of(rows, &page, |row| row.contact_id, ContactView::from)))
}

/// Enters a contact.
#[utoipa::path(post, path = "/sites/{site_id}/contacts", tag = "sites", request_body = ContactRequest,
    params(("site_id" = Uuid, Path)),
    responses((status = 201, body = ContactView), (status = "4XX", body = ProblemView)))]
async fn create_contact(
    ctx: TenantCtx,
    State(clock): State<Clock>,
    State(random): State<Random>,
    Path(site): Path<Uuid>,
    Json(request): Json<ContactRequest>,
) -> ApiResult<(StatusCode, Versioned<ContactView>)> {
    ctx.require(Permission::EditMasterData)?;
    let (contact, now) = (request.parse()?, clock.now());
    let id = ContactId(random.uuid(now));
    let row = ctx
        .transact(async move |tx: &mut TenantTx| {
            let row = store::insert(tx, SiteId(site), id, &contact, now).await?;
            feed::publish_beside(tx, Beside::Site(SiteId(site))).await?;
            Ok::<_, SiteError>(row)
        })
        .await?;
    Ok((StatusCode::CREATED, row.into()))
}

/// Replaces what is known of a contact; `archived` takes it out of use or brings it back.
#[utoipa::path(put, path = "/sites/{site_id}/contacts/{contact_id}", tag = "sites", request_body = ContactRequest,
    params(("site_id" = Uuid, Path), ("contact_id" = Uuid, Path),
        ("If-Match" = String, Header, description = "the ETag it was read with")),
    responses((status = 200, body = ContactView), (status = 404, body = ProblemView), (status = 412, body = ProblemView)))]
async fn update_contact(
    ctx: TenantCtx,
    State(clock): State<Clock>,
    Path((site, id)): Path<(Uuid, Uuid)>,
    IfMatch(version): IfMatch,
    Json(request): Json<ContactRequest>,
) -> ApiResult<Versioned<ContactView>> {
    ctx.require(Permission::EditMasterData)?;
    let (contact, archived_at) = (request.parse()?, request.archived.then(|| clock.now()));
    let row = ctx
        .transact(async move |tx: &mut TenantTx| {
            let row = store::update(tx, SiteId(site), ContactId(id), version, &contact, archived_at).await?;
            feed::publish_beside(tx, Beside::Site(SiteId(site))).await?;
            Ok::<_, SiteError>(row)
        })
        .await?;
    Ok(row.into())
}
