//! Push: `server/src/ledger/{accept,judge,settle}.rs`.

use std::collections::BTreeSet;

use sync_core::document::{Actor, DocumentError, Fact, FactBody, RawChange};
use sync_core::guard::{ParsedChange, check_against, check_chunk};
use sync_core::ids::*;
use sync_core::policy::{self, Origin, Role};
use sync_core::wire::envelope::{self, Effort};
use sync_core::wire::*;
use sync_core::workflow::Workflow;

use super::{FORBIDDEN, Server, TENANT, admission};

/// What was answered to a batch; a repetition is answered the same.
#[derive(Clone)]
pub struct Receipt {
    pub ack: Ack,
    rejects: Vec<Reject>,
}

impl Server {
    /// Answers one request, as the bytes that would go over the network.
    pub fn sync(&mut self, request_bytes: &[u8]) -> Vec<u8> {
        self.try_sync(request_bytes).expect("a request")
    }

    /// The same, where the bytes may be anything; nothing if they are no request.
    pub fn try_sync(&mut self, request_bytes: &[u8]) -> Option<Vec<u8>> {
        let body = envelope::unpack(request_bytes, 8 << 20).ok()?;
        let request = SyncRequest::decode(&body).ok()?;
        if !self.devices.contains_key(&request.device) {
            return None;
        }
        let mut reply = SyncReply::new(self.epoch, Cursor::default(), self.now);
        let standing = self.standing.get(&request.device).copied().unwrap_or_default();
        reply.standing = standing;
        request.returned.iter().for_each(|returned| self.take_back(returned));
        let (mut pushed, mut taken) = (BTreeSet::new(), Vec::new());
        // A phone that takes this server for an earlier one is told first; then it gives back what that one had.
        if request.server_epoch.is_none_or(|epoch| epoch == self.epoch) {
            for (position, batch) in request.batches.iter().enumerate() {
                let is_again = position < request.offered_again as usize;
                let acks = reply.acks.len();
                self.take_batch(request.device, (position, is_again), batch, &mut reply, &mut pushed);
                if let Some(batch) = Batch::decode(batch).ok().filter(|_| reply.acks.len() > acks) {
                    taken.push((batch.claims().unwrap(), batch.hash()));
                }
            }
            for (position, batch) in request.couriered.iter().enumerate() {
                self.take_couriered(request.device, position, batch, &mut reply);
            }
        }
        if standing == Standing::Active && request.wants_certificate {
            reply.certificate = self.certify(request.device);
        }
        for intent in &request.intents {
            let (outcome, code) = match intent.kind.as_str() {
                intent::TAKE => self.decide_take(self.devices[&request.device].0, intent),
                _ => (self.take_intent(intent), ""),
            };
            let (code, detail) = (code.to_owned(), String::new());
            reply.answers.push(IntentAnswer { id: intent.id, outcome, code, detail, ticket: None, payload: vec![] });
        }
        if standing == Standing::Active {
            self.serve(&request, &pushed, &mut reply);
            self.serve_pool(&request, &mut reply);
        } else {
            reply.cursor = request.cursor.clone();
        }
        reply.give_receipts(&taken, &self.signer);
        Some(signed::seal(&reply.encode(), request_bytes, Effort::Quick, &self.signer))
    }

    /// Whether this answer says that there is no more.
    pub fn said_all(&self, request: &Sha256Hash, reply: &[u8]) -> bool {
        let opened = signed::open(reply, *request, &[self.signer.public_key()], 32 << 20).ok();
        opened.and_then(|body| SyncReply::decode(&body).ok()).is_some_and(|reply| !reply.more)
    }

    fn take_intent(&mut self, intent: &Intent) -> IntentOutcome {
        if intent.kind != intent::REVIEW {
            return IntentOutcome::Refused;
        }
        let Ok(fact) = Fact::from_bytes(&intent.payload) else { return IntentOutcome::Refused };
        self.reviews.insert(fact.id, fact);
        IntentOutcome::Granted
    }

    fn take_batch(
        &mut self,
        device: DeviceId,
        (position, is_again): (usize, bool),
        bytes: &[u8],
        reply: &mut SyncReply,
        pushed: &mut BTreeSet<Sha256Hash>,
    ) {
        let (user, key) = self.devices[&device];
        let position = position as u32;
        let mut refuse = |code: &str, detail: String| {
            reply.refused_batches.push(BatchRefusal { position, code: code.to_owned(), detail });
        };
        let batch = match VerifiedBatch::parse(bytes, &key) {
            Ok(batch) => batch,
            Err(why) => return refuse(why.code(), why.to_string()),
        };
        let header = batch.header().clone();
        if (header.tenant, header.device, header.user) != (TENANT, device, user) {
            return refuse("other_device", String::new());
        }
        pushed.extend(header.change_hashes.iter());
        let name = (device, header.session_nonce, header.dev_seq);
        if let Some(receipt) = self.receipts.get(&name) {
            reply.acks.push(receipt.ack.clone());
            reply.rejects.extend(receipt.rejects.clone());
            return;
        }
        let last = self.receipts.keys().filter(|(d, s, _)| (*d, *s) == (device, header.session_nonce));
        let last = last.map(|(_, _, dev_seq)| *dev_seq).max();
        // The beginning of a session may be lost: a kind server lets it begin anywhere. One that is over has gaps.
        let expected = last.map_or(if self.is_terse { 1 } else { header.dev_seq }, |last| last + 1);
        if header.dev_seq > expected && !is_again {
            reply.deferred.push(Deferred { session_nonce: header.session_nonce, dev_seq: header.dev_seq, expected });
            return;
        }
        let receipt = self.accept(&batch);
        // What an earlier server had made upon this work finds its past only now.
        self.settle_returned(header.ticket);
        reply.acks.push(receipt.ack.clone());
        reply.rejects.extend(receipt.rejects.clone());
        self.receipts.insert(name, receipt);
    }

