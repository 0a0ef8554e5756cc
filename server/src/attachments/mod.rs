//! Attachments: the bytes that facts name by their digest. The fact comes first, by sync; the bytes follow when the
//! network is good, and only here, where they are compared with the digest before anybody says "stored".

mod routes;
mod upload;
mod resume_routes;
mod resume;
mod find;
mod store;
mod error;

pub use find::on_event;

use utoipa_axum::router::OpenApiRouter;

use crate::state::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    routes::routes().merge(resume_routes::routes())
}
