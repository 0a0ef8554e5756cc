//! What is happening now: where the engineers are, and a stream of what changes.
//!
//! `POST /positions` takes in what phones recorded (`report`, judged by `judge`). `GET /live` is one stream of
//! positions and ticket events in the feed's order. Per tenant and process one `tail` reads new rows, once, and hands
//! them to all its streams; a `stream` first reads what it missed from the database, then follows its tail.

mod routes;
mod report;
mod judge;
mod hub;
mod tail;
mod stream;
mod event;
mod store;
mod view;
mod error;

pub use error::LiveError;
pub use hub::Live;
pub use routes::routes;