    /// What the parked changes of a ticket were made upon had been admitted, and is not judged a second time.
    fn take_in_admitted_before(&mut self, batch: &VerifiedBatch) {
        let ticket = batch.header().ticket;
        let Some(parked) = self.parked.get_mut(&ticket) else { return };
        let mut named: BTreeSet<Sha256Hash> = parked.iter().flat_map(RawChange::deps).collect();
        let changes: Vec<_> = batch.changes().collect();
        for (hash, _, bytes) in changes.into_iter().rev() {
            let change = RawChange { hash, bytes: bytes.to_vec() };
            if named.contains(&hash) {
                named.extend(change.deps());
                parked.push(change);
            }
        }
        self.settle_returned(ticket);
    }

    /// The first changes that pass are admitted; the first that does not is quarantined, the rest are orphans.
    pub(super) fn accept(&mut self, batch: &VerifiedBatch) -> Receipt {
        let header = batch.header();
        self.take_in_admitted_before(batch);
        let mut admitted = 0;
        let mut rejects = Vec::new();
        let mut is_refused = false;
        for (hash, fact, raw) in batch.changes() {
            if !is_refused && self.tickets.get(&header.ticket).is_some_and(|doc| doc.has_change(&hash)) {
                admitted += 1;
                continue;
            }
            let judged = if is_refused { Err(("orphan", true)) } else { self.judge(header, raw) };
            is_refused |= judged.is_err();
            match judged {
                Ok(()) => admitted += 1,
                Err((code, is_for_want_of_base)) => {
                    let outcome = if is_for_want_of_base {
                        RejectOutcome::MakeAgain
                    } else {
                        self.quarantine.insert(fact, code);
                        RejectOutcome::Quarantined { quarantine: fact.as_bytes().to_vec() }
                    };
                    if self.is_terse && code == "orphan" {
                        continue;
                    }
                    let (code, rule, detail) = (code.to_owned(), String::new(), String::new());
                    rejects.push(Reject { ticket: header.ticket, change: hash, fact, code, rule, detail, outcome });
                }
            }
        }
        let (session_nonce, dev_seq) = (header.session_nonce, header.dev_seq);
        Receipt {
            ack: Ack { device: None, session_nonce, dev_seq, admitted, received: self.now, position: None },
            rejects,
        }
    }

    fn judge(&mut self, header: &BatchHeader, raw: &[u8]) -> Result<(), (&'static str, bool)> {
        let parsed = check_chunk(raw).map_err(|why| (why.code(), false))?;
        self.remember_number(&parsed);
        let actor = Actor::of_device(TENANT, header.device, header.ticket, header.actor_nonce);
        let doc = self.tickets.get_mut(&header.ticket).ok_or(("unknown_ticket", false))?;
        let checked = check_against(doc, parsed, actor).map_err(|why| (why.code(), why.is_for_want_of_base()))?;
        let workflow = Workflow::field_service();
        let grant = policy::standing(doc, checked.fact(), header.user, &workflow, self.now);
        let position = policy::Standing { role: Role::Engineer, origin: Origin::Phone, grant };
        let is_forbidden = matches!(&checked.fact().body, FactBody::Answer { step, .. } if step == FORBIDDEN);
        if is_forbidden || matches!(policy::judge(position, checked.fact().body.kind()), policy::Verdict::Deny(_)) {
            return Err(("denied", false));
        }
        let (fact, hash) = (checked.fact().clone(), checked.hash());
        doc.apply_checked(checked).unwrap();
        let received = self.now;
        let actor = Actor::of_server(header.ticket, self.epoch);
        let admission =
            doc.server_edit::<DocumentError>(actor, |edit| edit.admit(fact.id, &admission(edit.next_n(), received)));
        let phones = RawChange { hash, bytes: raw.to_vec() };
        self.publish(header.ticket, vec![phones, admission.unwrap()]);
        Ok(())
    }

    /// An actor never uses a number twice for two changes.
    fn remember_number(&mut self, parsed: &ParsedChange) {
        let name = (parsed.actor().unwrap().0, parsed.seq());
        let known = *self.numbered.entry(name).or_insert(parsed.hash());
        if known != parsed.hash() {
            self.reused.push(format!("{name:?} numbers {known:?} and {:?}", parsed.hash()));
        }
    }
}
