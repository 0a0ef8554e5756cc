//! Whether a device holds what it should: compared on request, and repaired ticket by ticket.

use std::collections::{BTreeMap, BTreeSet};

use sync_core::ids::TicketId;
use sync_core::wire::{HeldDocument, Item, LeaveReason, ScopeAnswer, ScopeDigest, SyncRequest, Unreadable};

use super::pull::{self, Page, Room};
use super::scope_store;
use crate::ledger::{Ledger, LedgerError};
use crate::tenancy::TenantTx;

/// Adds to a page what the device asked about its scope.
pub async fn repair(
    tx: &mut TenantTx,
    ledger: &Ledger,
    channels: &[String],
    request: &SyncRequest,
    page: &mut Page,
) -> Result<Option<ScopeAnswer>, LedgerError> {
    if request.unreadable.is_empty() && request.held.is_empty() && request.scope.is_none() {
        return Ok(None);
    }
    let scope = scope_store::in_scope(tx, channels).await?;
    let mut room = Room::within(request.budget);
    let mut sent: BTreeSet<TicketId> = page.items.iter().filter_map(pull::ticket_of).collect();
    for ticket in unreadable(&request.unreadable).filter(|ticket| scope.contains_key(ticket)) {
        if !sent.contains(&ticket) {
            page.enter(tx, ledger, ticket, &mut room).await?;
            sent.insert(ticket);
        }
    }
    if request.held.is_empty() {
        // With news on the way the two cannot agree; the device asks again.
        let is_quiet = page.items.is_empty() && !page.more;
        return Ok(request.scope.filter(|_| is_quiet).map(|theirs| agree(&scope, theirs)));
    }
    for gone in request.held.iter().map(|held| held.ticket).filter(|ticket| !scope.contains_key(ticket)) {
        page.items.push(Item::Leave { ticket: gone, reason: LeaveReason::Other });
    }
    let held: BTreeSet<HeldDocument> = request.held.iter().copied().collect();
    for (ticket, here) in scope.iter().filter(|(ticket, here)| !held.contains(here) && !sent.contains(ticket)) {
        debug_assert_eq!(*ticket, here.ticket);
        if room.is_used_up() {
            // It sends what it holds once more, and gets the rest.
            return Ok(Some(ScopeAnswer::Differs));
        }
        page.enter(tx, ledger, *ticket, &mut room).await?;
    }
    Ok(None)
}

fn agree(scope: &BTreeMap<TicketId, HeldDocument>, theirs: ScopeDigest) -> ScopeAnswer {
    match ScopeDigest::over(scope.values().copied().collect()) == theirs {
        true => ScopeAnswer::Same,
        false => ScopeAnswer::Differs,
    }
}

/// What a device could not open, each once. That it happens at all is worth somebody's look.
fn unreadable(said: &[Unreadable]) -> impl Iterator<Item = TicketId> {
    for one in said {
        tracing::warn!(ticket.id = %one.ticket, failures = one.failures, "a device cannot open a ticket");
    }
    said.iter().map(|one| one.ticket).collect::<BTreeSet<_>>().into_iter()
}
