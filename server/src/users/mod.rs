//! The people of a tenant: who they are and what they may do.

pub mod routes;

mod change;
mod create;
mod disable;
mod password;

mod error;
mod store;
mod view;

pub use view::{MeView, NewUserRequest, UserView};
