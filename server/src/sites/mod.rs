//! Sites, where work is done, and the contacts one asks for there. A site may be known by its address alone: its tickets
//! then wait until somebody locates it.

mod routes;
mod contact_routes;
mod store;
mod contact_store;
mod view;
mod error;

use utoipa_axum::router::OpenApiRouter;

use crate::state::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    routes::routes().merge(contact_routes::routes())
}
