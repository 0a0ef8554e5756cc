//! Phones, a server, bad links and an attacker on one virtual clock. Everything random comes from one number, so every
//! run can be repeated exactly; what must hold is checked in every step, under the names in [`invariants`].
//!
//! The phones are real replicas. The server is a model in memory that judges with the real guard and policy and keeps
//! real documents; how the real one behaves on Postgres is for `tests/` to show.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "what a simulation does not expect ends it")]

pub mod chance;
pub mod server;
pub mod mortal;
pub mod phone;
pub mod network;
pub mod meeting;
pub mod attacker;
pub mod invariants;
pub mod world;
pub mod run;
pub mod minimise;
