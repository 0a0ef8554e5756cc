//! How a tenant wants to be dispatched: who decides where a ticket type does not say, and what things are worth.

use callout_dispatch::Policy;
use chrono::{DateTime, Utc};
use sync_core::ids::UserId;

use crate::directory::DispatchMode;

/// The settings of a tenant; the defaults until somebody changes them.
#[derive(Debug, Clone)]
pub struct Settings {
    /// For ticket types that say nothing of it.
    pub mode: DispatchMode,
    /// What travel, load, waiting and lateness are worth.
    pub policy: Policy,
    /// 0 as long as they are the defaults.
    pub version: i64,
    pub updated: Option<(DateTime<Utc>, UserId)>,
}

impl Default for Settings {
    /// The server says what it would do, and a dispatcher does it.
    fn default() -> Self {
        let policy = Policy { shortlist: 10, ..Policy::default() };
        Self { mode: DispatchMode::Suggest, policy, version: 0, updated: None }
    }
}
