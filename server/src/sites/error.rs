//! What can go wrong with a site or a contact.

use axum::http::StatusCode;

use crate::directory::violated;
use crate::ledger::LedgerError;
use crate::platform::etag::stale;
use crate::platform::problem::Problem;

#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    #[error("there is no such site or contact")]
    NotFound,
    #[error("it has been changed meanwhile")]
    Stale { present: i64 },
    #[error("another site has this external reference")]
    ReferenceTaken,
    #[error("there is no such customer")]
    NoSuchCustomer,
    #[error("an event could not be written")]
    Event(#[from] LedgerError),
    #[error("the database failed")]
    Database(#[source] sqlx::Error),
}

impl From<sqlx::Error> for SiteError {
    fn from(error: sqlx::Error) -> Self {
        match violated(&error) {
            Some("site_external_ref_key") => Self::ReferenceTaken,
            Some("site_customer_fkey") => Self::NoSuchCustomer,
            Some("contact_site_fkey") => Self::NotFound,
            _ => Self::Database(error),
        }
    }
}

impl From<SiteError> for Problem {
    fn from(error: SiteError) -> Self {
        match error {
            SiteError::NotFound => Self::not_found(),
            SiteError::Stale { present } => stale().with("version", present),
            SiteError::ReferenceTaken => {
                Self::new(StatusCode::CONFLICT, "reference-taken", "Something else has this external reference")
            }
            SiteError::NoSuchCustomer => Self::invalid("customer_id", "there is no such customer"),
            SiteError::Event(error) => error.into(),
            SiteError::Database(error) => error.into(),
        }
    }
}
