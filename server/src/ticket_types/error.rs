//! What can go wrong with a ticket type.

use axum::http::StatusCode;

use crate::directory::violated;
use crate::ledger::LedgerError;
use crate::platform::etag::stale;
use crate::platform::problem::Problem;

#[derive(Debug, thiserror::Error)]
pub enum TicketTypeError {
    #[error("there is no such ticket type")]
    NotFound,
    #[error("it has been changed meanwhile")]
    Stale { present: i64 },
    #[error("there is a ticket type of this code")]
    Exists,
    #[error("there is no such skill")]
    NoSuchSkill,
    #[error("an event")]
    Event(#[from] LedgerError),
    #[error("the database failed")]
    Database(#[source] sqlx::Error),
}

impl From<sqlx::Error> for TicketTypeError {
    fn from(error: sqlx::Error) -> Self {
        match violated(&error) {
            Some("ticket_type_pkey") => Self::Exists,
            Some("ticket_type_skill_skill_fkey") => Self::NoSuchSkill,
            _ => Self::Database(error),
        }
    }
}

impl From<TicketTypeError> for Problem {
    fn from(error: TicketTypeError) -> Self {
        match error {
            TicketTypeError::NotFound => Self::not_found(),
            TicketTypeError::Stale { present } => stale().with("version", present),
            TicketTypeError::Exists => Self::new(StatusCode::CONFLICT, "code-taken", "This code is taken"),
            TicketTypeError::NoSuchSkill => Self::invalid("skills", "there is no such skill in the catalogue"),
            TicketTypeError::Event(error) => error.into(),
            TicketTypeError::Database(error) => error.into(),
        }
    }
}
