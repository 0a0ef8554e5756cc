//! Replicas against a model of the server: stories told one by one, and a simulation of many at once.
//!
//! The model keeps everything in memory, but judges with the real guard and keeps real documents; what it lacks of the
//! server is SQL, tenants and people. Time and chance are arguments, so every run can be repeated.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "all of this is a test")]

mod chance;
mod server;
mod phone;
mod stories;
#[cfg(feature = "sqlite")]
mod on_disk;
mod first_sync;
mod simulation;
