//! What can go wrong with a customer.

use axum::http::StatusCode;

use crate::directory::violated;
use crate::platform::etag::stale;
use crate::platform::problem::Problem;

#[derive(Debug, thiserror::Error)]
pub enum CustomerError {
    #[error("there is no such customer")]
    NotFound,
    #[error("the customer has been changed meanwhile")]
    Stale { present: i64 },
    #[error("another customer has this external reference")]
    ReferenceTaken,
    #[error("the database failed")]
    Database(#[source] sqlx::Error),
}

impl From<sqlx::Error> for CustomerError {
    fn from(error: sqlx::Error) -> Self {
        match violated(&error) {
            Some("customer_external_ref_key") => Self::ReferenceTaken,
            _ => Self::Database(error),
        }
    }
}

impl From<CustomerError> for Problem {
    fn from(error: CustomerError) -> Self {
        match error {
            CustomerError::NotFound => Self::not_found(),
            CustomerError::Stale { present } => stale().with("version", present),
            CustomerError::ReferenceTaken => {
                Self::new(StatusCode::CONFLICT, "reference-taken", "Something else has this external reference")
            }
            CustomerError::Database(error) => error.into(),
        }
    }
}
