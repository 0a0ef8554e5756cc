//! `POST /api/v1/sync`: one round trip in which a phone hands in what it did and gets what it has not seen.
//!
//! The phone's side of the conversation is `sync_core::replica`; what travels is `sync_core::wire`. Pushing and pulling
//! are two transactions: what was acknowledged is durable before anything is read.

pub mod routes;
mod exchange;
mod pull;
mod scope;
mod references;
mod knowledge;
mod pool;
mod wishes;
mod notices;
mod certificate;
mod blob_store;
mod cursor;
mod report;
mod versions;
