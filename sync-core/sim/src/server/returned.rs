//! What phones give back to a restored server: `server/src/ledger/{returned,voucher}.rs`.

use std::collections::BTreeSet;

use sync_core::document::{Actor, DocumentError, DocumentKey, RawChange, TicketDoc};
use sync_core::ids::*;
use sync_core::wire::*;

use super::{FeedEvent, FeedRow, Server, admission};

impl Server {
    /// What an earlier server had, as far as it can be shown that it did.
    pub(super) fn take_back(&mut self, returned: &Returned) {
        let Returned { ticket, bytes, document_key, voucher } = returned;
        if *voucher != self.voucher(*ticket, bytes) {
            return;
        }
        let changes = match document_key {
            Some(key) => {
                let doc = TicketDoc::arrived(bytes, *ticket, &DocumentKey(*key)).unwrap();
                let changes = doc.changes_since(&[]);
                if !self.tickets.contains_key(ticket) {
                    self.tickets.insert(*ticket, doc);
                    self.follow_grants(*ticket);
                }
                changes
            }
            None => vec![RawChange { hash: change_hash(bytes).unwrap(), bytes: bytes.clone() }],
        };
        self.parked.entry(*ticket).or_default().extend(changes);
        self.settle_returned(*ticket);
    }

    /// Takes in what was parked, as far as what it stands on is there.
    pub(super) fn settle_returned(&mut self, ticket: TicketId) {
        let Some(doc) = self.tickets.get_mut(&ticket) else { return };
        let mut parked = self.parked.remove(&ticket).unwrap_or_default();
        let mut taken = Vec::new();
        loop {
            let before = parked.len();
            parked.retain(|change| {
                if doc.has_change(&change.hash) {
                    return false;
                }
                let is_in = doc.apply_admitted([change.clone()]).is_ok();
                taken.extend(is_in.then(|| change.clone()));
                !is_in
            });
            if parked.len() == before {
                break;
            }
        }
        if !parked.is_empty() {
            self.parked.insert(ticket, parked);
        }
        if !taken.is_empty() {
            // A fact may have come back without its admission, which stands on something that has not.
            let (actor, received) = (Actor::of_server(ticket, self.epoch), self.now);
            let doc = self.tickets.get_mut(&ticket).expect("the ticket");
            let pending: Vec<FactId> = doc.pending().map(|fact| fact.id).collect();
            if !pending.is_empty() {
                let admitted = doc.server_edit::<DocumentError>(actor, |edit| {
                    pending.iter().try_for_each(|fact| edit.admit(*fact, &admission(edit.next_n(), received)))
                });
                taken.push(admitted.unwrap());
            }
            self.publish(ticket, taken);
            self.follow_grants(ticket);
        }
    }

    /// Who may see a ticket follows from its assignments.
    fn follow_grants(&mut self, ticket: TicketId) {
        let grants = self.tickets[&ticket].grants().values().filter(|grant| grant.ended.is_none());
        let holders: BTreeSet<UserId> = grants.map(|grant| grant.user).collect();
        let known: Vec<UserId> = self.devices.values().map(|(user, _)| *user).collect();
        for user in known {
            let scope = self.scope.entry(user).or_default();
            let what = match (holders.contains(&user), scope.contains(&ticket)) {
                (true, false) => FeedEvent::Entered(user),
                (false, true) => FeedEvent::Left(user),
                _ => continue,
            };
            if matches!(what, FeedEvent::Entered(_)) {
                scope.insert(ticket)
            } else {
                scope.remove(&ticket)
            };
            self.feed.push(FeedRow { ticket, what });
        }
    }

    pub(super) fn voucher(&self, ticket: TicketId, bytes: &[u8]) -> Vec<u8> {
        Sha256Hash::of(&[self.secret.as_slice(), ticket.as_bytes(), bytes].concat()).0[..16].to_vec()
    }
}
