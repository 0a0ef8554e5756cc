//! What to send next: what is unsent in signed batches, and where we stand.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use crate::ids::{Nonce, Sha256Hash, TicketId};
use crate::replica::knowledge;
use crate::replica::rows::Record;
use crate::replica::rows::other::Vouched;
use crate::replica::rows::ticket::Ticket;
use crate::replica::rows::work::{Pending, Retained};
use crate::replica::state::{InFlight, MAX_FAILURES, Offered, SAMPLE_BYTES, Sent, State};
use crate::replica::status::Trouble;
use crate::replica::{Identity, Replica};
use crate::store::{Space, Store, StoreError, StoreTx};
use crate::time::{DeviceTime, ServerTime};
use crate::wire::envelope::{self, Effort};
use crate::wire::{
    Batch, BatchHeader, Budget, DeviceCertificate, DeviceSigner, HeldDocument, Outstanding, Returned, ScopeDigest,
    SignError, Standing, SyncRequest, Unreadable,
};

/// Why no request could be made.
pub type PollError = StoreError;

/// Changes and bytes of changes in one batch.
const BATCH_CHANGES: usize = 128;
const BATCH_BYTES: usize = 256 * 1024;
/// Bytes of batches in one request; at least one batch goes along.
pub(super) const REQUEST_BYTES: usize = 512 * 1024;
/// What a phone takes in one reply.
const BUDGET: Budget = Budget { bytes: 4 << 20, documents: 500 };
/// What it takes while the device is full: acknowledgements, which make room, and little else.
const SCARCE: Budget = Budget { bytes: 16 << 10, documents: 1 };
/// Awaited blobs asked about in one request.
const MAX_BLOBS: usize = 64;
/// How often the scope is compared, on the server's clock.
const SCOPE_EVERY_MS: i64 = 24 * 60 * 60 * 1000;
/// A server that gave no answer, because it had news, is asked again after so long.
const SCOPE_PATIENCE_MS: i64 = 10 * 60 * 1000;
/// Of documents that do not open, a request brings so much to see why.
const SAMPLES_BYTES: usize = 4 * SAMPLE_BYTES;

impl<S: Store> Replica<S> {
    /// The next request, as the bytes to post; `None` while one is under way.
    ///
    /// Each request must be answered by [`handle_reply`](Self::handle_reply) or
    /// [`handle_failure`](Self::handle_failure) before there is another. A batch that was not acknowledged is in the
    /// next request again, byte for byte.
    pub fn poll_request(&mut self, now: DeviceTime) -> Result<Option<Vec<u8>>, PollError> {
        if self.state.session.in_flight.is_some() {
            return Ok(None);
        }
        let mut state = self.state.clone();
        if let Err(why) = seal_batches(&mut state, &*self.signer, now) {
            // Pulling goes on without the key; what is unsent waits, and the user is told.
            state.session.trouble = Some(Trouble::KeyUnavailable(why.0));
        }
        let tx = self.store.begin()?;
        let (mut request, mut in_flight) = (state.request(now), InFlight::default());
        request.awaiting_blobs = state.next_blobs();
        request.app_version.clone_from(&self.app_version);
        match tx.space() {
            // Articles, unlike tickets, can wait until there is room for them.
            Space::Enough => request.references = vec![knowledge::held(&tx)?, state.pool_held()],
            Space::Low | Space::None => request.budget = SCARCE,
        }
        state.offer_again(&tx, &mut request, &mut in_flight)?;
        state.offer_batches(&mut request, &mut in_flight);
        state.offer_couriered(&mut request, &mut in_flight);
        state.ask_about_scope(&mut request, &mut in_flight);
        state.report_failures(&tx, &mut request, &mut in_flight)?;
        drop(tx);
        let bytes = envelope::pack(&request.encode(), Effort::Quick);
        in_flight.request = Sha256Hash::of(&bytes);
        state.note_wishes_sent();
        state.session.in_flight = Some(Arc::new(in_flight));
        self.state = state;
        Ok(Some(bytes))
    }
}

impl State {
    fn request(&self, now: DeviceTime) -> SyncRequest {
        let mut request = SyncRequest::new(self.device.identity.device, now);
        request.cursor = self.device.cursor.clone();
        request.server_epoch = self.device.server_epoch;
        request.outstanding = self.outstanding(now);
        request.budget = BUDGET;
        request.wants_certificate = self.wants_certificate(now);
        let is_open = |wish: &&Arc<super::Wish>| wish.answer.is_none();
        request.intents = self.wishes.values().filter(is_open).map(|wish| wish.intent.clone()).collect();
        request
    }

