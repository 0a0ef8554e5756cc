//! Who goes where: candidates with their scores, assignments with their reasons, plans for days, suggestions to confirm,
//! windows to offer a customer.
//!
//! The desk's side of it. What is decided and how stands in [`crate::planning`]; what may be done to a ticket in the
//! ledger.

mod routes;
mod plan_routes;
mod offer_routes;
mod settings_routes;
mod travel_profile;
mod suggest;
mod assign;
mod reassign;
mod unassign;
mod decline;
mod explain;
mod plan;
mod offer;
mod offer_windows;
mod plan_progress;
mod store;
mod plan_store;
mod offer_store;
mod view;
mod plan_view;
mod offer_view;
mod settings_view;

use utoipa_axum::router::OpenApiRouter;

use crate::state::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    routes::routes()
        .merge(plan_routes::routes())
        .merge(offer_routes::routes())
        .merge(settings_routes::routes())
        .merge(travel_profile::routes())
}
