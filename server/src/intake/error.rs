//! What can go wrong with an import or a mapping as a whole. What is wrong with a row stands in the report instead.

use axum::http::StatusCode;

use super::mapping::BadMapping;
use super::sheet::SheetError;
use crate::ledger::LedgerError;
use crate::platform::etag::stale;
use crate::platform::problem::Problem;

#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    #[error("there is no such mapping")]
    NoSuchMapping,
    #[error("the mapping has been changed meanwhile")]
    Stale { present: i64 },
    #[error("the mapping cannot be used")]
    BadMapping(#[from] BadMapping),
    #[error("the mapping names ticket types or skills that there are not")]
    UnknownCodes { ticket_types: Vec<String>, skills: Vec<String> },
    #[error("the file cannot be read")]
    Sheet(#[from] SheetError),
    #[error("the days to move by are too many")]
    TooFar,
    #[error("the ledger refused a row")]
    Ledger(#[from] LedgerError),
}

impl IntakeError {
    /// The same request may work soon; what was entered stays entered.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Ledger(error) if error.is_transient())
    }
}

impl From<sqlx::Error> for IntakeError {
    fn from(error: sqlx::Error) -> Self {
        Self::Ledger(LedgerError::Database(error))
    }
}

impl From<IntakeError> for Problem {
    fn from(error: IntakeError) -> Self {
        match error {
            IntakeError::NoSuchMapping => Self::not_found(),
            IntakeError::Stale { present } => stale().with("version", present),
            IntakeError::BadMapping(bad) => Self::invalid(&bad.field, bad.reason.to_string()),
            IntakeError::UnknownCodes { ticket_types, skills } => {
                let title = "The mapping names ticket types or skills that there are not";
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "unknown-codes", title)
                    .with("ticket_types", ticket_types)
                    .with("skills", skills)
            }
            IntakeError::Sheet(error) => sheet(&error),
            IntakeError::TooFar => Self::invalid("shift_days", "it moves dates out of the years that are kept"),
            IntakeError::Ledger(error) => error.into(),
        }
    }
}

fn sheet(error: &SheetError) -> Problem {
    let unreadable = |slug| {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, slug, "The file cannot be read").detail(error.to_string())
    };
    match error {
        SheetError::Empty => unreadable("empty-file"),
        SheetError::MissingColumns(columns) => unreadable("missing-columns").with("columns", columns.clone()),
        SheetError::DuplicateColumns(columns) => unreadable("duplicate-columns").with("columns", columns.clone()),
        SheetError::TooManyRows { max } => unreadable("too-many-rows").with("max", *max),
    }
}
