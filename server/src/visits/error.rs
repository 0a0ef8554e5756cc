//! What can go wrong with a visit.

use crate::ledger::LedgerError;
use crate::platform::problem::Problem;

#[derive(Debug, thiserror::Error)]
pub enum VisitError {
    #[error("there is no such visit")]
    NotFound,
    #[error("the ledger refused")]
    Ledger(#[from] LedgerError),
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

impl From<VisitError> for Problem {
    fn from(error: VisitError) -> Self {
        match error {
            VisitError::NotFound => Self::not_found(),
            VisitError::Ledger(error) => error.into(),
            VisitError::Database(error) => error.into(),
        }
    }
}
