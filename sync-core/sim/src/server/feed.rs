//! Pull: `server/src/sync/{pull,scope}.rs` and `server/src/ledger/feed.rs`.

use std::collections::BTreeSet;

use sync_core::document::{DocumentKey, RawChange};
use sync_core::ids::*;
use sync_core::wire::*;

use super::{DOCUMENT_KEY, Server};

#[derive(Clone)]
pub struct FeedRow {
    pub ticket: TicketId,
    pub what: FeedEvent,
}

#[derive(Clone)]
pub enum FeedEvent {
    Changed { changes: Vec<RawChange>, heads: Vec<Sha256Hash> },
    Entered(UserId),
    Left(UserId),
}

impl Server {
    /// One page of the feed.
    pub(super) fn serve(&self, request: &SyncRequest, pushed: &BTreeSet<Sha256Hash>, reply: &mut SyncReply) {
        let (user, _) = self.devices[&request.device];
        let nothing = BTreeSet::new();
        let scope = self.scope.get(&user).unwrap_or(&nothing);
        let place = self.place(&request.cursor);
        reply.feed_reset = place.is_none() && request.server_epoch.is_some();
        let from = match place {
            Some(place) => place,
            // From nothing, the whole scope as it is now comes in one page.
            None => {
                reply.items.extend(scope.iter().map(|ticket| self.enter(*ticket)));
                self.feed.len()
            }
        };
        let to = self.feed.len().min(from + self.page_rows);
        for row in &self.feed[from..to] {
            match &row.what {
                FeedEvent::Entered(who) if *who == user && scope.contains(&row.ticket) => {
                    reply.items.push(self.enter(row.ticket));
                }
                FeedEvent::Left(who) if *who == user && !scope.contains(&row.ticket) => {
                    reply.items.push(Item::Leave { ticket: row.ticket, reason: LeaveReason::Reassigned });
                }
                FeedEvent::Changed { changes, heads } if scope.contains(&row.ticket) => {
                    let news = changes.iter().filter(|change| !pushed.contains(&change.hash));
                    let changes = news.map(|change| SyncedChange {
                        bytes: change.bytes.clone(),
                        voucher: self.voucher(row.ticket, &change.bytes),
                    });
                    let (changes, heads) = (changes.collect(), heads.clone());
                    reply.items.push(Item::Delta(Delta { ticket: row.ticket, changes, heads, document_key: None }));
                }
                _ => {}
            }
        }
        for unreadable in request.unreadable.iter().filter(|document| scope.contains(&document.ticket)) {
            reply.items.push(self.enter(unreadable.ticket));
        }
        let held = |ticket: &TicketId| HeldDocument::new(*ticket, &self.tickets[ticket].heads());
        for document in request.held.iter().filter(|document| !scope.contains(&document.ticket)) {
            reply.items.push(Item::Leave { ticket: document.ticket, reason: LeaveReason::Other });
        }
        if !request.held.is_empty() {
            let differing = scope.iter().filter(|ticket| !request.held.contains(&held(ticket)));
            reply.items.extend(differing.map(|ticket| self.enter(*ticket)));
        }
        if let Some(scope_of_phone) = request.scope.filter(|_| reply.items.is_empty()) {
            let is_same = ScopeDigest::over(scope.iter().map(held).collect()) == scope_of_phone;
            reply.scope = Some(if is_same { ScopeAnswer::Same } else { ScopeAnswer::Differs });
        }
        reply.more = to < self.feed.len();
        reply.cursor = Cursor([self.epoch.as_bytes().as_slice(), &(to as u64).to_be_bytes()].concat());
    }

    fn place(&self, cursor: &Cursor) -> Option<usize> {
        let (epoch, place) = cursor.0.split_at_checked(16)?;
        let place = u64::from_be_bytes(place.try_into().ok()?) as usize;
        (epoch == self.epoch.as_bytes() && place <= self.feed.len()).then_some(place)
    }

    fn enter(&self, ticket: TicketId) -> Item {
        let doc = &self.tickets[&ticket];
        let (snapshot, heads) = (doc.to_travel(&DocumentKey(DOCUMENT_KEY)), doc.heads());
        let voucher = self.voucher(ticket, &snapshot);
        Item::Enter(Enter { ticket, snapshot, heads, document_key: DOCUMENT_KEY, voucher })
    }
}
