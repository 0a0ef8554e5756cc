//! `/dispatch-settings`.

use axum::extract::State;
use sync_core::time::ServerTime;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::settings_view::{DispatchSettingsRequest, DispatchSettingsView};
use crate::ledger::outbox::{self, Event};
use crate::planning::{PlanningError, settings_store};
use crate::platform::clock::Clock;
use crate::platform::etag::{IfMatch, Versioned};
use crate::platform::extract::Json;
use crate::platform::problem::{ApiResult, ProblemView};
use crate::state::AppState;
use crate::tenancy::{Permission, TenantCtx, TenantTx};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(get_dispatch_settings, update_dispatch_settings))
}

/// Who decides where a ticket type does not say, and what things are worth. The defaults until somebody changes them.
#[utoipa::path(get, path = "/dispatch-settings", tag = "dispatching",
    responses((status = 200, body = DispatchSettingsView), (status = "4XX", body = ProblemView)))]
async fn get_dispatch_settings(ctx: TenantCtx) -> ApiResult<Versioned<DispatchSettingsView>> {
    ctx.require(Permission::ReadMasterData)?;
    Ok(ctx.read(async move |tx: &mut TenantTx| settings_store::load(tx).await).await?.into())
}

/// Replaces the dispatch settings. What has been decided stays as it is; what is decided from now on goes by them.
#[utoipa::path(put, path = "/dispatch-settings", tag = "dispatching", request_body = DispatchSettingsRequest,
    params(("If-Match" = String, Header, description = "the ETag they were read with")),
    responses((status = 200, body = DispatchSettingsView), (status = 412, body = ProblemView), (status = "4XX", body = ProblemView)))]
async fn update_dispatch_settings(
    ctx: TenantCtx,
    State(clock): State<Clock>,
    IfMatch(version): IfMatch,
    Json(request): Json<DispatchSettingsRequest>,
) -> ApiResult<Versioned<DispatchSettingsView>> {
    ctx.require(Permission::EditMasterData)?;
    let ((mode, policy), by, now) = (request.parse()?, ctx.signed_in()?, clock.now());
    let replace = async move |tx: &mut TenantTx| {
        let before = settings_store::load(tx).await?.mode;
        let replaced = settings_store::replace(tx, version, (mode, &policy), by, now).await?;
        if replaced.mode != before {
            outbox::append(tx, &Event::dispatch_changed(), ServerTime(now.timestamp_millis())).await?;
        }
        Ok::<_, PlanningError>(replaced)
    };
    Ok(ctx.transact(replace).await?.into())
}
