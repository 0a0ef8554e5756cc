//! What proves a ticket: every change with the batch that a device signed for it, the chain they stand in, the photos
//! and signatures, all in one file under the server's signature. `callout verify FILE` checks such a file with no server,
//! no database and no network.

mod routes;
mod root_routes;
mod store;
mod inclusion;
mod export;
pub mod bundle;
pub mod verify;
mod verify_roots;
pub mod receipts;

use utoipa_axum::router::OpenApiRouter;

use crate::state::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    routes::routes().merge(root_routes::routes())
}
