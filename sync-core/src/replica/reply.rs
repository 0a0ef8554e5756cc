//! Taking in an answer: the whole page in one transaction, or nothing of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::document::{RawChange, TicketDoc};
use crate::ids::{FactId, Nonce, Sha256Hash, TicketId};
use crate::replica::Replica;
use crate::replica::rows::Record;
use crate::replica::rows::other::{Vouched, Wish, WishAnswer};
use crate::replica::rows::work::{Draft, Pending, Retained, Superseded};
use crate::replica::state::{InFlight, Offered, Work};
use crate::replica::status::Trouble;
use crate::store::{Store, StoreError, StoreTx, Table};
use crate::time::{DeviceTime, ServerTime, Skew};
use crate::wire::signed::{self, ReplyError};
use crate::wire::{
    Ack, Batch, BatchHeader, Deferred, IntentOutcome, NoticeDecision, Reject, RejectOutcome, ScopeAnswer, Standing,
    SyncReply, WireError,
};

/// What a page brought.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Arrived {
    /// Tickets that look different now.
    pub changed: BTreeSet<TicketId>,
    /// Tickets that are not here any more.
    pub left: BTreeSet<TicketId>,
    /// Facts that the server has acknowledged.
    pub acknowledged: usize,
    /// Facts that became drafts.
    pub refused: Vec<FactId>,
    /// There is more to fetch or to send: poll again at once.
    pub has_more: bool,
}

/// Why an answer was not taken in. The next request asks again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplyFault {
    #[error("nothing was asked")]
    NotAsked,
    /// Not our server's answer to our request: treated like no network.
    #[error(transparent)]
    NotTheAnswer(#[from] ReplyError),
    /// Signed by our server, yet not a reply.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The device could not store it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl<S: Store> Replica<S> {
    /// Takes in the answer to the request that is under way.
    ///
    /// `fresh` is 128 fresh random bits, used if a change was refused and its actor must not go on.
    pub fn handle_reply(&mut self, body: &[u8], now: DeviceTime, fresh: Nonce) -> Result<Arrived, ReplyFault> {
        let in_flight = self.state.session.in_flight.clone().ok_or(ReplyFault::NotAsked)?;
        let keys = &self.state.device.server_keys;
        let opened = signed::open(body, in_flight.request, keys, MAX_REPLY_BYTES).map_err(ReplyFault::from);
        let reply = opened.and_then(|body| Ok(SyncReply::decode(&body)?));
        let taken = reply.and_then(|reply| {
            self.work(|work| {
                work.state.session.in_flight = None;
                let mut page = Page::new(work, &in_flight, now, fresh);
                page.take_in(reply)?;
                Ok::<_, StoreError>(page.arrived)
            })
            .map_err(ReplyFault::from)
        });
        match &taken {
            Ok(_) | Err(ReplyFault::NotAsked) => {}
            Err(ReplyFault::Store(why)) => self.fail(Trouble::Store(why.clone()), 0),
            Err(ReplyFault::NotTheAnswer(_) | ReplyFault::Wire(_)) => self.fail(Trouble::NotOurServer, 0),
        }
        taken
    }
}

/// A page being taken in.
pub(super) struct Page<'a, T> {
    pub work: &'a mut Work<T>,
    in_flight: &'a InFlight,
    pub now: DeviceTime,
    pub server_time: ServerTime,
    pub fresh: Nonce,
    /// Documents with what this page brought to them; the unsent work is yet to be put on top.
    pub bases: BTreeMap<TicketId, TicketDoc>,
    /// Refused facts of each ticket, with what they came after.
    pub refused: BTreeMap<TicketId, BTreeMap<FactId, Vec<FactId>>>,
    /// From this place in the outbox on, the work on a ticket must be made again.
    pub again_from: BTreeMap<TicketId, u64>,
    pub arrived: Arrived,
}

impl<'a, T: StoreTx> Page<'a, T> {
    fn new(work: &'a mut Work<T>, in_flight: &'a InFlight, now: DeviceTime, fresh: Nonce) -> Self {
        Self {
            work,
            in_flight,
            now,
            server_time: ServerTime(0),
            fresh,
            bases: BTreeMap::new(),
            refused: BTreeMap::new(),
            again_from: BTreeMap::new(),
            arrived: Arrived::default(),
        }
    }

