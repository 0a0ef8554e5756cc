//! Articles and procedures: written here, read and searched here and on every phone with no network.
//!
//! A text is never changed. Writing makes a draft; publishing shows it to readers and sends it to the phones; withdrawing
//! takes it away from both. What phones are sent is read by `sync`, from the same rows.

mod routes;
mod verb_routes;
mod write;
mod publish;
mod withdraw;
mod search;
mod store;
mod view;
mod error;

pub use routes::routes;
