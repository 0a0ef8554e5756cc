//! Candidates, assignments and their reasons as the API shows them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sync_core::ids::{GrantId, TicketId, UserId, VisitId};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::ledger::SERVER;
use crate::planning::travel::TravelUsed;
use crate::planning::{Candidate, Considered, Reason, Refused, Wish};

/// What engineers are called, by id.
pub type Names = BTreeMap<Uuid, String>;

#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AssignRequest {
    /// Left out: the best there is.
    pub engineer_id: Option<Uuid>,
    /// When it is to begin; left out: when it suits best. Only with `engineer_id`.
    pub starts_at: Option<DateTime<Utc>>,
    /// Break the hard rules that refuse this engineer; which ones is recorded. Two bookings at one time stay impossible.
    #[serde(default, rename = "override")]
    pub override_rules: bool,
}

impl From<AssignRequest> for Wish {
    fn from(request: AssignRequest) -> Self {
        let AssignRequest { engineer_id, starts_at, override_rules } = request;
        Self { engineer: engineer_id.map(UserId), starts_at, override_rules }
    }
}

#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeclineRequest {
    /// What he said, for the desk; up to 500 characters.
    pub reason: Option<String>,
}

/// About whom one wants to know besides the best.
#[derive(Debug, Clone, Copy, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CandidatesQuery {
    /// Somebody who is looked at however far away he is.
    pub engineer_id: Option<Uuid>,
}

/// Who could take a visit.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CandidatesView {
    pub visit_id: Uuid,
    pub ticket_id: Uuid,
    #[serde(flatten)]
    pub considered: ConsideredView,
}

/// Who was considered for a visit.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ConsideredView {
    /// The best, best first.
    pub candidates: Vec<CandidateView>,
    /// How many engineers could take it.
    pub able: u32,
    /// Those who could not, who live nearest first; the first 200.
    pub refused: Vec<RefusedView>,
    /// How many each hard rule refused, all counted.
    pub refused_by_rule: BTreeMap<String, u32>,
    /// Engineers not looked at because they live and work too far away.
    pub passed_over: u32,
    pub travel: TravelView,
}

/// Where the travel times came from.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TravelView {
    /// `direct`: estimated from the distance; `osrm` or `valhalla`: measured by that routing engine.
    pub source: String,
    /// Why they were estimated although there is a routing engine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// Places without a road near them, for which they were estimated all the same.
    pub off_the_map: u32,
    /// The version of the travel profile by which they were estimated, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<i64>,
}

/// An engineer who can take the visit, and how it would go.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CandidateView {
    pub engineer_id: Uuid,
    pub name: Option<String>,
    pub arrives_at: DateTime<Utc>,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    /// The drive to the visit at its hour, in seconds.
    pub drive_s: i64,
    /// How much longer the engineer drives in all, in seconds at his usual speed.
    pub detour_s: i64,
    pub score: ScoreView,
}

/// What it costs to send this engineer, in seconds of driving; lower is better.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct ScoreView {
    /// The additional driving.
    pub travel_s: i64,
    /// The work the engineer has that day already.
    pub load_s: i64,
    /// How much later than possible it starts, and how late by the SLA it and what follows it ends.
    pub urgency_s: i64,
    /// Negative for a preferred engineer.
    pub preference_s: i64,
    /// The skills that would be wasted on it.
    pub skill_s: i64,
    /// The parts that would have to be fetched.
    pub parts_s: i64,
    /// What has been published and would change.
    pub change_s: i64,
    /// The sum of the parts.
    pub total_s: i64,
}

/// An engineer who cannot take the visit.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RefusedView {
    pub engineer_id: Uuid,
    pub name: Option<String>,
    /// The hard rule: `no_home`, `pinned`, `barred`, `territory`, `skill`, `certificate`, `capacity`, `shift`, `time_off`, `window`
    /// or `double_booking`.
    pub rule: String,
    /// The skill that is missing, too low or expired.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skill: Option<String>,
    /// The level it must have, and the one the engineer has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needs: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub has: Option<u8>,
    /// When the certificate ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
    /// To whom the visit is pinned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pinned_to: Option<Uuid>,
}

/// An assignment with the reasons for it, as they were when it was made.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ExplanationView {
    pub assignment_id: Uuid,
    pub visit_id: Uuid,
    pub ticket_id: Uuid,
    pub engineer_id: Uuid,
    pub engineer_name: Option<String>,
    /// `manual`, `suggested`, `automatic`, `plan` or `pool`.
    pub mode: String,
    pub decided_at: DateTime<Utc>,
    /// Null: the server itself.
    pub decided_by: Option<Uuid>,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    /// The plan it was part of.
    pub plan_id: Option<Uuid>,
    /// The assignment that ended with it because the appointment could not stay, and why; null otherwise.
    pub instead_of: Option<Uuid>,
    pub cause: Option<String>,
    /// The hard rules that the dispatcher broke knowingly.
    pub overridden: Vec<String>,
    #[serde(flatten)]
    pub considered: ConsideredView,
    /// The weights it was decided by.
    pub policy: serde_json::Value,
}

