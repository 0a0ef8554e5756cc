//! A ticket type: what kind of work a ticket asks for, and everything that follows from it unless somebody says
//! otherwise.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Code, Priority, RequiredSkills, Unacceptable, WorkDuration};

/// Who decides which engineer a visit goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DispatchMode {
    /// The server assigns the best candidate.
    Automatic,
    /// The server suggests, a dispatcher confirms.
    Suggest,
    /// Engineers take it from the pool.
    Pool,
    /// A dispatcher assigns.
    Manual,
}

impl DispatchMode {
    pub fn new(mode: &str) -> Result<Self, Unacceptable> {
        match mode {
            "automatic" => Ok(Self::Automatic),
            "suggest" => Ok(Self::Suggest),
            "pool" => Ok(Self::Pool),
            "manual" => Ok(Self::Manual),
            _ => Err(Unacceptable::new("a dispatch mode is automatic, suggest, pool or manual")),
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Automatic => "automatic",
            Self::Suggest => "suggest",
            Self::Pool => "pool",
            Self::Manual => "manual",
        }
    }
}

/// A ticket type as tickets are made from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketType {
    pub code: Code,
    pub name_en: String,
    pub name_zh: String,
    pub duration: WorkDuration,
    pub priority: Priority,
    pub skills: RequiredSkills,
    /// None: as the tenant's settings say.
    pub dispatch_mode: Option<DispatchMode>,
    /// From the request to somebody's being on site.
    pub response_target: Option<TimeDelta>,
    /// From the request to the work's being done.
    pub resolution_target: Option<TimeDelta>,
    /// Which workflow its tickets follow, and in which version.
    pub workflow: (Code, i64),
}

impl TicketType {
    /// Until when somebody must be on site for a request of this time.
    pub fn respond_by(&self, requested_at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        requested_at.checked_add_signed(self.response_target?)
    }

    /// Until when a request of this time must be done.
    pub fn resolve_by(&self, requested_at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        requested_at.checked_add_signed(self.resolution_target?)
    }
}
