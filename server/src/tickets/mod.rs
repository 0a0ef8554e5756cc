//! Tickets as the desk sees them: making one by hand, the board, one ticket with its whole story, and everything the desk
//! does to it. Who works on it is `dispatching`'s, when is `visits`'.
//!
//! A ticket is a document: nothing here writes its tables. Each verb goes through [`crate::ledger::Ledger::edit`], where
//! the desk's commands meet the same rules as a phone's.

mod routes;
mod create;
mod edit;
mod locate;
mod verb_routes;
mod quarantine_routes;
mod export_routes;
mod take_export;
mod store;
mod view;
mod quarantine_store;
mod export_store;
mod error;

use utoipa_axum::router::OpenApiRouter;

use crate::state::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    routes::routes().merge(verb_routes::routes()).merge(quarantine_routes::routes()).merge(export_routes::routes())
}
