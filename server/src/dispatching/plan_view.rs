//! Plans as the API shows and takes them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::planning::PlanningError;

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanRequest {
    /// Now, if left out.
    pub from: Option<DateTime<Utc>>,
    /// The end of the days to plan; at most 31.
    pub to: DateTime<Utc>,
    /// Left out: every ticket with a located visit that nobody has.
    pub ticket_ids: Option<Vec<Uuid>>,
    /// The same seed on the same data gives the same plan; 1 if left out.
    pub seed: Option<u32>,
    /// How often a part of the plan is taken apart and put together better: 0 to 2,000,000; 50,000 if left out.
    pub rounds: Option<u32>,
    /// Only say what would be done: the plan is a draft, and assigns nothing.
    #[serde(default)]
    pub draft: bool,
    /// The older name of `draft`.
    #[serde(default)]
    pub dry_run: bool,
}

/// Where a plan stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlanState {
    /// It waits for a process that has time for it.
    Queued,
    /// It is being worked out. If the process that does so dies, another one begins anew within a minute.
    Running,
    /// It is there to be looked at, and nothing of it has been assigned.
    Drafted,
    /// What was planned is being assigned.
    Applying,
    /// What was planned has been assigned.
    Applied,
    /// It was called off before anything was assigned.
    Cancelled,
    /// There is no plan; `failure` says why.
    Failed,
}

impl PlanState {
    /// As the database keeps it.
    pub fn of(stored: &str) -> Result<Self, PlanningError> {
        Ok(match stored {
            "queued" => Self::Queued,
            "running" => Self::Running,
            "drafted" => Self::Drafted,
            "applying" => Self::Applying,
            "applied" => Self::Applied,
            "cancelled" => Self::Cancelled,
            "failed" => Self::Failed,
            _ => return Err(PlanningError::Corrupt("the state of a plan")),
        })
    }

    /// Whether it will change without anybody's doing.
    pub fn is_at_work(self) -> bool {
        matches!(self, Self::Queued | Self::Running | Self::Applying)
    }
}

/// A run of the planner.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PlanView {
    pub plan_id: Uuid,
    pub state: PlanState,
    /// Which share of the search is done, from 0 to 1; noted about once a second.
    pub progress: f64,
    /// Why there is no plan: `contradictory_data`, `days_are_over`, `given_up`, `internal`, or `interrupted`.
    pub failure: Option<String>,
    pub ordered_by: Uuid,
    pub ordered_at: DateTime<Utc>,
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    /// Whether it was ordered as a draft.
    pub draft: bool,
    /// The older name of `draft`.
    pub dry_run: bool,
    pub seed: i64,
    pub rounds: i32,
    /// Visits that nobody had.
    pub visits: i32,
    /// Engineers in service.
    pub engineers: i32,
    /// When it came to an end, whichever `state` says it is; null while it waits or runs.
    pub finished_at: Option<DateTime<Utc>>,
    /// From the order to the end.
    pub duration_ms: Option<i64>,
    /// Visits that got an engineer; in a draft, would get one.
    pub assigned: i32,
    /// Visits that were given to somebody else while it ran.
    pub assigned_meanwhile: i32,
    /// The mean drive to a visit that was assigned, in minutes.
    pub mean_travel_min: Option<f64>,
    /// What is left for later, by the reason.
    pub left: Vec<LeftCountView>,
    /// The weights it was decided by.
    pub policy: serde_json::Value,
}

/// How many visits are left for one reason.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LeftCountView {
    /// The hard rule that stopped those engineers who came furthest; or `no_engineer`, `not_located`,
    /// `changed_meanwhile`, `too_many`.
    pub reason: String,
    pub count: i64,
}

/// A visit that a plan gave to nobody.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LeftView {
    pub visit_id: Uuid,
    pub ticket_id: Uuid,
    pub reason: String,
    /// How many engineers each hard rule refused.
    pub refused_by_rule: BTreeMap<String, u32>,
}

/// A visit that a plan gave to somebody.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PlannedVisitView {
    pub visit_id: Uuid,
    pub ticket_id: Uuid,
    pub engineer_id: Uuid,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    /// The drive to it, in seconds.
    pub drive_s: i64,
    /// Null as long as it is only planned.
    pub assignment_id: Option<Uuid>,
}