    /// The order matters: what we know of the server, what it made of our work, what it brings, and only then our
    /// work on top of that.
    fn take_in(&mut self, reply: SyncReply) -> Result<(), StoreError> {
        self.server_time = reply.server_time;
        self.meet_server(&reply)?;
        let mut trouble = None;
        for refusal in &reply.refused_batches {
            match self.in_flight.batches.get(refusal.position as usize) {
                Some(Offered::Again { bytes }) => self.revive_all(bytes)?,
                _ => trouble = Some(Trouble::BatchRefused { code: refusal.code.clone() }),
            }
        }
        for deferred in &reply.deferred {
            self.take_deferred(deferred)?;
        }
        let progressed = !reply.acks.is_empty() || self.in_flight.batches.is_empty();
        for ack in &reply.acks {
            self.take_ack(ack)?;
        }
        for reject in reply.rejects {
            self.take_reject(reject)?;
        }
        for answer in reply.answers {
            if let Some(wish) = self.work.state.wishes.get(&answer.id) {
                let (outcome, code, detail, ticket) = (answer.outcome, answer.code, answer.detail, answer.ticket);
                let answer =
                    (outcome != IntentOutcome::UnderWay).then_some(WishAnswer { outcome, code, detail, ticket });
                let intent = wish.intent.clone();
                self.work.put_wish(Wish { intent, answer })?;
            }
        }
        for item in reply.items {
            self.take_item(item)?;
        }
        self.end_reset(reply.more)?;
        self.rebuild_all()?;
        self.let_go()?;
        self.purge()?;

        let session = &mut self.work.state.session;
        session.has_more = reply.more;
        session.retry_after_ms = reply.retry_after_ms;
        session.failures = if progressed { 0 } else { session.failures.saturating_add(1) };
        session.trouble = trouble;
        self.arrived.has_more = reply.more || !self.work.state.outbox.is_empty();
        self.work.put_device()
    }

    fn meet_server(&mut self, reply: &SyncReply) -> Result<(), StoreError> {
        let device = &mut self.work.state.device;
        let is_new_epoch = device.server_epoch.is_some_and(|known| known != reply.server_epoch);
        if is_new_epoch {
            device.is_reoffering = true;
            // Receipts of this session may be lost: what is unsent goes out under new numbers.
            self.work.state.session.restart(self.fresh);
            self.revive_superseded()?;
        }
        let device = &mut self.work.state.device;
        device.server_epoch = Some(reply.server_epoch);
        device.cursor = reply.cursor.clone();
        device.skew = Skew::between(self.now, reply.server_time);
        device.last_reply = Some((reply.server_time, self.now));
        device.standing = reply.standing;
        device.upgrade.clone_from(&reply.upgrade_required);
        if !reply.server_keys.is_empty() {
            device.server_keys.clone_from(&reply.server_keys);
        }
        if reply.feed_reset {
            device.generation += 1;
            device.is_resetting = true;
        }
        match reply.scope {
            Some(ScopeAnswer::Same) => device.scope_agreed_at = Some(reply.server_time),
            Some(ScopeAnswer::Differs) => device.scope_differs = true,
            None if self.in_flight.sent_held => {
                device.scope_differs = false;
                device.scope_agreed_at = Some(reply.server_time);
            }
            None => {}
        }
        for (ticket, failures) in &self.in_flight.reported {
            self.work.edit_ticket(*ticket, |ticket| ticket.reported = *failures)?;
        }
        // An offer counts only if the server it was made to is still the same.
        if !is_new_epoch {
            for vouched in &self.in_flight.vouched {
                Vouched { epoch: reply.server_epoch, ..vouched.clone() }.write(&mut self.work.tx)?;
            }
            if self.in_flight.reoffer_complete {
                self.work.state.device.is_reoffering = false;
            }
        }
        Ok(())
    }

    fn take_ack(&mut self, ack: &Ack) -> Result<(), StoreError> {
        let device = self.work.state.device.identity.device;
        if ack.device.is_some_and(|other| other != device) {
            return Ok(());
        }
        let Some(epoch) = self.work.state.device.server_epoch else { return Ok(()) };
        let session = &mut self.work.state.session;
        let own = if ack.session_nonce == session.nonce { session.batches.remove(&ack.dev_seq) } else { None };
        let bytes = own.map(|sent| sent.bytes.clone()).or_else(|| self.offered(ack.session_nonce, ack.dev_seq));
        // An answer that came twice, or to a session of long ago.
        let Some((bytes, batch, claims)) = bytes.and_then(read_batch) else { return Ok(()) };
        // What counts is what was sent: the same fact may have been made again since, for nothing.
        let mut changes = Vec::new();
        let named = claims.change_hashes.iter().zip(&claims.fact_ids).zip(batch.changes());
        for ((hash, fact), chunk) in named.take(ack.admitted as usize) {
            let ours = self.work.state.pending_of(claims.ticket).find(|pending| pending.fact.id == *fact);
            if let Some(order) = ours.map(|pending| pending.order) {
                self.work.take_pending(order)?;
                self.arrived.acknowledged += 1;
            }
            changes.push(RawChange { hash: *hash, bytes: chunk.clone() });
        }
        if ack.admitted > 0 {
            let (session, dev_seq) = (ack.session_nonce, ack.dev_seq);
            Retained { session, dev_seq, batch: bytes, admitted: ack.admitted, received: ack.received, epoch }
                .write(&mut self.work.tx)?;
        }
        self.admit(claims.ticket, changes)
    }

