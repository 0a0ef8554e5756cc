//! What the server made of our work: acknowledged, refused, to be made again.

use std::sync::Arc;

use crate::document::RawChange;
use crate::ids::{FactId, Nonce, Sha256Hash, TicketId};
use crate::replica::reply::Page;
use crate::replica::rows::Record;
use crate::replica::rows::work::{Draft, Pending, Retained, Superseded};
use crate::replica::state::Offered;
use crate::store::{StoreError, StoreTx};
use crate::wire::{Ack, Batch, Deferred, NoticeDecision, Reject, RejectOutcome};

impl<T: StoreTx> Page<'_, T> {
    /// A batch was taken: what of it was admitted is the server's now, the rest is unsent again.
    pub(super) fn take_ack(&mut self, ack: &Ack, rejects: &[Reject]) -> Result<(), StoreError> {
        let device = self.work.state.device.identity.device;
        if ack.device.is_some_and(|other| other != device) {
            return Ok(());
        }
        let session = &mut self.work.state.session;
        if ack.session_nonce == session.nonce {
            // An answer that came twice is known already.
            let sent = session.batches.remove(&ack.dev_seq);
            return sent.map_or(Ok(()), |sent| self.take_own_ack(ack, sent.bytes.clone(), rejects));
        }
        match self.offered(ack.session_nonce, ack.dev_seq) {
            Some(retained) => {
                self.admit_from(&retained.batch, ack.admitted)?;
                self.revive_from(&retained, ack.admitted, rejects)
            }
            None => Ok(()),
        }
    }

    fn take_own_ack(&mut self, ack: &Ack, bytes: Vec<u8>, rejects: &[Reject]) -> Result<(), StoreError> {
        let Some((ticket, changes)) = contents(&bytes) else { return Ok(()) };
        // What is set aside with the server is as much its own as what it admitted. The rest comes in another batch.
        let is_with_server =
            ack.admitted > 0 || changes.first().is_some_and(|(change, _)| is_set_aside(rejects, change.hash).is_some());
        for (at, (_, fact)) in changes.iter().enumerate() {
            let ours = self.work.state.pending_of(ticket).find(|pending| pending.fact.id == *fact);
            let Some(order) = ours.map(|pending| pending.order) else { continue };
            if at < ack.admitted as usize {
                self.work.take_pending(order)?;
                self.arrived.acknowledged += 1;
            } else {
                // Refused, which its reject will say, or an orphan of a refused one.
                self.make_again_from(ticket, order);
                break;
            }
        }
        self.admit_from(&bytes, ack.admitted)?;
        match self.work.state.device.server_epoch.filter(|_| is_with_server) {
            Some(epoch) => {
                let (session, dev_seq, batch) = (ack.session_nonce, ack.dev_seq, bytes);
                Retained { session, dev_seq, batch, admitted: ack.admitted, received: ack.received, epoch }
                    .write(&mut self.work.tx)
            }
            None => Ok(()),
        }
    }

    /// The first so many changes of a batch, exactly as they were sent, are in the server's document.
    fn admit_from(&mut self, batch: &[u8], admitted: u32) -> Result<(), StoreError> {
        let Some((id, changes)) = contents(batch) else { return Ok(()) };
        let changes: Vec<RawChange> = changes.into_iter().take(admitted as usize).map(|(change, _)| change).collect();
        let Some(mut base) = self.base(id)?.filter(|_| !changes.is_empty()) else { return Ok(()) };
        match base.apply_admitted(changes.clone()) {
            Ok(()) => self.store_changes(id, base, &changes),
            // The server has it and we lack what it stands on: the whole is asked for.
            Err(why) => self.work.note_failure(id, why.to_string(), &[]),
        }
    }

    pub(super) fn take_reject(&mut self, reject: Reject) -> Result<(), StoreError> {
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
            (None, _) => Ok(()),
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
        self.make_again_from(pending.ticket, pending.order);
        self.make_draft(pending, code, rule, detail)
    }

    fn make_draft(&mut self, pending: &Pending, code: String, rule: String, detail: String) -> Result<(), StoreError> {
        let (ticket, fact, made_at) = (pending.ticket, pending.fact.clone(), pending.made_at);
        self.refused.entry(ticket).or_default().insert(fact.id, fact.after.clone());
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
    pub(super) fn take_deferred(&mut self, deferred: &Deferred) -> Result<(), StoreError> {
        let session = &mut self.work.state.session;
        if deferred.session_nonce == session.nonce {
            if !session.batches.contains_key(&deferred.expected) {
                session.restart(self.fresh);
            }
            return Ok(());
        }
        match self.offered(deferred.session_nonce, deferred.dev_seq) {
            Some(retained) => self.revive_from(&retained, 0, &[]),
            None => Ok(()),
        }
    }

    /// The batch of this number among those that were offered to a new server.
    fn offered(&self, session: Nonce, dev_seq: u64) -> Option<Arc<Retained>> {
        self.in_flight.batches.iter().find_map(|offered| match offered {
            Offered::Again(retained) if (retained.session, retained.dev_seq) == (session, dev_seq) => {
                Some(retained.clone())
            }
            _ => None,
        })
    }

    /// What an earlier server had admitted of a batch and the present one has not is unsent again; what is refused now
    /// is its author's draft, though it once was admitted.
    pub(super) fn revive_from(
        &mut self,
        retained: &Retained,
        admitted: u32,
        rejects: &[Reject],
    ) -> Result<(), StoreError> {
        let Some((ticket, changes)) = contents(&retained.batch) else { return retained.erase(&mut self.work.tx) };
        let is_with_server =
            admitted > 0 || changes.first().is_some_and(|(first, _)| is_set_aside(rejects, first.hash).is_some());
        let were_admitted = changes.into_iter().take(retained.admitted as usize);
        for (change, _) in were_admitted.skip(admitted as usize) {
            let Ok(parsed) = crate::guard::check_chunk(&change.bytes) else { continue };
            let (fact, heads, actor_nonce, made_at) = (parsed.fact().clone(), Vec::new(), self.fresh, self.now);
            let refused = is_set_aside(rejects, change.hash);
            let pending = Pending { order: 0, ticket, fact, change, actor_nonce, made_at, heads, replays: 0 };
            match refused.cloned() {
                Some(Reject { code, rule, detail, .. }) => self.make_draft(&pending, code, rule, detail)?,
                None => self.put_again(pending)?,
            }
        }
        match self.work.state.device.server_epoch.filter(|_| is_with_server) {
            Some(epoch) => Retained { epoch, admitted, ..retained.clone() }.write(&mut self.work.tx),
            None => retained.erase(&mut self.work.tx),
        }
    }

    /// What an earlier server had from another copy of this store, the present one may lack.
    pub(super) fn revive_superseded(&mut self) -> Result<(), StoreError> {
        let mut all = Superseded::all(&self.work.tx)?;
        all.sort_by_key(|superseded| superseded.pending.order);
        for superseded in all {
            superseded.erase(&mut self.work.tx)?;
            self.put_again(superseded.pending)?;
        }
        Ok(())
    }

    /// Puts work at the end of the outbox, to be made again; unless it is there already.
    fn put_again(&mut self, pending: Pending) -> Result<(), StoreError> {
        if self.work.state.pending_of(pending.ticket).any(|other| other.fact.id == pending.fact.id) {
            return Ok(());
        }
        let device = &mut self.work.state.device;
        let order = device.next_order;
        device.next_order += 1;
        self.make_again_from(pending.ticket, order);
        self.work.put_pending(Pending { order, ..pending })
    }
}

/// The word that a change is kept by the server for a dispatcher.
fn is_set_aside(rejects: &[Reject], change: Sha256Hash) -> Option<&Reject> {
    rejects.iter().find(|reject| reject.change == change && reject.outcome != RejectOutcome::MakeAgain)
}

/// The ticket of a batch of our own, and its changes with the fact that each adds.
fn contents(batch: &[u8]) -> Option<(TicketId, Vec<(RawChange, FactId)>)> {
    let batch = Batch::decode(batch).ok()?;
    let claims = batch.claims().ok()?;
    let named = claims.change_hashes.iter().zip(&claims.fact_ids).zip(batch.changes());
    let changes = named.map(|((hash, fact), chunk)| (RawChange { hash: *hash, bytes: chunk.clone() }, *fact));
    Some((claims.ticket, changes.collect()))
}
