//! Visits: when somebody is to be on a site. Listing them by day and engineer, and moving their windows side by side with
//! what phones ask for.

mod routes;
mod store;
mod view;
mod error;

pub use routes::routes;
