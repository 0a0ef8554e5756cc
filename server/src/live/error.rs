//! What goes wrong here.

use axum::http::StatusCode;

use crate::ledger::LedgerError;
use crate::platform::problem::Problem;

/// Why positions were not taken in, or a stream not opened.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    #[error("the session is not bound to a device of this engineer")]
    NotEnrolled,
    #[error("a batch holds at most {most} fixes")]
    TooManyFixes { most: usize },
    #[error("the phone's clock shows no time this server can keep")]
    AbsurdClock,
    #[error("this user already has {most} streams open")]
    TooManyStreams { most: usize },
    #[error("this process has no room for another stream, or is stopping")]
    Full,
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<LiveError> for Problem {
    fn from(error: LiveError) -> Self {
        match error {
            LiveError::NotEnrolled => {
                Self::new(StatusCode::FORBIDDEN, "device-not-enrolled", "Enrol this device first")
            }
            LiveError::TooManyFixes { .. } => Self::invalid("fixes", error.to_string()),
            LiveError::AbsurdClock => Self::invalid("sent_at", error.to_string()),
            LiveError::TooManyStreams { .. } => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, "too-many-streams", "Close another live stream first")
                    .detail(error.to_string())
                    .retry_after(5)
            }
            LiveError::Full => Self::unavailable(5).caused_by(error),
            LiveError::Database(error) => error.into(),
            LiveError::Ledger(error) => error.into(),
        }
    }
}
