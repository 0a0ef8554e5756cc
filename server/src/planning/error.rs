//! Why nobody was given a visit.

use std::sync::Arc;

use axum::http::StatusCode;
use callout_dispatch::BoardError;
use sync_core::ids::{GrantId, UserId};
use uuid::Uuid;

use super::considered::{Considered, Reason};
use super::travel::Question;
use crate::ledger::LedgerError;
use crate::platform::etag::stale;
use crate::platform::problem::Problem;

#[derive(Debug, thiserror::Error)]
pub enum PlanningError {
    #[error("there is no such visit, assignment or plan")]
    NotFound,
    #[error("the site has no position yet")]
    NotLocated,
    #[error("there is no such engineer in service")]
    NoSuchEngineer,
    #[error("somebody has the visit already")]
    AlreadyAssigned { grant: GrantId, engineer: UserId },
    #[error("the assignment has ended")]
    AssignmentEnded,
    #[error("the visit has begun, is over or was called off")]
    NotOpen,
    #[error("nobody can take the visit")]
    NobodyCan(Box<Considered>),
    #[error("a hard rule refuses this engineer: {}", .0.rule())]
    HardRule(Reason),
    #[error("there is nothing left to do there")]
    NothingToDo,
    #[error("the settings have been changed meanwhile")]
    Stale { present: i64 },
    #[error("{field}: {reason}")]
    Invalid { field: &'static str, reason: &'static str },
    #[error("at most {most} plans wait at a time")]
    TooMany { most: i64 },
    #[error("the plan has come to its end, or is being assigned")]
    PlanStands,
    #[error("the plan is not a draft, or not finished")]
    NoDraft,
    #[error("the days to plan are over")]
    TooLate,
    #[error("the plan failed: {failure}")]
    Failed { plan: Uuid, failure: String },
    #[error("the plan was cancelled, or another process has it")]
    Overtaken,
    /// Told to [`super::travel::informed`] alone, which asks for these drives and begins again.
    #[error("there are drives that nobody has asked for")]
    RoadsToAsk(Arc<Question>),
    #[error("the planner did not come to an end")]
    Stopped,
    #[error("the rows make no board")]
    Board(#[from] BoardError),
    #[error("a stored record")]
    Record(#[from] serde_json::Error),
    #[error("{0}")]
    Corrupt(&'static str),
    #[error("the ledger refused")]
    Ledger(#[source] LedgerError),
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

impl PlanningError {
    /// The engineer's time was taken between the ranking and the assignment.
    pub fn is_double_booked(&self) -> bool {
        matches!(self, Self::Ledger(LedgerError::DoubleBooked))
    }

    /// Two transactions waited for each other and this one was undone.
    pub fn is_deadlock(&self) -> bool {
        let Self::Database(sqlx::Error::Database(error)) = self else { return false };
        error.code().is_some_and(|code| code == "40P01" || code == "40001")
    }

    /// The same may go well a little later.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Database(_))
    }

    /// Why there is no plan, as a code.
    pub fn failure(&self) -> &'static str {
        match self {
            Self::TooLate => "days_are_over",
            Self::Board(_) => "contradictory_data",
            _ => "internal",
        }
    }

    /// The visit is not what it was when it was ranked: somebody else has it, or it need not be done any more.
    pub fn is_overtaken(&self) -> bool {
        matches!(self, Self::AlreadyAssigned { .. } | Self::NotFound | Self::AssignmentEnded)
            || matches!(
                self,
                Self::Ledger(LedgerError::Refused(_) | LedgerError::NotFound | LedgerError::Erased { .. })
            )
    }
}

impl From<LedgerError> for PlanningError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Database(error) => Self::Database(error),
            other => Self::Ledger(other),
        }
    }
}

impl From<PlanningError> for Problem {
    fn from(error: PlanningError) -> Self {
        let conflict = |slug, title| Self::new(StatusCode::CONFLICT, slug, title);
        match error {
            PlanningError::NotFound => Self::not_found(),
            PlanningError::NotLocated => conflict("not-located", "The site has no position yet"),
            PlanningError::NoSuchEngineer => Self::invalid("engineer_id", "there is no such engineer in service"),
            PlanningError::AlreadyAssigned { grant, engineer } => {
                conflict("already-assigned", "Somebody has this visit already")
                    .with("assignment_id", grant.to_string())
                    .with("engineer_id", engineer.to_string())
            }
            PlanningError::AssignmentEnded => conflict("assignment-ended", "This assignment has ended"),
            PlanningError::NotOpen => conflict("visit-not-open", "The visit has begun, is over or was called off"),
            PlanningError::NobodyCan(considered) => conflict("nobody-can", "No engineer can take this visit")
                .with("reason", considered.main_refusal())
                .with("refused_by_rule", serde_json::json!(considered.refused_by_rule)),
            PlanningError::HardRule(Reason::DoubleBooking) => double_booked(),
            PlanningError::HardRule(reason) => conflict("hard-rule", "A hard rule refuses this engineer")
                .detail("repeat it with override to break the rule knowingly; it is then recorded")
                .with("rule", reason.rule())
                .with("refusal", serde_json::json!(reason)),
            PlanningError::NothingToDo => conflict("nothing-to-do", "Nothing is left to do there"),
            PlanningError::Stale { present } => stale().with("version", present),
            PlanningError::Invalid { field, reason } => Self::invalid(field, reason),
            PlanningError::TooMany { most } => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, "too-many-plans", "Too many plans are waiting")
                    .detail(format!("at most {most} at a time; wait for one to end, or cancel one"))
                    .retry_after(10)
            }
            PlanningError::PlanStands => conflict("plan-stands", "This plan can be called off no more"),
            PlanningError::NoDraft => conflict("no-draft", "Only a draft that is finished can be accepted"),
            PlanningError::Failed { plan, ref failure } => {
                let problem = Self::new(StatusCode::INTERNAL_SERVER_ERROR, "plan-failed", "The plan failed");
                problem.with("plan_id", plan.to_string()).with("failure", failure.as_str()).caused_by(error)
            }
            PlanningError::Ledger(error) => error.into(),
            PlanningError::Database(error) => error.into(),
            other => Self::internal(other),
        }
    }
}

fn double_booked() -> Problem {
    LedgerError::DoubleBooked.into()
}
