//! Customers: whom work is done for. Rows with a version; archived when no longer served, because tickets name them.

mod routes;
mod store;
mod view;
mod error;

pub use routes::routes;
