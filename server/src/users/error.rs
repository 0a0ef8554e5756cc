//! What can go wrong with users.

use axum::http::StatusCode;

use crate::ledger::LedgerError;
use crate::platform::etag;
use crate::platform::problem::Problem;
use crate::tenancy::password::PasswordError;

#[derive(Debug, thiserror::Error)]
pub enum UserError {
    #[error("there is no such user")]
    NotFound,
    #[error("the address is taken")]
    EmailTaken,
    #[error("the last administrator must stay one")]
    LastAdmin,
    #[error("the user has changed meanwhile")]
    Stale,
    #[error("the current password is wrong")]
    WrongPassword,
    #[error("{field}: {reason}")]
    Invalid { field: &'static str, reason: &'static str },
    #[error("password")]
    Password(#[from] PasswordError),
    #[error("the planners could not be told")]
    Event(#[from] LedgerError),
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

impl From<UserError> for Problem {
    fn from(error: UserError) -> Self {
        match error {
            UserError::NotFound => Self::not_found(),
            UserError::EmailTaken => {
                Self::new(StatusCode::CONFLICT, "email-taken", "A user with this address exists already")
            }
            UserError::LastAdmin => {
                Self::new(StatusCode::CONFLICT, "last-admin", "A tenant needs at least one enabled administrator")
            }
            UserError::Stale => etag::stale(),
            UserError::WrongPassword => {
                Self::new(StatusCode::FORBIDDEN, "wrong-password", "The current password is not right")
            }
            UserError::Invalid { field, reason } => Self::invalid(field, reason),
            UserError::Password(error) => error.into(),
            UserError::Event(error) => error.into(),
            UserError::Database(error) => error.into(),
        }
    }
}
