//! Every path of the server, and what all requests pass through.

mod openapi;

use std::time::Duration;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;

use crate::live::Live;
use crate::platform::config::Limits;
use crate::platform::limits::{self, Admission};
use crate::platform::problem::{ApiResult, Problem};
use crate::platform::room::{self, Room};
use crate::platform::telemetry;
use crate::state::AppState;
use crate::tenancy::{Tenancy, idempotency};
use crate::{
    attachments, customers, devices, dispatching, engineers, evidence, intake, knowledge, live, pool, sites, sync,
    ticket_types, tickets, users, visits,
};

/// The whole HTTP interface.
pub fn router(state: AppState, live: Live, limits: Limits) -> axum::Router {
    let body_idle = Duration::from_millis(limits.body_idle_limit_ms);
    let room = Room::default();
    let (api, document) = api(live).split_for_parts();
    let api = api.layer(from_fn_with_state(state.clone(), idempotency::once::<AppState>));
    let api = api.layer(from_fn_with_state(room.clone(), room::watch));
    axum::Router::new()
        .nest("/api/v1", api)
        .merge(openapi::pages(document))
        .layer(from_fn_with_state(Admission::new(limits.max_requests), limits::admit))
        // Outside of admission: they must answer when the server is busy.
        .route("/healthz", get(|| async { StatusCode::OK }))
        .route("/readyz", get(ready).with_state((state.tenancy.clone(), room.clone())))
        .route("/metrics", get(metrics))
        .fallback(|| async { Problem::not_found() })
        .method_not_allowed_fallback(|| async { Problem::method_not_allowed() })
        .layer(DefaultBodyLimit::max(limits::LARGEST_BODY))
        .layer(from_fn_with_state(body_idle, limits::end_idle_body))
        .layer(from_fn(limits::end_in_time))
        .layer(from_fn(limits::catch_panic))
        .layer(from_fn_with_state(state.random, telemetry::observe))
        .with_state(state)
}

/// The API without what surrounds it: each feature's routes.
fn api(live: Live) -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .merge(attachments::routes())
        .merge(customers::routes())
        .merge(devices::routes())
        .merge(dispatching::routes())
        .merge(engineers::routes())
        .merge(evidence::routes())
        .merge(intake::routes())
        .merge(knowledge::routes())
        .merge(live::routes(live))
        .merge(pool::routes())
        .merge(sites::routes())
        .merge(sync::routes::routes())
        .merge(ticket_types::routes())
        .merge(tickets::routes())
        .merge(users::routes())
        .merge(visits::routes())
}

/// 200 once the database answers, and has room.
async fn ready(State((tenancy, room)): State<(Tenancy, Room)>) -> ApiResult<StatusCode> {
    tenancy.check().await?;
    if room.is_lacking() {
        return Err(Problem::unavailable(10).detail("the database has no room"));
    }
    Ok(StatusCode::OK)
}

/// What is measured, in the text format of Prometheus.
async fn metrics(State(tenancy): State<Tenancy>) -> String {
    tenancy.measure();
    telemetry::metrics()
}
