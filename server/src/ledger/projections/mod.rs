//! The tables that mirror documents, so that people can search and join them. Written here alone, never the truth.

pub(super) mod body;
pub mod facts;
mod plan;
mod standing;

pub use facts::Admitted;

use super::LedgerError;
use super::documents::OpenTicket;
use crate::tenancy::TenantTx;
use sync_core::document::TicketState;
use sync_core::time::ServerTime;

/// What of a ticket has to be written anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Touched {
    /// Where it stands, and the facts that came.
    Standing,
    /// Also what the desk says it is: core, visits, assignments.
    Plan,
}

/// Brings the tables up to the document, which these facts were just admitted to.
pub async fn project(
    tx: &mut TenantTx,
    open: &OpenTicket,
    state: &TicketState,
    admitted: &[Admitted],
    touched: Touched,
    now: ServerTime,
) -> Result<(), LedgerError> {
    match touched {
        Touched::Standing => standing::update(tx, open, state, now).await?,
        Touched::Plan => plan::upsert(tx, open, state, now).await?,
    }
    if !admitted.is_empty() {
        facts::insert(tx, open, admitted).await?;
    }
    Ok(())
}
