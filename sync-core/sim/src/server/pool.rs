//! The open pool: `server/src/planning/pool` and `server/src/sync/pool.rs`. Every engineer may take everything.

use std::collections::BTreeMap;

use sync_core::ids::*;
use sync_core::reference::{Card, POOL};
use sync_core::wire::*;

use super::Server;

/// What is on offer, and what was decided about it.
#[derive(Clone, Default)]
pub struct Pool {
    revision: u64,
    /// Each ticket that ever was on offer: when that last changed, how often it was put there, and whether it is there.
    offers: BTreeMap<TicketId, (u64, u32, bool)>,
    answers: BTreeMap<(UserId, IntentId), (IntentOutcome, &'static str)>,
    /// Each wish that was granted: the ticket, and which time that it was on offer.
    pub granted: BTreeMap<(UserId, IntentId), (TicketId, u32)>,
}

impl Server {
    /// The desk takes the ticket from everybody and puts it into the pool.
    pub fn offer(&mut self, ticket: TicketId) {
        let users: Vec<UserId> = self.scope.keys().copied().collect();
        users.into_iter().for_each(|user| self.hide(ticket, user));
        self.put(ticket, true);
    }

    /// The desk takes it out again.
    pub fn take_out(&mut self, ticket: TicketId) {
        if self.is_on_offer(ticket) {
            self.put(ticket, false);
        }
    }

    pub fn is_on_offer(&self, ticket: TicketId) -> bool {
        self.pool.offers.get(&ticket).is_some_and(|(.., is_there)| *is_there)
    }

    fn put(&mut self, ticket: TicketId, is_there: bool) {
        self.pool.revision += 1;
        let offer = self.pool.offers.entry(ticket).or_default();
        *offer = (self.pool.revision, offer.1 + u32::from(is_there), is_there);
    }

    /// What becomes of a wish; the same one gets the same answer.
    pub(super) fn decide_take(&mut self, user: UserId, intent: &Intent) -> (IntentOutcome, &'static str) {
        if let Some(answer) = self.pool.answers.get(&(user, intent.id)) {
            return *answer;
        }
        let is_withdrawn = intent.payload == br#"{"withdrawn":true}"#;
        let answer = match intent.ticket {
            _ if is_withdrawn => (IntentOutcome::Refused, "withdrawn"),
            Some(ticket) if self.is_on_offer(ticket) => {
                let time = self.pool.offers[&ticket].1;
                self.put(ticket, false);
                self.show(ticket, user);
                self.pool.granted.insert((user, intent.id), (ticket, time));
                (IntentOutcome::Granted, "granted")
            }
            _ => (IntentOutcome::Refused, "taken"),
        };
        self.pool.answers.insert((user, intent.id), answer);
        answer
    }

    /// What has changed since the version that the phone says it has.
    pub(super) fn serve_pool(&self, request: &SyncRequest, reply: &mut SyncReply) {
        let Some(held) = request.references.iter().find(|held| held.set == POOL) else { return };
        let (pool, is_same) = (&self.pool, request.server_epoch.is_none_or(|known| known == self.epoch));
        if held.version == pool.revision && (is_same || pool.revision == 0) {
            return;
        }
        let known = if is_same && held.version <= pool.revision { held.version } else { 0 };
        let is_news = |(revision, _, is_there): &(u64, u32, bool)| *revision > known && (known > 0 || *is_there);
        let mut news: Vec<_> = pool.offers.iter().filter(|(_, offer)| is_news(offer)).collect();
        news.sort_by_key(|(_, (revision, ..))| *revision);
        let has_more = news.len() > self.page_rows;
        news.truncate(self.page_rows);
        let version = news.last().filter(|_| has_more).map_or(pool.revision, |(_, (revision, ..))| *revision);
        let set = POOL.to_owned();
        reply.items.push(Item::Reference(Reference { set, version, rows: vec![], replaces_all: known == 0, has_more }));
        reply.items.extend(news.into_iter().map(|(ticket, (revision, _, is_there))| {
            let card = Card { visit: ticket.to_string(), number: revision.to_string(), ..Card::default() };
            let card = if *is_there { card.to_bytes() } else { Vec::new() };
            Item::PoolCard(PoolCard { ticket: *ticket, gone: !is_there, card })
        }));
    }
}
