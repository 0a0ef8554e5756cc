//! Foreign files become tickets.
//!
//! `definition` is what an administrator writes down about a foreign system, `mapping` what it means; `encoding`,
//! `sheet`, `template`, `local_time` and `row` read one of its files by it, purely; `reading` is the outcome for the whole
//! file; `import` enters it.
//!
//! A row is known by its external id within its source: importing a file again changes nothing, and an import that was
//! cut off is finished by sending the file again. What is wrong with a row is told and keeps no other row out.

mod routes;
mod mapping_routes;
mod import;
mod reading;
mod row;
mod sheet;
mod definition;
mod mapping;
mod template;
mod local_time;
mod encoding;
mod store;
mod view;
mod error;

use utoipa_axum::router::OpenApiRouter;

use crate::state::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    routes::routes().merge(mapping_routes::routes())
}
