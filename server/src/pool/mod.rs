//! The open pool at the desk: what is on offer and to how many, what a dispatcher puts in and takes out by hand, and an
//! engineer who takes something online.
//!
//! What is decided and how stands in [`crate::planning::pool`]; phones get their cards, and ask, by `/sync`.

mod routes;
mod store;
mod view;

pub use routes::routes;
