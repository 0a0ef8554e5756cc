//! Makes the projections of a ticket again from its changes: what they say must not depend on how they came to be.

use std::collections::{BTreeMap, BTreeSet};

use sync_core::document::{RawChange, TicketDoc};
use sync_core::ids::{DeviceId, FactId, Sha256Hash, TicketId, UserId};
use sync_core::time::ServerTime;

use super::projections::{self, Admitted, Touched};
use super::{Ledger, LedgerError};
use crate::tenancy::TenantTx;

/// Who wrote a change.
type Writer = (Option<UserId>, Option<DeviceId>);

impl Ledger {
    /// Drops what the tables say of a ticket and writes it anew from the stored changes. The outcomes are read from the
    /// documents, never judged again; bookings are not derived and stay.
    pub async fn rebuild(&self, tx: &mut TenantTx, ticket: TicketId) -> Result<(), LedgerError> {
        let mut open = self.open(tx, ticket).await?.ok_or(LedgerError::NotFound)?;
        let (doc, writers, last) = replay(tx, ticket).await?;
        open.doc = doc;
        delete(tx, ticket).await?;
        let state = open.doc.state(self.workflow());
        let mut admitted: Vec<Admitted> = open
            .doc
            .facts()
            .filter_map(|fact| {
                let admission = open.doc.admissions().get(&fact.id)?.clone();
                let (user, device) = writers.get(&fact.id).copied().unwrap_or_default();
                Some(Admitted { fact: fact.clone(), admission, user, device })
            })
            .collect();
        admitted.sort_unstable_by_key(|one| one.admission.n);
        projections::project(tx, &open, &state, &admitted, Touched::Plan, last).await
    }
}

/// The document from its changes, who wrote each fact, and when the last change came.
async fn replay(
    tx: &mut TenantTx,
    ticket: TicketId,
) -> Result<(TicketDoc, BTreeMap<FactId, Writer>, ServerTime), LedgerError> {
    let rows = sqlx::query!(
        "select hash, bytes, user_id, device_id, received_at
        from ticket_change
        where ticket_id = $1
        order by version",
        ticket.0,
    )
    .fetch_all(tx.as_mut())
    .await?;
    let last = rows.last().map_or(0, |row| row.received_at.timestamp_millis());
    let mut rows = rows.into_iter().map(|row| {
        let writer = (row.user_id.map(UserId), row.device_id.map(DeviceId));
        Ok::<_, LedgerError>((RawChange { hash: Sha256Hash::from_slice(&row.hash)?, bytes: row.bytes }, writer))
    });
    let (first, _) = rows.next().ok_or(LedgerError::NotFound)??;
    let mut doc = TicketDoc::from_changes([first])?;
    let mut writers = BTreeMap::new();
    for row in rows {
        let (change, writer) = row?;
        let before: BTreeSet<FactId> = doc.facts().map(|fact| fact.id).collect();
        doc.apply_admitted([change])?;
        writers.extend(doc.facts().map(|fact| fact.id).filter(|id| !before.contains(id)).map(|id| (id, writer)));
    }
    Ok((doc, writers, ServerTime(last)))
}

async fn delete(tx: &mut TenantTx, ticket: TicketId) -> Result<(), LedgerError> {
    sqlx::query!(
        "with gone_facts as (delete from fact where ticket_id = $1),
            gone_evidence as (delete from evidence where ticket_id = $1),
            gone_parts as (delete from part_use where ticket_id = $1),
            gone_assignments as (delete from assignment where ticket_id = $1),
            gone_visits as (delete from visit where ticket_id = $1),
            gone_skills as (delete from ticket_skill where ticket_id = $1)
        delete from ticket where ticket_id = $1",
        ticket.0,
    )
    .execute(tx.as_mut())
    .await?;
    Ok(())
}
