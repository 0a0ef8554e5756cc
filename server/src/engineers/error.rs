//! What can go wrong with an engineer, their calendar or a skill.

use axum::http::StatusCode;

use crate::directory::violated;
use crate::ledger::LedgerError;
use crate::platform::etag::stale;
use crate::platform::problem::Problem;

#[derive(Debug, thiserror::Error)]
pub enum EngineerError {
    #[error("there is no such engineer, skill, shift or time off")]
    NotFound,
    #[error("it has been changed meanwhile")]
    Stale { present: i64 },
    #[error("there is no such user")]
    NoSuchUser,
    #[error("the user has another role")]
    OtherRole,
    #[error("the user is an engineer already")]
    AlreadyEngineer,
    #[error("there is no such skill")]
    NoSuchSkill,
    #[error("there is a skill of this code")]
    SkillExists,
    #[error("the shift overlaps another of the same engineer")]
    ShiftsOverlap,
    #[error("the planners could not be told")]
    Event(#[from] LedgerError),
    #[error("the database failed")]
    Database(#[source] sqlx::Error),
}

impl From<sqlx::Error> for EngineerError {
    fn from(error: sqlx::Error) -> Self {
        match violated(&error) {
            Some("engineer_pkey") => Self::AlreadyEngineer,
            Some("engineer_user_fkey") => Self::NoSuchUser,
            Some("engineer_skill_skill_fkey") => Self::NoSuchSkill,
            Some("skill_pkey") => Self::SkillExists,
            Some("shift_no_overlap") => Self::ShiftsOverlap,
            Some("shift_engineer_fkey" | "time_off_engineer_fkey") => Self::NotFound,
            _ => Self::Database(error),
        }
    }
}

impl From<EngineerError> for Problem {
    fn from(error: EngineerError) -> Self {
        match error {
            EngineerError::NotFound => Self::not_found(),
            EngineerError::Stale { present } => stale().with("version", present),
            EngineerError::NoSuchUser => Self::invalid("user_id", "there is no such user"),
            EngineerError::OtherRole => Self::invalid("user_id", "the user's role must be engineer"),
            EngineerError::AlreadyEngineer => {
                Self::new(StatusCode::CONFLICT, "already-engineer", "This user is an engineer already")
            }
            EngineerError::NoSuchSkill => Self::invalid("skills", "there is no such skill in the catalogue"),
            EngineerError::SkillExists => Self::new(StatusCode::CONFLICT, "code-taken", "This code is taken"),
            EngineerError::ShiftsOverlap => {
                Self::new(StatusCode::CONFLICT, "shifts-overlap", "A shift overlaps another of the same engineer")
            }
            EngineerError::Event(error) => error.into(),
            EngineerError::Database(error) => error.into(),
        }
    }
}
