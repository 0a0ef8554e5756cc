//! `POST /api/v1/sync`: one round trip in which a phone hands in what it did and gets what it has not seen.
//!
//! The phone's side of the conversation is `sync_core::replica`; what travels is `sync_core::wire`. Pushing and pulling
//! are two transactions: what was acknowledged is durable before anything is read.

pub mod routes;
mod exchange;
mod pull;
mod scope;
mod scope_store;
mod reference_store;
mod knowledge;
mod knowledge_store;
mod pool;
mod pool_store;
mod wishes;
mod notice_store;
mod certificate;
mod blob_store;
mod cursor;
mod report;
mod report_store;
mod versions;