    /// A batch among those that were offered to a new server.
    fn offered(&self, session: Nonce, dev_seq: u64) -> Option<Vec<u8>> {
        let offered = self.in_flight.batches.iter().find(|offered| {
            let Offered::Again { bytes } = offered else { return false };
            let claims = read_batch(bytes.clone()).map(|(_, _, claims)| claims);
            claims.is_some_and(|claims| (claims.session_nonce, claims.dev_seq) == (session, dev_seq))
        });
        match offered {
            Some(Offered::Again { bytes }) => Some(bytes.clone()),
            _ => None,
        }
    }

    /// What was ours alone is the server's now.
    pub(super) fn admit(&mut self, id: TicketId, changes: Vec<RawChange>) -> Result<(), StoreError> {
        if changes.is_empty() {
            return Ok(());
        }
        let Some(mut base) = self.base(id)? else { return Ok(()) };
        match base.apply_admitted(changes.clone()) {
            Ok(()) => self.store_changes(id, base, &changes),
            // The server has it and we lack what it stands on: the whole is asked for.
            Err(why) => self.work.note_failure(id, why.to_string()),
        }
    }

    fn take_reject(&mut self, reject: Reject) -> Result<(), StoreError> {
        let ours = |pending: &&Arc<Pending>| pending.change.hash == reject.change;
        match (self.work.state.outbox.values().find(ours).cloned(), &reject.outcome) {
            (Some(pending), RejectOutcome::Quarantined { .. }) => {
                self.work.take_pending(pending.order)?;
                self.refuse(&pending, reject.code, reject.rule, reject.detail)
            }
            (Some(pending), RejectOutcome::MakeAgain) => {
                self.make_again_from(pending.ticket, pending.order);
                Ok(())
            }
            (None, RejectOutcome::MakeAgain) => match self.offered_again(reject.change) {
                Some(bytes) => self.revive(reject.ticket, bytes),
                None => Ok(()),
            },
            (None, RejectOutcome::Quarantined { .. }) => Ok(()),
        }
    }

    /// Makes a draft of refused work that is out of the outbox already. What came after it must be made again.
    pub(super) fn refuse(
        &mut self,
        pending: &Pending,
        code: String,
        rule: String,
        detail: String,
    ) -> Result<(), StoreError> {
        let (ticket, fact, made_at) = (pending.ticket, pending.fact.clone(), pending.made_at);
        self.refused.entry(ticket).or_default().insert(fact.id, fact.after.clone());
        self.make_again_from(ticket, pending.order);
        self.arrived.refused.push(fact.id);
        let (refused_at, decision, note) = (self.now, NoticeDecision::Waiting, String::new());
        self.work.put_draft(Draft { ticket, fact, code, rule, detail, made_at, refused_at, decision, note })
    }

    fn make_again_from(&mut self, ticket: TicketId, order: u64) {
        self.renew_actor(ticket);
        let from = self.again_from.entry(ticket).or_insert(order);
        *from = (*from).min(order);
    }

    /// A batch out of turn. One of this session is sent again with those before it; if the server waits for one that
    /// it has acknowledged, it has lost count, and we begin to count anew.
    fn take_deferred(&mut self, deferred: &Deferred) -> Result<(), StoreError> {
        let session = &mut self.work.state.session;
        if deferred.session_nonce == session.nonce {
            if !session.batches.contains_key(&deferred.expected) {
                session.restart(self.fresh);
            }
            return Ok(());
        }
        let offered = self.offered(deferred.session_nonce, deferred.dev_seq);
        offered.map_or(Ok(()), |bytes| self.revive_all(&bytes))
    }

    fn revive_all(&mut self, batch: &[u8]) -> Result<(), StoreError> {
        let Some((_, batch, claims)) = read_batch(batch.to_vec()) else { return Ok(()) };
        let key = Retained::key_of(claims.session_nonce, claims.dev_seq);
        if let Some(epoch) = self.work.state.device.server_epoch
            && let Some(row) = self.work.tx.get(Table::Retained, &key)?
        {
            Retained { epoch, ..Retained::read(&key, &row)? }.write(&mut self.work.tx)?;
        }
        batch.changes().iter().try_for_each(|bytes| self.revive(claims.ticket, bytes.clone()))
    }

    /// Work that an earlier server had acknowledged and the present one cannot place: it is unsent again.
    fn revive(&mut self, ticket: TicketId, bytes: Vec<u8>) -> Result<(), StoreError> {
        let Ok(parsed) = crate::guard::check_chunk(&bytes) else { return Ok(()) };
        let change = RawChange { hash: parsed.hash(), bytes };
        let (fact, heads, actor_nonce, made_at) = (parsed.fact().clone(), Vec::new(), self.fresh, self.now);
        self.put_again(Pending { order: 0, ticket, fact, change, actor_nonce, made_at, heads, replays: 0 })
    }

