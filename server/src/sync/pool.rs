//! What the phone's user may take from the pool, for a phone that says which revision of that it has: what has changed
//! since, or everything. The cards are items beside the head of the set, in one page.

use sync_core::ids::{TicketId, UserId};
use sync_core::reference::POOL;
use sync_core::wire::{Item, PoolCard, Reference, SyncRequest};

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
    let reader = sqlx::query!("select revision, complete_from from pool_reader where engineer_id = $1", user.0)
        .fetch_optional(tx.as_mut())
        .await?;
    let (revision, complete_from) = reader.map_or((0, 0), |row| (row.revision, row.complete_from));
    let held = i64::try_from(held.version).unwrap_or(i64::MAX);
    if held == revision && (is_same_server || revision == 0) {
        return Ok(Vec::new());
    }
    // What an earlier server called by a number, a backup never knew, or has been forgotten since, says nothing here.
    let known = if is_same_server && (complete_from..=revision).contains(&held) { held } else { 0 };
    let rows = sqlx::query!(
        r#"select o.ticket_id, o.revision, o.is_gone, c.card as "card?"
        from pool_offer o
        left join pool_card c on c.ticket_id = o.ticket_id
        where o.engineer_id = $1 and o.revision > $2 and ($2 > 0 or not o.is_gone)
        order by o.revision
        limit $3"#,
        user.0,
        known,
        CARDS_PER_PAGE + 1,
    )
    .fetch_all(tx.as_mut())
    .await?;
    let most = usize::try_from(CARDS_PER_PAGE).unwrap_or(usize::MAX);
    let has_more = rows.len() > most;
    let last = rows.get(most - 1).filter(|_| has_more).map_or(revision, |row| row.revision);
    let head = Reference {
        set: POOL.to_owned(),
        version: last.unsigned_abs(),
        rows: Vec::new(),
        replaces_all: known == 0,
        has_more,
    };
    let cards = rows.into_iter().take(most).map(|row| {
        let card = row.card.filter(|_| !row.is_gone);
        Item::PoolCard(PoolCard {
            ticket: TicketId(row.ticket_id),
            gone: card.is_none(),
            card: card.unwrap_or_default(),
        })
    });
    Ok([Item::Reference(head)].into_iter().chain(cards).collect())
}
