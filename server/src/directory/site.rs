//! A site: where work is done. It may be known by address alone; then its tickets wait to be located.

use chrono_tz::Tz;
use sync_core::ids::CustomerId;

use super::{Name, Position, Reference};

/// A site to be entered.
#[derive(Debug, Clone, PartialEq)]
pub struct NewSite {
    pub customer: Option<CustomerId>,
    pub name: Name,
    /// As one would write it on an envelope; empty if unknown. Up to 500 characters.
    pub address: String,
    /// None until somebody locates it.
    pub position: Option<Position>,
    pub time_zone: Tz,
    /// What a foreign system calls it; unique.
    pub external_ref: Option<Reference>,
}
