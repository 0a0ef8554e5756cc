//! The people of a tenant: who they are and what they may do.

mod routes;

mod change;
mod create;
mod disable;
mod password;

mod error;
mod store;
mod view;

pub use routes::routes;
pub use view::{Locale, MeView, NewUserRequest, UserView};
