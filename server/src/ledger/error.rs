//! What can go wrong in the ledger, and how it becomes a problem.

use axum::http::StatusCode;
use sync_core::command::Refusal;
use sync_core::document::DocumentError;
use sync_core::ids::{NotAnId, TicketId};

use crate::platform::passing::is_passing;
use crate::platform::problem::Problem;

/// Why a change to a ticket was not made.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error("there is no such ticket")]
    NotFound,
    #[error("the ticket's workflow or the caller's standing does not allow this: {0}")]
    Refused(Refusal),
    #[error("the engineer is already booked at that time")]
    DoubleBooked,
    #[error("the field {0}")]
    BadEdit(String),
    #[error("the session is not that of an enrolled device")]
    NoDevice,
    #[error("the texts of ticket {ticket} have been erased")]
    Erased { ticket: TicketId },
    #[error("the database")]
    Database(#[from] sqlx::Error),
    #[error("a stored document")]
    Document(#[from] DocumentError),
    #[error("a stored id")]
    StoredId(#[from] NotAnId),
    #[error("{0} cannot be read")]
    Corrupt(&'static str),
}

impl LedgerError {
    /// What is stored of this one ticket cannot be read; of others it may.
    pub fn is_of_one_ticket(&self) -> bool {
        matches!(self, Self::Document(_) | Self::StoredId(_) | Self::Corrupt(_) | Self::Erased { .. })
    }

    /// The same request may work soon: nothing is wrong with it.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Database(error @ sqlx::Error::Database(_)) => is_passing(error),
            Self::Database(_) => true,
            _ => false,
        }
    }
}

impl From<LedgerError> for Problem {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::NotFound => Self::not_found(),
            LedgerError::Refused(refusal) => {
                Self::new(StatusCode::CONFLICT, "refused", "The ticket does not allow this now")
                    .detail(refusal.to_string())
            }
            LedgerError::DoubleBooked => {
                Self::new(StatusCode::CONFLICT, "double-booked", "The engineer is already booked at that time")
            }
            LedgerError::BadEdit(field) => Self::invalid("edits", format!("the field {field}")),
            LedgerError::NoDevice => {
                Self::new(StatusCode::FORBIDDEN, "no-device", "This session is not that of an enrolled device")
            }
            LedgerError::Erased { .. } => {
                Self::new(StatusCode::GONE, "erased", "The texts of this ticket have been erased")
            }
            LedgerError::Database(error) => error.into(),
            other => Self::internal(other),
        }
    }
}
