//! Replicas against the simulation's model of the server: stories told one by one. Many at once, with everything that can
//! happen to them, are in `sync-core/sim`.

#![expect(clippy::unwrap_used, reason = "all of this is a test")]

mod stories;
#[cfg(feature = "sqlite")]
mod on_disk;
mod first_sync;
mod knowledge;
mod pool;
mod model;
