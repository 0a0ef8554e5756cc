//! `/customers`.

use axum::extract::State;
use axum::http::StatusCode;
use sync_core::ids::CustomerId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::error::CustomerError;
use super::store;
use super::view::{CustomerFilter, CustomerRequest, CustomerView};
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
    OpenApiRouter::new().routes(routes!(list_customers, create_customer)).routes(routes!(get_customer, update_customer))
}

/// Customers in the order in which they were entered.
#[utoipa::path(get, path = "/customers", tag = "customers", params(PageQuery, CustomerFilter),
    responses((status = 200, body = Page<CustomerView>), (status = "4XX", body = ProblemView)))]
async fn list_customers(
    ctx: TenantCtx,
    Query(page): Query<PageQuery>,
    Query(filter): Query<CustomerFilter>,
) -> ApiResult<Json<Page<CustomerView>>> {
    ctx.require(Permission::ReadMasterData)?;
    let (after, rows) = (page.after::<Uuid>()?, page.rows());
    let rows = ctx.read(async move |tx: &mut TenantTx| store::list(tx, &filter, after, rows).await).await?;
    Ok(Json(Page::of(rows, &page, |row| row.customer_id, CustomerView::from)))
}

/// Enters a customer.
#[utoipa::path(post, path = "/customers", tag = "customers", request_body = CustomerRequest,
    responses((status = 201, body = CustomerView), (status = "4XX", body = ProblemView)))]
async fn create_customer(
    ctx: TenantCtx,
    State(clock): State<Clock>,
    State(random): State<Random>,
    Json(request): Json<CustomerRequest>,
) -> ApiResult<(StatusCode, Versioned<CustomerView>)> {
    ctx.require(Permission::EditMasterData)?;
    let (customer, now) = (request.parse()?, clock.now());
    let id = CustomerId(random.uuid(now));
    let row = ctx
        .transact(async move |tx: &mut TenantTx| {
            crate::directory::store::insert_customer(tx, id, &customer, now).await?;
            store::get(tx, id).await?.ok_or(CustomerError::NotFound)
        })
        .await?;
    Ok((StatusCode::CREATED, row.into()))
}

/// One customer.
#[utoipa::path(get, path = "/customers/{customer_id}", tag = "customers", params(("customer_id" = Uuid, Path)),
    responses((status = 200, body = CustomerView), (status = 404, body = ProblemView)))]
async fn get_customer(ctx: TenantCtx, Path(id): Path<Uuid>) -> ApiResult<Versioned<CustomerView>> {
    ctx.require(Permission::ReadMasterData)?;
    let row = ctx.read(async move |tx: &mut TenantTx| store::get(tx, CustomerId(id)).await).await?;
    Ok(row.ok_or(CustomerError::NotFound)?.into())
}

/// Replaces what is known of a customer; `archived` takes it out of use or brings it back.
#[utoipa::path(put, path = "/customers/{customer_id}", tag = "customers", request_body = CustomerRequest,
    params(("customer_id" = Uuid, Path), ("If-Match" = String, Header, description = "the ETag it was read with")),
    responses((status = 200, body = CustomerView), (status = 404, body = ProblemView), (status = 412, body = ProblemView)))]
async fn update_customer(
    ctx: TenantCtx,
    State(clock): State<Clock>,
    Path(id): Path<Uuid>,
    IfMatch(version): IfMatch,
    Json(request): Json<CustomerRequest>,
) -> ApiResult<Versioned<CustomerView>> {
    ctx.require(Permission::EditMasterData)?;
    let (customer, archived_at) = (request.parse()?, request.archived.then(|| clock.now()));
    let row = ctx
        .transact(async move |tx: &mut TenantTx| {
            let row = store::update(tx, CustomerId(id), version, &customer, archived_at).await?;
            feed::publish_beside(tx, Beside::Customer(CustomerId(id))).await?;
            Ok::<_, CustomerError>(row)
        })
        .await?;
    Ok(row.into())
}
