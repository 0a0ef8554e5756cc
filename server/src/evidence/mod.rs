//! What proves a ticket: every change with the batch that a device signed for it, the chain they stand in, the photos
//! and signatures, all in one file under the server's signature. `callout verify FILE` checks such a file with no server,
//! no database and no network.

mod routes;
mod store;
mod export;
pub mod bundle;
pub mod verify;
pub mod receipts;

pub use routes::routes;
