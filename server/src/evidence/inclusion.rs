//! Which roots cover a ticket, and the paths that show it.

use chrono::Days;
use sync_core::ids::{Sha256Hash, TicketId};
use sync_core::merkle;

use super::bundle::{InclusionEntry, RootEntry};
use super::store::{self, ChangeRow, LeafRow, RootRow};
use crate::ledger::LedgerError;
use crate::ledger::root::DayLeaf;
use crate::platform::hex;
use crate::tenancy::TenantTx;

/// More days than a ticket lives.
const MOST_ROOTS: i64 = 10_000;

/// The roots from the day on which the ticket was made, and where its changes stand under them.
pub async fn inclusion(
    tx: &mut TenantTx,
    ticket: TicketId,
    changes: &[ChangeRow],
) -> Result<(Vec<RootEntry>, Vec<InclusionEntry>), LedgerError> {
    let made = changes.first().map(|change| change.received_at.date_naive() - Days::new(1));
    let roots = store::roots_after(tx, made, MOST_ROOTS).await?;
    let leaves = store::leaves_beside(tx, ticket).await?;
    let mut inclusions = Vec::new();
    for day in leaves.chunk_by(|one, next| one.day == next.day) {
        let Some(at) = day.iter().position(|leaf| leaf.ticket_id == ticket.0) else { continue };
        let own = &day[at];
        let hashes: Vec<Sha256Hash> = day.iter().map(hash_of).collect();
        inclusions.push(InclusionEntry {
            day: own.day,
            from_version: own.from_version.unsigned_abs(),
            to_version: own.to_version.unsigned_abs(),
            at: at as u64,
            path: merkle::path(&hashes, at).unwrap_or_default().iter().map(|hash| hex::encode(&hash.0)).collect(),
        });
    }
    inclusions.sort_by_key(|inclusion| inclusion.from_version);
    Ok((roots.into_iter().map(entry).collect(), inclusions))
}

/// What stands in the table is put into the file as it is: whether it is right, the reader finds out.
fn hash_of(leaf: &LeafRow) -> Sha256Hash {
    let link = Sha256Hash::from_slice(&leaf.link).unwrap_or(Sha256Hash([0; 32]));
    let (from_version, to_version) = (leaf.from_version.unsigned_abs(), leaf.to_version.unsigned_abs());
    DayLeaf { ticket: TicketId(leaf.ticket_id), from_version, to_version, link }.hash()
}

fn entry(row: RootRow) -> RootEntry {
    RootEntry {
        day: row.day,
        leaves: row.leaves.unsigned_abs(),
        changes: row.changes.unsigned_abs(),
        root: hex::encode(&row.root),
        previous: hex::encode(&row.previous),
        server_epoch: row.server_epoch,
        closed_at: row.closed_at.timestamp_millis(),
        signature: hex::encode(&row.signature),
    }
}
