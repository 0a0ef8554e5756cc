//! Plans as the API shows and takes them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

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
    /// Only say what would be done.
    #[serde(default)]
    pub dry_run: bool,
}

/// A run of the planner.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PlanView {
    pub plan_id: Uuid,
    pub ordered_by: Uuid,
    pub ordered_at: DateTime<Utc>,
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    pub dry_run: bool,
    pub seed: i64,
    pub rounds: i32,
    /// Visits that nobody had.
    pub visits: i32,
    /// Engineers in service.
    pub engineers: i32,
    /// Null while it runs, and for ever if it failed or the server stopped in the middle of it.
    pub finished_at: Option<DateTime<Utc>>,
    pub duration_ms: Option<i64>,
    /// Visits that got an engineer; in a dry run, would have got one.
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
    /// Null in a dry run.
    pub assignment_id: Option<Uuid>,
}