    /// Of what the server has said of this device, less than half is left, by either of the clocks that are known.
    fn wants_certificate(&self, now: DeviceTime) -> bool {
        let device = &self.device;
        let last_reply = device.last_reply.map(|(server, _)| server);
        let now = last_reply.into_iter().chain([device.skew.correct(now)]).max();
        let held = DeviceCertificate::open(&device.certificate, &device.server_keys);
        device.standing == Standing::Active && held.map_or(true, |held| now.is_none_or(|now| held.is_worn(now)))
    }

    /// So many files, and next time those that come after them: one that never arrives keeps nobody waiting.
    fn next_blobs(&mut self) -> Vec<Sha256Hash> {
        let last = self.session.last_blob_asked.unwrap_or(Sha256Hash([0xff; 32]));
        let later = self.blobs.range((Bound::Excluded(last), Bound::Unbounded));
        let asked: Vec<Sha256Hash> =
            later.chain(self.blobs.range(..=last)).map(|(sha256, _)| *sha256).take(MAX_BLOBS).collect();
        self.session.last_blob_asked = asked.last().copied();
        asked
    }

    pub(super) fn outstanding(&self, now: DeviceTime) -> Outstanding {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let oldest = self.outbox.values().map(|pending| pending.made_at).min();
        Outstanding {
            unsent: count(self.outbox.len()),
            oldest_age_ms: oldest.map_or(0, |made_at| now.0.saturating_sub(made_at.0).max(0)),
            drafts: count(self.drafts.len()),
            blobs: count(self.blobs.len()),
        }
    }

    /// The oldest batches first, as many as fit. What an earlier server had acknowledged goes before them.
    fn offer_batches(&self, request: &mut SyncRequest, in_flight: &mut InFlight) {
        if self.device.is_reoffering && !in_flight.reoffer_complete {
            return;
        }
        let mut bytes = 0;
        for sent in self.session.batches.values() {
            bytes += sent.bytes.len();
            if bytes > REQUEST_BYTES && !request.batches.is_empty() {
                break;
            }
            request.batches.push(sent.bytes.clone());
            in_flight.batches.push(Offered::Own);
        }
    }

    /// To a server of a new epoch: what an earlier one had acknowledged or vouched for.
    fn offer_again(
        &self,
        tx: &impl StoreTx,
        request: &mut SyncRequest,
        in_flight: &mut InFlight,
    ) -> Result<(), StoreError> {
        if !self.device.is_reoffering {
            return Ok(());
        }
        let mut bytes = 0;
        for vouched in Vouched::all(tx)?.into_iter().filter(|vouched| Some(vouched.epoch) != self.device.server_epoch) {
            bytes += vouched.bytes.len();
            if bytes > REQUEST_BYTES {
                return Ok(());
            }
            let Vouched { ticket, document_key, .. } = vouched;
            let (bytes, voucher) = (vouched.bytes.clone(), vouched.voucher.clone());
            request.returned.push(Returned { ticket, bytes, document_key, voucher });
            in_flight.vouched.push(vouched);
        }
        // In the order in which they were taken: what a later opening made stands on what an earlier one had.
        let mut again = Retained::all(tx)?;
        again.sort_by_key(|row| (row.received, row.session, row.dev_seq));
        for retained in again.into_iter().filter(|row| Some(row.epoch) != self.device.server_epoch) {
            bytes += retained.batch.len();
            if bytes > REQUEST_BYTES && !request.batches.is_empty() {
                return Ok(());
            }
            request.batches.push(retained.batch.clone());
            request.offered_again += 1;
            in_flight.batches.push(Offered::Again(Arc::new(retained)));
        }
        in_flight.reoffer_complete = true;
        Ok(())
    }

    fn held(&self) -> Vec<HeldDocument> {
        let ours = self.tickets.values().filter(|ticket| ticket.leaving.is_none());
        ours.map(|ticket| HeldDocument::new(ticket.id, &ticket.heads)).collect()
    }

    fn ask_about_scope(&self, request: &mut SyncRequest, in_flight: &mut InFlight) {
        let device = &self.device;
        if device.scope_differs {
            request.held = self.held();
            in_flight.sent_held = true;
            return;
        }
        let Some((last_reply, _)) = device.last_reply else { return };
        let is_long_ago = |at: ServerTime| last_reply.0.saturating_sub(at.0) > SCOPE_EVERY_MS;
        let is_due = device.scope_agreed_at.is_none_or(is_long_ago)
            && self.session.scope_asked_at.is_none_or(|at| last_reply.0.saturating_sub(at.0) > SCOPE_PATIENCE_MS);
        if is_due && self.outbox.is_empty() && !self.session.has_more && !device.is_resetting {
            request.scope = Some(ScopeDigest::over(self.held()));
            in_flight.asked_scope = true;
        }
    }

