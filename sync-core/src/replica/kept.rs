//! What of the user's own work is on this device, acknowledged or not.

use crate::document::Fact;
use crate::ids::{FactId, TicketId};
use crate::replica::Replica;
use crate::replica::rows::Record;
use crate::replica::rows::work::{Retained, Superseded};
use crate::store::{Store, StoreError};
use crate::wire::Batch;

impl<S: Store> Replica<S> {
    /// Facts that the server has not acknowledged, in the order of their making.
    pub fn unsent(&self) -> impl Iterator<Item = (TicketId, &Fact)> {
        self.state.outbox.values().map(|pending| (pending.ticket, &pending.fact))
    }

    /// Facts that the server has, kept for 30 days in case it loses them.
    pub fn kept_for_the_server(&mut self) -> Result<Vec<FactId>, StoreError> {
        let tx = self.store.begin()?;
        let retained = Retained::all(&tx)?;
        let claims = retained.iter().filter_map(|row| Batch::decode(&row.batch).ok()?.claims().ok());
        let superseded = Superseded::all(&tx)?;
        let superseded = superseded.iter().map(|row| row.pending.fact.id);
        Ok(claims.flat_map(|claims| claims.fact_ids).chain(superseded).collect())
    }

    /// The store that this replica works on.
    pub fn store(&self) -> &S {
        &self.store
    }
}
