//! Every path of the server, and what all requests pass through.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;

use crate::platform::problem::{ApiResult, Problem};
use crate::state::AppState;
use crate::tenancy::Tenancy;
use crate::{customers, devices, engineers, sites, sync, ticket_types, users};

/// The whole HTTP interface.
pub fn router(state: AppState) -> axum::Router {
    let (api, _document) = OpenApiRouter::<AppState>::new()
        .merge(customers::routes())
        .merge(devices::routes::routes())
        .merge(engineers::routes())
        .merge(sites::routes())
        .merge(ticket_types::routes())
        .merge(users::routes::routes())
        .merge(sync::routes::routes())
        .split_for_parts();
    axum::Router::new()
        .nest("/api/v1", api)
        .route("/healthz", get(|| async { StatusCode::OK }))
        .route("/readyz", get(ready))
        .fallback(|| async { Problem::not_found() })
        .with_state(state)
}

/// 200 once the database answers.
async fn ready(State(tenancy): State<Tenancy>) -> ApiResult<StatusCode> {
    tenancy.check().await?;
    Ok(StatusCode::OK)
}