/// An explanation as it is kept.
pub struct Explanation {
    pub assignment: GrantId,
    pub visit: VisitId,
    pub ticket: TicketId,
    pub engineer: UserId,
    pub mode: String,
    pub decided_at: DateTime<Utc>,
    pub decided_by: UserId,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    pub run: Option<Uuid>,
    pub instead_of: Option<GrantId>,
    pub cause: Option<String>,
    pub overridden: Vec<String>,
    pub considered: Considered,
    pub policy: serde_json::Value,
}

/// What the server would do and nobody has confirmed.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SuggestionView {
    pub visit_id: Uuid,
    pub ticket_id: Uuid,
    pub made_at: DateTime<Utc>,
    /// Null: nobody can.
    pub engineer_id: Option<Uuid>,
    pub engineer_name: Option<String>,
    pub starts_at: Option<DateTime<Utc>>,
    pub ends_at: Option<DateTime<Utc>>,
    /// Where nobody can: the rule that stopped those who came furthest.
    pub reason: Option<String>,
    /// The appointment that cannot stay; null for a visit that nobody has.
    pub instead_of: Option<PresentView>,
    /// Why it cannot stay: the hard rule that it breaks (`time_off`, `shift`, `skill`, …; `double_booking`: what comes before
    /// takes longer), `gone` if the engineer has left, `late` if it would miss its SLA, `makes_room` if another needed the time.
    pub cause: Option<String>,
}

/// An appointment as it is.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PresentView {
    pub assignment_id: Uuid,
    pub engineer_id: Uuid,
    pub engineer_name: Option<String>,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
}

impl CandidatesView {
    pub fn new((visit, ticket): (VisitId, TicketId), considered: Considered, names: &Names) -> Self {
        Self { visit_id: visit.0, ticket_id: ticket.0, considered: ConsideredView::new(considered, names) }
    }
}

impl ExplanationView {
    pub fn new(kept: Explanation, names: &Names) -> Self {
        Self {
            assignment_id: kept.assignment.0,
            visit_id: kept.visit.0,
            ticket_id: kept.ticket.0,
            engineer_id: kept.engineer.0,
            engineer_name: names.get(&kept.engineer.0).cloned(),
            mode: kept.mode,
            decided_at: kept.decided_at,
            decided_by: (kept.decided_by != SERVER).then_some(kept.decided_by.0),
            starts_at: kept.starts_at,
            ends_at: kept.ends_at,
            plan_id: kept.run,
            instead_of: kept.instead_of.map(|grant| grant.0),
            cause: kept.cause,
            overridden: kept.overridden,
            considered: ConsideredView::new(kept.considered, names),
            policy: kept.policy,
        }
    }
}

impl ConsideredView {
    fn new(considered: Considered, names: &Names) -> Self {
        let Considered { candidates, able, refused, refused_by_rule, passed_over, travel } = considered;
        Self {
            candidates: candidates.into_iter().map(|candidate| CandidateView::new(candidate, names)).collect(),
            able,
            refused: refused.into_iter().map(|refused| RefusedView::new(refused, names)).collect(),
            refused_by_rule,
            passed_over,
            travel: travel.into(),
        }
    }
}

impl From<TravelUsed> for TravelView {
    fn from(TravelUsed { source, because, off_the_map, profile }: TravelUsed) -> Self {
        Self { source, because, off_the_map, profile }
    }
}

impl CandidateView {
    pub fn new(candidate: Candidate, names: &Names) -> Self {
        let Candidate { engineer_id, arrives_at, starts_at, ends_at, drive_s, detour_s, score } = candidate;
        let name = names.get(&engineer_id).cloned();
        let crate::planning::Score { travel_s, load_s, urgency_s, preference_s, skill_s, parts_s, change_s, total_s } =
            score;
        let score = ScoreView { travel_s, load_s, urgency_s, preference_s, skill_s, parts_s, change_s, total_s };
        Self { engineer_id, name, arrives_at, starts_at, ends_at, drive_s, detour_s, score }
    }
}

impl RefusedView {
    fn new(refused: Refused, names: &Names) -> Self {
        let Refused { engineer_id, reason } = refused;
        let (name, rule) = (names.get(&engineer_id).cloned(), reason.rule().to_owned());
        let (skill, needs, has, expires_at, pinned_to) = match reason {
            Reason::Skill { skill, needs, has } => (Some(skill), Some(needs), has, None, None),
            Reason::Certificate { skill, expires_at } => (Some(skill), None, None, expires_at, None),
            Reason::Pinned { to } => (None, None, None, None, Some(to)),
            _ => (None, None, None, None, None),
        };
        Self { engineer_id, name, rule, skill, needs, has, expires_at, pinned_to }
    }
}
