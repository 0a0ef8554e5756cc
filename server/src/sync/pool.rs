//! What the phone's user may take from the pool, for a phone that says which revision of that it has: what has changed
//! since, or everything. The cards are items beside the head of the set, in one page.

use sync_core::ids::UserId;
use sync_core::reference::POOL;
use sync_core::wire::{Item, PoolCard, Reference, SyncRequest};

use super::pool_store;
use crate::ledger::LedgerError;
use crate::tenancy::TenantTx;

/// Cards of one page.
const CARDS_PER_PAGE: i64 = 500;

/// The next page of the user's offers, if the phone lacks any of them.
pub async fn page(
    tx: &mut TenantTx,
    user: UserId,
    request: &SyncRequest,
    is_same_server: bool,
) -> Result<Vec<Item>, LedgerError> {
    let Some(held) = request.references.iter().find(|held| held.set == POOL) else { return Ok(Vec::new()) };
    let (revision, complete_from) = pool_store::revisions(tx, user).await?;
    let held = i64::try_from(held.version).unwrap_or(i64::MAX);
    if held == revision && (is_same_server || revision == 0) {
        return Ok(Vec::new());
    }
    // What an earlier server called by a number, a backup never knew, or has been forgotten since, says nothing here.
    let known = if is_same_server && (complete_from..=revision).contains(&held) { held } else { 0 };
    let offers = pool_store::offers_since(tx, user, known, CARDS_PER_PAGE + 1).await?;
    let most = usize::try_from(CARDS_PER_PAGE).unwrap_or(usize::MAX);
    let has_more = offers.len() > most;
    let last = offers.get(most - 1).filter(|_| has_more).map_or(revision, |offer| offer.revision);
    let head = Reference {
        set: POOL.to_owned(),
        version: last.unsigned_abs(),
        rows: Vec::new(),
        replaces_all: known == 0,
        has_more,
    };
    let cards = offers.into_iter().take(most).map(|offer| {
        let gone = offer.card.is_none();
        Item::PoolCard(PoolCard { ticket: offer.ticket, gone, card: offer.card.unwrap_or_default() })
    });
    Ok([Item::Reference(head)].into_iter().chain(cards).collect())
}
