//! Who is calling, for which tenant, and the only way to the database.
//!
//! Four nets keep tenants apart. *Type*: a [`TenantTx`] comes only from a [`TenantCtx`], which is made only by
//! [`auth`] and by the system entry points of [`Tenancy`]. *Session*: the server logs in as the role `app`, which owns
//! nothing. *Schema*: row-level security is enabled and forced on every table. *Test*: every operation of the API is
//! called as a stranger.

mod across;
mod context;
mod lanes;
mod lookup;
mod permission;
mod unit_of_work;

pub mod auth;
pub mod bootstrap;
pub mod database;
pub mod email;
pub mod idempotency;
pub mod password;
pub mod session;
pub mod token;

pub use across::{Notice, Notices};
pub use auth::{Standing, SyncCtx};
pub use context::{SessionId, SystemEntry, TenantCtx};
pub use database::Tenancy;
pub use permission::{Permission, Role};
pub use unit_of_work::{TenantTx, Work};
