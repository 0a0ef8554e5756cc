//! What can go wrong with a ticket at the desk.

use crate::ledger::LedgerError;
use crate::platform::problem::Problem;

#[derive(Debug, thiserror::Error)]
pub enum TicketError {
    #[error("there is no such ticket or quarantined change")]
    NotFound,
    /// A field names something that there is not.
    #[error("{0}: there is no such thing")]
    NoSuch(&'static str),
    #[error("the contact belongs to another site")]
    ContactElsewhere,
    #[error("the ledger refused")]
    Ledger(#[from] LedgerError),
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

impl From<TicketError> for Problem {
    fn from(error: TicketError) -> Self {
        match error {
            TicketError::NotFound => Self::not_found(),
            TicketError::NoSuch(field) => Self::invalid(field, "there is no such thing here"),
            TicketError::ContactElsewhere => Self::invalid("contact_id", "the contact belongs to another site"),
            TicketError::Ledger(error) => error.into(),
            TicketError::Database(error) => error.into(),
        }
    }
}