    fn report_failures(
        &self,
        tx: &impl StoreTx,
        request: &mut SyncRequest,
        in_flight: &mut InFlight,
    ) -> Result<(), StoreError> {
        let is_news = |ticket: &&Arc<Ticket>| ticket.failures > ticket.reported && ticket.leaving.is_none();
        let mut bytes = 0;
        for ticket in self.tickets.values().filter(is_news) {
            let mut sample = Vec::new();
            if ticket.failures == MAX_FAILURES {
                sample.clone_from(&ticket.came);
                if sample.is_empty() {
                    // It came whole, and what is stored does not open.
                    let stored = tx.sift(crate::store::Table::Admitted, ticket.id.as_bytes())?.rows;
                    sample = stored.into_iter().next().map(|(_, bytes)| bytes).unwrap_or_default();
                    sample.truncate(SAMPLE_BYTES);
                }
            }
            bytes += sample.len();
            if bytes > SAMPLES_BYTES {
                // The others are told of with the next request.
                break;
            }
            let (failures, detail) = (ticket.failures, ticket.last_failure.clone());
            request.unreadable.push(Unreadable { ticket: ticket.id, failures, detail, sample });
            in_flight.reported.push((ticket.id, failures));
        }
        Ok(())
    }
}

impl Default for InFlight {
    fn default() -> Self {
        Self {
            request: Sha256Hash([0; 32]),
            batches: Vec::new(),
            couriered: Vec::new(),
            vouched: Vec::new(),
            asked_scope: false,
            sent_held: false,
            reported: Vec::new(),
            reoffer_complete: false,
        }
    }
}

/// Changes of one ticket by one actor, in order.
struct Group {
    ticket: TicketId,
    actor_nonce: Nonce,
    bytes: usize,
    pending: Vec<Arc<Pending>>,
}

/// Puts what is unsent and in no batch yet into signed batches.
pub(super) fn seal_batches(state: &mut State, signer: &dyn DeviceSigner, now: DeviceTime) -> Result<(), SignError> {
    let sent = state.session.batches.values();
    let sealed: BTreeSet<Sha256Hash> = sent.flat_map(|sent| sent.changes.iter().copied()).collect();
    let loose = state.outbox.values().filter(|pending| !sealed.contains(&pending.change.hash));
    for group in group(loose.cloned()) {
        let session = &state.session;
        let header =
            header(&group, &state.device.identity, session.nonce, session.next_dev_seq, session.last_batch, now);
        let changes = group.pending.iter().map(|pending| pending.change.bytes.clone()).collect();
        let batch = Batch::sign(&header, changes, signer)?;
        let changes = header.change_hashes;
        let sent = Sent { bytes: batch.encode(), hash: batch.hash(), ticket: header.ticket, changes };
        let session = &mut state.session;
        session.batches.insert(session.next_dev_seq, Arc::new(sent));
        session.next_dev_seq += 1;
        session.last_batch = Some(batch.hash());
    }
    Ok(())
}

/// One group a ticket and actor; a ticket's groups stay in the order of making.
fn group(loose: impl Iterator<Item = Arc<Pending>>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut latest: BTreeMap<TicketId, usize> = BTreeMap::new();
    for pending in loose {
        let size = pending.change.bytes.len();
        let fits = |group: &&mut Group| {
            group.actor_nonce == pending.actor_nonce
                && group.pending.len() < BATCH_CHANGES
                && group.bytes + size <= BATCH_BYTES
        };
        match latest.get(&pending.ticket).and_then(|at| groups.get_mut(*at)).filter(fits) {
            Some(group) => {
                group.bytes += size;
                group.pending.push(pending);
            }
            None => {
                latest.insert(pending.ticket, groups.len());
                let (ticket, actor_nonce) = (pending.ticket, pending.actor_nonce);
                groups.push(Group { ticket, actor_nonce, bytes: size, pending: vec![pending] });
            }
        }
    }
    groups
}

fn header(
    group: &Group,
    identity: &Identity,
    session_nonce: Nonce,
    dev_seq: u64,
    prev_batch_hash: Option<Sha256Hash>,
    now: DeviceTime,
) -> BatchHeader {
    BatchHeader {
        tenant: identity.tenant,
        device: identity.device,
        user: identity.user,
        ticket: group.ticket,
        actor_nonce: group.actor_nonce,
        session_nonce,
        dev_seq,
        prev_batch_hash,
        change_hashes: group.pending.iter().map(|pending| pending.change.hash).collect(),
        heads: group.pending.last().map(|pending| pending.heads.clone()).unwrap_or_default(),
        fact_ids: group.pending.iter().map(|pending| pending.fact.id).collect(),
        signed_at: now,
    }
}
