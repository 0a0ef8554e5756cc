//! Whether the changes of a ticket are still those that the roots of their days cover.

use std::collections::BTreeMap;

use chrono::{DateTime, Days, NaiveDate};
use sync_core::ids::{ServerEpoch, Sha256Hash, TenantId, TicketId};
use sync_core::merkle;
use sync_core::time::ServerTime;
use sync_core::wire::ServerKey;

use super::bundle::{InclusionEntry, Manifest, RootEntry};
use super::verify::Check;
use crate::ledger::root::{DayLeaf, DayRoot};
use crate::platform::hex;

/// What came in late is of the next day; no transaction is open for longer.
const LATEST: Days = Days::new(1);

/// The checks, and what is to be told that is no fault. Evidence that was made before there was any root has none.
pub fn check(manifest: &Manifest, key: ServerKey) -> (Vec<Check>, Vec<String>) {
    if manifest.roots.is_empty() {
        return (Vec::new(), vec!["no root covers these changes yet: the first day is not over".to_owned()]);
    }
    let read: Vec<Option<(DayRoot, Vec<u8>)>> = manifest.roots.iter().map(|entry| root(manifest, entry)).collect();
    let roots: Vec<&(DayRoot, Vec<u8>)> = read.iter().flatten().collect();
    let (covering, notes) = covering(manifest, &roots);
    (vec![signed(manifest, &read, key), covering], notes)
}

fn root(manifest: &Manifest, entry: &RootEntry) -> Option<(DayRoot, Vec<u8>)> {
    let root = DayRoot {
        tenant: TenantId(manifest.tenant_id),
        day: entry.day,
        leaves: entry.leaves,
        changes: entry.changes,
        root: Sha256Hash(hex::decode_exactly(&entry.root)?),
        previous: Sha256Hash(hex::decode_exactly(&entry.previous)?),
        server_epoch: ServerEpoch(entry.server_epoch),
        closed_at: ServerTime(entry.closed_at),
    };
    Some((root, hex::decode(&entry.signature)?))
}

/// Each root is signed, and names the one of the day before.
fn signed(manifest: &Manifest, read: &[Option<(DayRoot, Vec<u8>)>], key: ServerKey) -> Check {
    let mut faults = Vec::new();
    let mut before: Option<&DayRoot> = None;
    for (entry, read) in manifest.roots.iter().zip(read) {
        let day = entry.day;
        let Some((root, signature)) = read else {
            faults.push(format!("the root of {day} does not read"));
            continue;
        };
        if !root.is_signed(signature, &key) {
            faults.push(format!("the root of {day} is not signed by the server"));
        }
        if before.is_some_and(|before| (before.day + Days::new(1), before.hash()) != (day, root.previous)) {
            faults.push(format!("the root of {day} does not name the one of the day before"));
        }
        before = Some(root);
    }
    Check { what: "the server signed a root for each day, and each names the one before", count: read.len(), faults }
}

/// The changes that days cover are those that stand here, all of them, and nothing is older than the roots and not covered.
fn covering(manifest: &Manifest, roots: &[&(DayRoot, Vec<u8>)]) -> (Check, Vec<String>) {
    let by_day: BTreeMap<NaiveDate, &DayRoot> = roots.iter().map(|(root, _)| (root.day, root)).collect();
    let (mut covered, mut faults) = (0, Vec::new());
    for inclusion in &manifest.inclusions {
        let InclusionEntry { day, from_version, to_version, .. } = inclusion;
        if *from_version != covered + 1 || to_version < from_version {
            faults
                .push(format!("the day {day} begins with change {from_version}, and {covered} are covered before it"));
        }
        covered = covered.max(*to_version);
        let Some(link) = link_of(manifest, *to_version) else {
            faults.push(format!("the root of {day} covers change {to_version}, which is not here"));
            continue;
        };
        if !is_under(manifest, inclusion, link, by_day.get(day).copied()) {
            faults.push(format!("changes {from_version} to {to_version} are not those that the root of {day} covers"));
        }
    }
    let last = roots.last().map(|(root, _)| root.day);
    let mut open = 0;
    for (change, version) in manifest.changes.iter().zip(1_u64..).filter(|(_, version)| *version > covered) {
        let received = DateTime::from_timestamp_millis(change.received_at).unwrap_or_default().date_naive();
        match last.filter(|last| received + LATEST <= *last) {
            Some(last) => {
                faults.push(format!("change {version}, of {received}, is under no root up to that of {last}"))
            }
            None => open += 1,
        }
    }
    let note = format!("{open} changes are of a day whose root is not out yet");
    let what = "the roots of their days cover these very changes";
    let count = usize::try_from(covered).unwrap_or(usize::MAX);
    (Check { what, count, faults }, if open > 0 { vec![note] } else { Vec::new() })
}

fn link_of(manifest: &Manifest, version: u64) -> Option<Sha256Hash> {
    let at = usize::try_from(version).ok()?.checked_sub(1)?;
    hex::decode_exactly(&manifest.changes.get(at)?.chain_hash).map(Sha256Hash)
}

fn is_under(manifest: &Manifest, inclusion: &InclusionEntry, link: Sha256Hash, root: Option<&DayRoot>) -> bool {
    let InclusionEntry { from_version, to_version, at, path, .. } = inclusion;
    let ticket = TicketId(manifest.ticket_id);
    let leaf = DayLeaf { ticket, from_version: *from_version, to_version: *to_version, link };
    let path: Option<Vec<Sha256Hash>> = path.iter().map(|hash| hex::decode_exactly(hash).map(Sha256Hash)).collect();
    path.zip(root).is_some_and(|(path, root)| merkle::climb(leaf.hash(), *at, root.leaves, &path) == Some(root.root))
}
