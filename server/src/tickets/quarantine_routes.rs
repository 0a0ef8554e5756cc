//! `/quarantine`: changes from phones that could not be accepted, kept whole until somebody decides.

use axum::extract::State;
use serde::Deserialize;
use sync_core::time::ServerTime;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::error::TicketError;
use super::quarantine_store::{self as store, QuarantinedContentView, QuarantinedView};
use crate::ledger::quarantine::{self, Settlement};
use crate::platform::clock::Clock;
use crate::platform::extract::{Json, Path, Query};
use crate::platform::page::{Page, PageQuery};
use crate::platform::problem::{ApiResult, ProblemView};
use crate::state::AppState;
use crate::tenancy::{Permission, TenantCtx, TenantTx};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_quarantine))
        .routes(routes!(get_quarantined))
        .routes(routes!(settle_quarantined))
}

#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct QuarantineFilter {
    pub ticket_id: Option<Uuid>,
    pub user_id: Option<Uuid>,
    /// Settled ones instead of those that wait.
    #[serde(default)]
    pub settled: bool,
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SettleRequest {
    settlement: SettlementRequest,
}

/// What a dispatcher decided.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum SettlementRequest {
    /// Its content was entered at the desk.
    Entered,
    /// It is not wanted.
    Dismissed,
}

/// Changes that were set aside, the oldest first.
#[utoipa::path(get, path = "/quarantine", tag = "tickets", params(PageQuery, QuarantineFilter),
    responses((status = 200, body = Page<QuarantinedView>), (status = "4XX", body = ProblemView)))]
async fn list_quarantine(
    ctx: TenantCtx,
    Query(page): Query<PageQuery>,
    Query(filter): Query<QuarantineFilter>,
) -> ApiResult<Json<Page<QuarantinedView>>> {
    ctx.require(Permission::Dispatch)?;
    let (after, rows) = (page.after()?, page.rows());
    let rows = ctx.read(async move |tx: &mut TenantTx| store::list(tx, &filter, after, rows).await).await?;
    Ok(Json(Page::of(rows, &page, |row| (row.received_at, row.quarantine_id), |row| row)))
}

/// One change that was set aside, with what it would have said.
#[utoipa::path(get, path = "/quarantine/{quarantine_id}", tag = "tickets", params(("quarantine_id" = Uuid, Path)),
    responses((status = 200, body = QuarantinedContentView), (status = 404, body = ProblemView)))]
async fn get_quarantined(ctx: TenantCtx, Path(id): Path<Uuid>) -> ApiResult<Json<QuarantinedContentView>> {
    ctx.require(Permission::Dispatch)?;
    let view = ctx
        .read(async move |tx: &mut TenantTx| {
            let quarantined = store::get(tx, id).await?.ok_or(TicketError::NotFound)?;
            Ok::<_, TicketError>(QuarantinedContentView::of(quarantined, quarantine::content(tx, id).await?))
        })
        .await?;
    Ok(Json(view))
}

/// Says what became of a change that was set aside. The change itself is kept.
#[utoipa::path(post, path = "/quarantine/{quarantine_id}/settle", tag = "tickets", request_body = SettleRequest,
    params(("quarantine_id" = Uuid, Path)),
    responses((status = 200, body = QuarantinedView), (status = 404, body = ProblemView)))]
async fn settle_quarantined(
    ctx: TenantCtx,
    State(clock): State<Clock>,
    Path(id): Path<Uuid>,
    Json(request): Json<SettleRequest>,
) -> ApiResult<Json<QuarantinedView>> {
    ctx.require(Permission::Dispatch)?;
    let (by, now) = (ctx.signed_in()?, ServerTime(clock.now_ms()));
    let settlement = match request.settlement {
        SettlementRequest::Entered => Settlement::Entered,
        SettlementRequest::Dismissed => Settlement::Dismissed,
    };
    let view = ctx
        .transact(async move |tx: &mut TenantTx| {
            quarantine::settle(tx, id, settlement, by, now).await?;
            store::get(tx, id).await?.ok_or(TicketError::NotFound)
        })
        .await?;
    Ok(Json(view))
}
