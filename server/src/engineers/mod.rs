//! Engineers: who works in the field, what they can do, where they start from and when. An engineer is a user; both have
//! one id. The catalogue of skills stands here too, since engineers are what it describes.

mod routes;
mod calendar_routes;
mod skill_routes;
mod store;
mod calendar_store;
mod skill_store;
mod view;
mod calendar_view;
mod error;

use utoipa_axum::router::OpenApiRouter;

use crate::state::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    routes::routes().merge(calendar_routes::routes()).merge(skill_routes::routes())
}
