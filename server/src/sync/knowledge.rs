//! The tenant's articles, for a phone that says which revision of the set it has: what has changed since, a page at a
//! time, after its tickets.

use sync_core::reference::KNOWLEDGE;
use sync_core::wire::{Item, Reference, SyncRequest};

use super::knowledge_store;
use crate::ledger::LedgerError;
use crate::tenancy::TenantTx;

/// Rows of one page.
const ROWS_PER_PAGE: i64 = 500;
/// Bytes of texts in one page: a page is also a transaction on the phone, during which nobody can save anything.
const BYTES_PER_PAGE: usize = 512 << 10;

/// The next page of the set, if the phone keeps it and lacks any of it. At least one article, and no more than `room`
/// bytes beyond that.
pub async fn page(
    tx: &mut TenantTx,
    request: &SyncRequest,
    is_same_server: bool,
    room: usize,
) -> Result<Option<Item>, LedgerError> {
    let Some(held) = request.references.iter().find(|held| held.set == KNOWLEDGE) else { return Ok(None) };
    let revision = knowledge_store::revision(tx).await?;
    let held = i64::try_from(held.version).unwrap_or(i64::MAX);
    if held == revision && (is_same_server || revision == 0) {
        return Ok(None);
    }
    // What an earlier server called by a number, or a backup never knew, says nothing here.
    let known = if is_same_server && held <= revision { held } else { 0 };
    let room = i64::try_from(room.min(BYTES_PER_PAGE)).unwrap_or(i64::MAX);
    let (rows, last) = knowledge_store::changed_since(tx, known, ROWS_PER_PAGE, room).await?;
    // The last page leaves the phone where the set is, whatever became of the articles of that revision.
    let last = last.unwrap_or(revision);
    let has_more = knowledge_store::has_more(tx, last, known > 0).await?;
    let version = if has_more { last } else { revision };
    Ok(Some(Item::Reference(Reference {
        set: KNOWLEDGE.to_owned(),
        version: version.unsigned_abs(),
        rows,
        replaces_all: known == 0,
        has_more,
    })))
}
