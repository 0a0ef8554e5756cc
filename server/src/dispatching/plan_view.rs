//! Plans as the API shows and takes them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::planning::PlanningError;
use crate::planning::run::{Figures, Levels, Relaxed};

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
    /// Appointments that somebody has may move too, if nobody has set out or begun and they are not pinned; moving them
    /// costs. Only in a draft. Left out, only what nobody has is planned.
    #[serde(default)]
    pub replan: bool,
}

/// What of a draft is accepted; with neither field, all of it.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptRequest {
    /// Everything that these engineers get or give away.
    pub engineer_ids: Option<Vec<Uuid>>,
    /// These visits, besides.
    pub visit_ids: Option<Vec<Uuid>>,
}

/// Where a plan stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlanState {
    /// It waits for a process that has time for it.
    Queued,
    /// It is being worked out. If the process that does so dies, another one begins anew within a minute.
    Running,
    /// It is there to be looked at and accepted, or some of it still is.
    Drafted,
    /// What was planned is being assigned.
    Applying,
    /// What was planned has been assigned, as far as nothing came between.
    Applied,
    /// It was called off before anything was assigned.
    Cancelled,
    /// There is no plan; `failure` says why.
    Failed,
}

impl PlanState {
    const ALL: [Self; 7] =
        [Self::Queued, Self::Running, Self::Drafted, Self::Applying, Self::Applied, Self::Cancelled, Self::Failed];

    /// From what the database keeps.
    pub fn of(stored: &str) -> Result<Self, PlanningError> {
        let state = Self::ALL.into_iter().find(|state| state.as_str() == stored);
        state.ok_or(PlanningError::Corrupt("the state of a plan"))
    }

    /// As the database keeps it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Drafted => "drafted",
            Self::Applying => "applying",
            Self::Applied => "applied",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }

    /// Whether it will change without anybody's doing.
    pub fn is_at_work(self) -> bool {
        matches!(self, Self::Queued | Self::Running | Self::Applying)
    }
}

/// Which plans are wanted.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PlanFilter {
    /// Only those that stand so: `drafted` is what waits for somebody to accept it.
    pub state: Option<PlanState>,
}

/// Where a run of the planner stands, and what came of it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PlanSummaryView {
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
    /// Whether appointments that somebody had could move.
    pub replan: bool,
    /// Visits that nobody had, and appointments that could move.
    pub visits: i32,
    /// Visits that got an engineer; in a draft, would get one.
    pub assigned: i32,
    /// Visits that nobody got.
    pub left_for_later: i32,
    /// When it came to an end, whichever `state` says it is; null while it waits or runs.
    pub finished_at: Option<DateTime<Utc>>,
}

/// A run of the planner.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PlanView {
    #[serde(flatten)]
    pub summary: PlanSummaryView,
    /// The older name of `draft`.
    pub dry_run: bool,
    pub seed: i64,
    pub rounds: i32,
    /// Engineers in service.
    pub engineers: i32,
    /// From the order to the end.
    pub duration_ms: Option<i64>,
    /// Visits that were given to somebody else while it ran.
    pub assigned_meanwhile: i32,
    /// Of a draft: visits that were accepted and assigned, moved or taken back accordingly.
    pub accepted: i64,
    /// Of a draft: visits that were accepted and could not be assigned so any more. Each says why.
    pub conflicts: i64,
    /// The mean drive to a visit that was assigned, in minutes.
    pub mean_travel_min: Option<f64>,
    /// What is left for later, by the reason.
    pub left: Vec<LeftCountView>,
    /// The weights it was decided by.
    pub policy: serde_json::Value,
    /// What the days came to before, and what they would come to, worked out alike; null unless it is a draft.
    pub before: Option<FiguresView>,
    pub after: Option<FiguresView>,
}

/// What days come to. Lower is better, but for `served`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FiguresView {
    /// What decides: level by level, the first difference says which plan is better.
    pub levels: LevelsView,
    /// Visits that somebody has, of those that the plan is about.
    pub served: u32,
    /// Visits that nobody has, by priority from 1 to 5.
    pub unserved_by_priority: BTreeMap<u8, u32>,
    /// All driving of these days, in seconds.
    pub driving_s: i64,
    /// Work after the end of a shift, in seconds.
    pub overtime_s: i64,
    /// Appointments that would be with another engineer, with nobody, or begin at a time that the policy calls another.
    pub appointments_changed: u32,
}

/// The levels by which plans are compared.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct LevelsView {
    /// The sum of the weights of the visits that nobody has.
    pub unserved_weight: i64,
    /// What is late by its SLA, in seconds weighed by priority. What nobody has is late until the last shift ends.
    pub lateness_s: i64,
    /// Driving, overtime, and appointments that change, as the policy weighs them.
    pub travel_s: i64,
    /// Balance of load, waiting, preferences, skills and parts, in seconds of driving.
    pub balance_s: i64,
}

impl From<Figures> for FiguresView {
    fn from(figures: Figures) -> Self {
        let Figures { levels, served, unserved_by_priority, driving_s, overtime_s, appointments_changed } = figures;
        let Levels { unserved_weight, lateness_s, travel_s, balance_s } = levels;
        let levels = LevelsView { unserved_weight, lateness_s, travel_s, balance_s };
        Self { levels, served, unserved_by_priority, driving_s, overtime_s, appointments_changed }
    }
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
    /// What would have to give: changes of which each by itself would let somebody take it beside everything else that is
    /// planned, the smallest first. Worked out for the hundred heaviest.
    pub relaxations: Vec<RelaxationView>,
}

/// With this one thing changed, this engineer could take the visit then.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RelaxationView {
    /// `earlier` or `later`: it begins so much outside of its window. `overtime`: the shift lasts so much longer. `skill`:
    /// somebody may come who has the skill at a lower level, or not at all. `certificate`: somebody may come without it.
    /// `territory`, `barred`, `pinned`: somebody may come whom this rule refuses.
    pub change: String,
    pub engineer_id: Uuid,
    pub starts_at: DateTime<Utc>,
    /// By how many seconds: of `earlier`, `later` and `overtime`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_s: Option<i64>,
    /// Of `skill` and `certificate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skill: Option<String>,
    /// The level asked for, and the one the engineer has, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needs: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub has: Option<u8>,
}

impl From<Relaxed> for RelaxationView {
    fn from(relaxed: Relaxed) -> Self {
        let Relaxed { change, engineer_id, starts_at, by_s, skill, needs, has } = relaxed;
        Self { change, engineer_id, starts_at, by_s, skill, needs, has }
    }
}

/// A visit that a plan gave to somebody.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PlannedVisitView {
    pub visit_id: Uuid,
    pub ticket_id: Uuid,
    pub engineer_id: Uuid,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    /// The drive to it at its hour, in seconds.
    pub drive_s: i64,
    /// Null as long as it is only planned; of a dropped visit, the assignment that ended.
    pub assignment_id: Option<Uuid>,
    /// `new`: nobody had it. `moved`: it goes to somebody else, or to another time. `unchanged`. `dropped`: who has it loses
    /// it, and nobody gets it.
    pub change: String,
    /// Who had it when it was planned, and when; null if nobody had.
    pub from: Option<AppointmentView>,
    /// Why it could not be assigned so when it was accepted: `already_assigned`, `reassigned`, `rescheduled`, `begun`, `done`,
    /// `cancelled`, `pinned`, `changed`, `past`, `not_located`, `not_in_service`, `double_booked`, or the hard rule that
    /// refuses the engineer now.
    pub conflict: Option<String>,
}

/// Who has a visit, and when.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AppointmentView {
    pub engineer_id: Uuid,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
}