    /// What an earlier server had from another copy of this store, the present one may lack.
    fn revive_superseded(&mut self) -> Result<(), StoreError> {
        for superseded in Superseded::all(&self.work.tx)? {
            superseded.erase(&mut self.work.tx)?;
            self.put_again(superseded.pending)?;
        }
        Ok(())
    }

    /// Puts work at the end of the outbox, to be made again.
    fn put_again(&mut self, pending: Pending) -> Result<(), StoreError> {
        let device = &mut self.work.state.device;
        let order = device.next_order;
        device.next_order += 1;
        self.make_again_from(pending.ticket, order);
        self.work.put_pending(Pending { order, ..pending })
    }

    /// The change with this hash among those that were offered to a new server.
    fn offered_again(&self, change: Sha256Hash) -> Option<Vec<u8>> {
        self.in_flight.batches.iter().find_map(|offered| {
            let Offered::Again { bytes } = offered else { return None };
            let (_, batch, claims) = read_batch(bytes.clone())?;
            let at = claims.change_hashes.iter().position(|hash| *hash == change)?;
            batch.changes().get(at).cloned()
        })
    }

    /// After a reset: what the feed did not name again is not ours any more.
    fn end_reset(&mut self, has_more: bool) -> Result<(), StoreError> {
        let device = &mut self.work.state.device;
        if has_more || !device.is_resetting {
            return Ok(());
        }
        device.is_resetting = false;
        let generation = device.generation;
        let gone: Vec<TicketId> = {
            let old = self.work.state.tickets.values().filter(|ticket| ticket.generation < generation);
            old.map(|ticket| ticket.id).collect()
        };
        for id in gone {
            self.work.edit_ticket(id, |ticket| {
                ticket.leaving.get_or_insert(crate::wire::LeaveReason::Other);
            })?;
        }
        Ok(())
    }

    fn let_go(&mut self) -> Result<(), StoreError> {
        let leaving = self.work.state.tickets.values().filter(|ticket| ticket.leaving.is_some());
        let leaving: Vec<TicketId> = leaving.map(|ticket| ticket.id).collect();
        for id in leaving {
            if self.work.forget_if_done(id)? {
                self.arrived.left.insert(id);
            }
        }
        if self.work.state.device.standing == Standing::Wipe && self.work.state.outbox.is_empty() {
            self.wipe()?;
        }
        Ok(())
    }

    /// Everything but who we are. Drafts went to the server's quarantine when they were refused.
    fn wipe(&mut self) -> Result<(), StoreError> {
        for table in Table::ALL.iter().filter(|table| **table != Table::Meta) {
            for (key, _) in self.work.tx.scan(*table, b"")? {
                self.work.tx.delete(*table, &key)?;
            }
        }
        let state = &mut self.work.state;
        self.arrived.left.extend(state.tickets.keys());
        state.tickets.clear();
        state.summaries.clear();
        state.drafts.clear();
        state.wishes.clear();
        state.blobs.clear();
        state.docs.clear();
        Ok(())
    }

    /// Once a day: what was kept for a server that might lose it, and is old enough.
    fn purge(&mut self) -> Result<(), StoreError> {
        let now = self.server_time;
        let device = &mut self.work.state.device;
        if device.is_reoffering || device.purged_at.is_some_and(|at| now.0.saturating_sub(at.0) < DAY_MS) {
            return Ok(());
        }
        device.purged_at = Some(now);
        let is_old = |received: ServerTime| now.0.saturating_sub(received.0) > RETAIN_MS;
        for row in Retained::all(&self.work.tx)?.iter().filter(|row| is_old(row.received)) {
            row.erase(&mut self.work.tx)?;
        }
        for row in Superseded::all(&self.work.tx)?.iter().filter(|row| is_old(row.found)) {
            row.erase(&mut self.work.tx)?;
        }
        for row in Vouched::all(&self.work.tx)?.iter().filter(|row| is_old(row.received)) {
            row.erase(&mut self.work.tx)?;
        }
        Ok(())
    }
}

/// A batch of our own, with what it says.
fn read_batch(bytes: Vec<u8>) -> Option<(Vec<u8>, Batch, BatchHeader)> {
    let batch = Batch::decode(&bytes).ok()?;
    let claims = batch.claims().ok()?;
    Some((bytes, batch, claims))
}

/// A page decoded may be this large.
const MAX_REPLY_BYTES: usize = 32 << 20;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// How long acknowledged work is kept in case the server loses it.
const RETAIN_MS: i64 = 30 * DAY_MS;
