//! Taking in an answer: the whole page in one transaction, or nothing of it.

use std::collections::{BTreeMap, BTreeSet};

use crate::document::TicketDoc;
use crate::ids::{FactId, Nonce, TicketId};
use crate::replica::Replica;
use crate::replica::export::Unsettled;
use crate::replica::receipts;
use crate::replica::rows::Record;
use crate::replica::rows::other::{Vouched, Wish, WishAnswer};
use crate::replica::rows::receipt::Kept;
use crate::replica::rows::work::{Retained, Superseded};
use crate::replica::state::{InFlight, MAX_FAILURES, Offered, Work};
use crate::replica::status::Trouble;
use crate::store::{Store, StoreError, StoreTx, Table};
use crate::time::{DeviceTime, ServerTime, Skew};
use crate::wire::signed::{self, ReplyError};
use crate::wire::{BadReceipt, DeviceCertificate, IntentOutcome, ScopeAnswer, Standing, SyncReply, WireError, intent};

/// What a page brought.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Arrived {
    /// Tickets that look different now.
    pub changed: BTreeSet<TicketId>,
    /// Tickets that are not here any more.
    pub left: BTreeSet<TicketId>,
    /// Facts that the server has acknowledged.
    pub acknowledged: usize,
    /// Batches of other devices that need not be carried any more.
    pub delivered: usize,
    /// Facts that became drafts.
    pub refused: Vec<FactId>,
    /// Rows beside the tickets came: sites, customers, articles.
    pub references: bool,
    /// What may be taken from the pool is another thing now.
    pub pool: bool,
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
        let reply = reply.and_then(|reply| {
            let receipts =
                receipts::open(&self.state, &in_flight, &reply).map_err(|BadReceipt| ReplyError::NotSigned)?;
            Ok((reply, receipts))
        });
        let taken = reply.and_then(|(reply, receipts)| {
            self.work(|work| {
                work.state.session.in_flight = None;
                let mut page = Page::new(work, &in_flight, now, fresh);
                page.take_in(reply)?;
                receipts.iter().try_for_each(|receipt| receipt.write(&mut page.work.tx))?;
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
    pub in_flight: &'a InFlight,
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
    pub(super) fn new(work: &'a mut Work<T>, in_flight: &'a InFlight, now: DeviceTime, fresh: Nonce) -> Self {
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
        let is_new_server = self.meet_server(&reply)?;
        let mut trouble = None;
        for refusal in &reply.refused_batches {
            match self.in_flight.batches.get(refusal.position as usize) {
                Some(Offered::Again(retained)) => self.revive_from(retained, 0, &[])?,
                _ => trouble = Some(Trouble::BatchRefused { code: refusal.code.clone() }),
            }
        }
        for deferred in &reply.deferred {
            self.take_deferred(deferred)?;
        }
        // A new server takes nothing before it has been given back what an earlier one had.
        self.take_courier_answers(&reply)?;
        let progressed = is_new_server || !reply.acks.is_empty() || self.in_flight.batches.is_empty();
        for ack in &reply.acks {
            self.take_ack(ack, &reply.rejects)?;
        }
        for reject in reply.rejects {
            self.take_reject(reject)?;
        }
        for answer in reply.answers {
            let answered = answer.id;
            if let Some(wish) = self.work.state.wishes.get(&answered) {
                let (outcome, code, detail, ticket) = (answer.outcome, answer.code, answer.detail, answer.ticket);
                let answer =
                    (outcome != IntentOutcome::UnderWay).then_some(WishAnswer { outcome, code, detail, ticket });
                let intent = wish.intent.clone();
                self.work.put_wish(Wish { intent, answer })?;
                self.forget_if_withdrawn(answered)?;
            }
        }
        self.work.state.session.knowledge_has_more = false;
        self.work.state.session.pool_has_more = false;
        for item in reply.items {
            self.take_item(item)?;
        }
        self.end_reset(reply.more)?;
        self.forget_needless()?;
        self.rebuild_all()?;
        self.let_go()?;
        self.forget_unnamed_references()?;
        self.purge()?;

        let session = &mut self.work.state.session;
        session.has_more = reply.more;
        session.retry_after_ms = reply.retry_after_ms;
        session.failures = if progressed { 0 } else { session.failures.saturating_add(1) };
        session.trouble = trouble;
        let is_reoffering = self.work.state.device.is_reoffering;
        let session = &self.work.state.session;
        let has_more = reply.more || session.knowledge_has_more || session.pool_has_more;
        let has_to_send = !self.work.state.outbox.is_empty() || self.work.state.has_to_deliver();
        self.arrived.has_more = has_more || is_reoffering || has_to_send;
        self.work.put_device()
    }

    /// Says whether it is another one than the last time.
    fn meet_server(&mut self, reply: &SyncReply) -> Result<bool, StoreError> {
        let device = &mut self.work.state.device;
        let is_new_epoch = device.server_epoch.is_some_and(|known| known != reply.server_epoch);
        if is_new_epoch {
            device.is_reoffering = true;
            // Receipts of this session may be lost: what is unsent goes out under new numbers.
            self.work.state.session.restart(self.fresh);
            self.revive_superseded()?;
            self.ask_for_reviews_again()?;
            self.work.ask_for_all_articles()?;
            self.work.ask_for_whole_pool();
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
        // One that is not of this device would be of no use.
        if DeviceCertificate::open(&reply.certificate, &device.server_keys)
            .is_ok_and(|new| (new.tenant, new.device, new.user) == device.identity.names())
        {
            device.certificate.clone_from(&reply.certificate);
        }
        if reply.feed_reset {
            device.generation += 1;
            device.is_resetting = true;
        }
        if self.in_flight.asked_scope {
            self.work.state.session.scope_asked_at = Some(reply.server_time);
        }
        let device = &mut self.work.state.device;
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
            self.work.edit_ticket(*ticket, |ticket| {
                ticket.reported = *failures;
                if *failures == MAX_FAILURES {
                    ticket.came.clear();
                }
            })?;
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
        Ok(is_new_epoch)
    }

    /// What was handed in for a dispatcher to see, an earlier server may have lost.
    fn ask_for_reviews_again(&mut self) -> Result<(), StoreError> {
        let handed_in: Vec<Wish> =
            self.work.state.wishes.values().filter(|wish| is_handed_in(wish)).map(|wish| Wish::clone(wish)).collect();
        for wish in handed_in {
            self.work.put_wish(Wish { answer: None, ..wish })?;
        }
        Ok(())
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
        let state = &self.work.state;
        // The server has what it refused: that went to its quarantine.
        let is_here_alone = Unsettled { drafts: 0, ..state.unsettled() };
        if state.device.standing == Standing::Wipe && is_here_alone.is_nothing() {
            self.wipe()?;
        }
        Ok(())
    }

    /// Everything but who we are.
    fn wipe(&mut self) -> Result<(), StoreError> {
        for table in Table::ALL.iter().filter(|table| **table != Table::Meta) {
            for key in self.work.tx.keys(*table, b"")? {
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
        state.set_aside = 0;
        state.device.pool_version = 0;
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
        for row in self.work.sweep::<Retained>(b"")?.0.iter().filter(|row| is_old(row.received)) {
            row.erase(&mut self.work.tx)?;
        }
        for row in self.work.sweep::<Superseded>(b"")?.0.iter().filter(|row| is_old(row.found)) {
            row.erase(&mut self.work.tx)?;
        }
        for row in self.work.sweep::<Vouched>(b"")?.0.iter().filter(|row| is_old(row.received)) {
            row.erase(&mut self.work.tx)?;
        }
        for row in self.work.sweep::<Kept>(b"")?.0.iter().filter(|row| is_old(row.given)) {
            row.erase(&mut self.work.tx)?;
        }
        let skew = self.work.state.device.skew;
        let settled = self.work.state.wishes.values().filter(|wish| is_handed_in(wish) || is_granted_take(wish));
        let old = settled.filter(|wish| is_old(skew.correct(wish.intent.made_at)));
        for id in old.map(|wish| wish.intent.id).collect::<Vec<_>>() {
            self.work.drop_wish(id)?;
        }
        Ok(())
    }
}

/// A dispatcher can see it, as far as the present server knows.
fn is_handed_in(wish: &Wish) -> bool {
    wish.intent.kind == intent::REVIEW
        && wish.answer.as_ref().is_some_and(|answer| answer.outcome == IntentOutcome::Granted)
}

/// The ticket has long come, if it was to come.
fn is_granted_take(wish: &Wish) -> bool {
    wish.intent.kind == intent::TAKE
        && wish.answer.as_ref().is_some_and(|answer| answer.outcome == IntentOutcome::Granted)
}

/// A page decoded may be this large.
const MAX_REPLY_BYTES: usize = 32 << 20;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// How long acknowledged work is kept in case the server loses it.
const RETAIN_MS: i64 = 30 * DAY_MS;
