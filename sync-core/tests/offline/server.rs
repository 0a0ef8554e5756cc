//! A server in memory: real guard, policy, documents and signatures, a feed per user, receipts, a quarantine.

use std::collections::{BTreeMap, BTreeSet};

use sync_core::command::{self, Author, Refusal, Stamp, TicketView};
use sync_core::document::{
    Actor, Admission, Core, DocumentError, DocumentKey, Effect, Ended, Fact, FactBody, Grant, GrantRole, RawChange,
    Scalar, Sealed, ServerEdit, TicketDoc, Verdict, VisitPlan,
};
use sync_core::guard::{ParsedChange, check_against, check_chunk};
use sync_core::ids::*;
use sync_core::policy::{self, Origin, Role};
use sync_core::time::{DeviceTime, Hlc, ServerTime};
use sync_core::wire::envelope::{self, Effort};
use sync_core::wire::*;
use sync_core::workflow::{Status, Workflow};

pub const TENANT: TenantId = TenantId(uuid::Uuid::from_u128(7));
pub const DOCUMENT_KEY: [u8; 32] = [5; 32];

/// A step of the checklist by which a test makes the model's policy deny a fact.
pub const FORBIDDEN: &str = "forbidden";

#[derive(Clone)]
pub struct Server {
    pub epoch: ServerEpoch,
    pub now: ServerTime,
    pub signer: ServerSigner,
    pub devices: BTreeMap<DeviceId, (UserId, DeviceKey)>,
    pub tickets: BTreeMap<TicketId, TicketDoc>,
    /// What each user may see.
    pub scope: BTreeMap<UserId, BTreeSet<TicketId>>,
    pub quarantine: BTreeMap<FactId, &'static str>,
    /// Facts that phones could not make again and handed in to be looked at.
    pub reviews: BTreeMap<FactId, Fact>,
    pub standing: BTreeMap<DeviceId, Standing>,
    /// Every change that ever came, by actor and number.
    pub numbered: BTreeMap<([u8; 16], u64), Sha256Hash>,
    feed: Vec<FeedRow>,
    receipts: BTreeMap<(DeviceId, Nonce, u64), Receipt>,
    pub page_rows: usize,
    /// Says as little as the protocol allows: nothing of orphans, and no session may begin in its middle.
    pub is_terse: bool,
    made: u128,
    /// The server vouches for what it sends with a secret that survives a restore.
    secret: [u8; 32],
    /// Vouched changes that stand on others which have not come back yet.
    parked: BTreeMap<TicketId, Vec<RawChange>>,
}

#[derive(Clone)]
struct FeedRow {
    ticket: TicketId,
    what: FeedEvent,
}

#[derive(Clone)]
enum FeedEvent {
    Changed { changes: Vec<RawChange>, heads: Vec<Sha256Hash> },
    Entered(UserId),
    Left(UserId),
}

#[derive(Clone)]
struct Receipt {
    ack: Ack,
    rejects: Vec<Reject>,
}

impl Server {
    pub fn new(epoch: u128) -> Self {
        Self {
            epoch: ServerEpoch(uuid::Uuid::from_u128(epoch)),
            now: ServerTime(1_700_000_000_000),
            signer: ServerSigner::from_secret(&[1; 32]),
            devices: BTreeMap::new(),
            tickets: BTreeMap::new(),
            scope: BTreeMap::new(),
            quarantine: BTreeMap::new(),
            reviews: BTreeMap::new(),
            standing: BTreeMap::new(),
            numbered: BTreeMap::new(),
            feed: Vec::new(),
            receipts: BTreeMap::new(),
            page_rows: 50,
            is_terse: false,
            made: 0,
            secret: [9; 32],
            parked: BTreeMap::new(),
        }
    }

    /// A backup of `then` takes over: everything since is gone, but for what left the house.
    pub fn restored(&self, then: &Server, epoch: u128) -> Self {
        let mut server = then.clone();
        server.epoch = ServerEpoch(uuid::Uuid::from_u128(epoch));
        server.now = self.now;
        server.numbered.clone_from(&self.numbered);
        server
    }

    pub fn create_ticket(&mut self, ticket: TicketId) {
        let visit = VisitId(ticket.0);
        let core = Core {
            number: format!("T-{}", self.tickets.len() + 1),
            ticket_type: "repair".into(),
            title: Sealed::from_bytes(vec![1; 50]).unwrap(),
            description: None,
            priority: 3,
            customer: None,
            site: None,
            asset: None,
            contact: None,
            respond_by: None,
            resolve_by: None,
            skills: BTreeMap::new(),
            duration_ms: 3_600_000,
            workflow: ("field_service".into(), 1),
            visits: BTreeMap::from([(visit, VisitPlan::default())]),
        };
        let (doc, _) = TicketDoc::create(self.actor(ticket), TENANT, ticket, &core).unwrap();
        self.tickets.insert(ticket, doc);
    }

    /// The desk gives the ticket's visit to an engineer, who may see it from now on.
    pub fn show(&mut self, ticket: TicketId, user: UserId) {
        if !self.scope.entry(user).or_default().insert(ticket) {
            return;
        }
        let (grant, now) = (GrantId(self.fresh()), self.now);
        let visit = VisitId(ticket.0);
        self.desk_says(
            ticket,
            |view, author, stamp| command::assign(view, author, stamp, visit, (grant, user), None),
            |edit| {
                let role = GrantRole::Lead;
                edit.add_grant(Grant { id: grant, visit, user, role, from: now, by: DESK, ended: None })
            },
        );
        self.feed.push(FeedRow { ticket, what: FeedEvent::Entered(user) });
    }

    /// The desk takes it back.
    pub fn hide(&mut self, ticket: TicketId, user: UserId) {
        if !self.scope.entry(user).or_default().remove(&ticket) {
            return;
        }
        let held = self.tickets[&ticket].grants().values().filter(|grant| grant.user == user && grant.ended.is_none());
        let (held, now): (Vec<GrantId>, _) = (held.map(|grant| grant.id).collect(), self.now);
        for grant in held {
            self.desk_says(
                ticket,
                |view, author, stamp| command::unassign(view, author, stamp, grant),
                |edit| edit.end_grant(grant, Ended { at: now, by: DESK }),
            );
        }
        self.feed.push(FeedRow { ticket, what: FeedEvent::Left(user) });
    }

    /// A fact of the desk with what it does, if the desk may say it.
    fn desk_says(
        &mut self,
        ticket: TicketId,
        say: impl FnOnce(&TicketView<'_>, &Author, Stamp) -> Result<Fact, Refusal>,
        more: impl FnOnce(&mut ServerEdit<'_>) -> Result<(), DocumentError>,
    ) {
        let (id, now, actor) = (FactId(self.fresh()), self.now, self.actor(ticket));
        let workflow = Workflow::field_service();
        let doc = self.tickets.get_mut(&ticket).unwrap();
        let author = Author { user: DESK, role: Role::Dispatcher, origin: Origin::Desk };
        let stamp = Stamp { id, wall: DeviceTime(now.0), hlc: Hlc::default().tick(now), place: None };
        let said = say(&TicketView::new(doc, &workflow, now), &author, stamp).ok();
        let change = doc.server_edit::<DocumentError>(actor, |edit| {
            if let Some(fact) = &said {
                edit.add_fact(fact)?;
                edit.admit(fact.id, &admission(edit.next_n(), now))?;
            }
            more(edit)
        });
        self.publish(ticket, vec![change.unwrap()]);
    }

    /// An id that no other epoch of this server makes.
    fn fresh(&mut self) -> uuid::Uuid {
        self.made += 1;
        uuid::Uuid::from_u128(self.epoch.0.as_u128() << 64 | self.made)
    }

    /// The desk changes something of its own.
    pub fn edit(&mut self, ticket: TicketId, priority: i64) {
        let actor = self.actor(ticket);
        let doc = self.tickets.get_mut(&ticket).unwrap();
        let edit =
            doc.server_edit::<DocumentError>(actor, |edit| edit.set_core("priority", Some(&Scalar::Int(priority))));
        if let Ok(change) = edit {
            self.publish(ticket, vec![change]);
        }
    }

    /// The facts of a ticket that phones have said.
    pub fn said(&self, ticket: TicketId) -> usize {
        self.tickets[&ticket].facts().filter(|fact| !fact.body.kind().is_desk()).count()
    }

    /// Answers one request, as the bytes that would go over the network.
    pub fn sync(&mut self, request_bytes: &[u8]) -> Vec<u8> {
        let body = envelope::unpack(request_bytes, 8 << 20).unwrap();
        let request = SyncRequest::decode(&body).unwrap();
        let mut reply = SyncReply::new(self.epoch, Cursor::default(), self.now);
        let standing = self.standing.get(&request.device).copied().unwrap_or_default();
        reply.standing = standing;
        request.returned.iter().for_each(|returned| self.take_back(returned));
        let mut pushed = BTreeSet::new();
        // A phone that takes this server for an earlier one is told first; then it gives back what that one had.
        if request.server_epoch.is_none_or(|epoch| epoch == self.epoch) {
            for (position, batch) in request.batches.iter().enumerate() {
                self.take_batch(request.device, position, batch, &mut reply, &mut pushed);
            }
        }
        for intent in &request.intents {
            let outcome = self.take_intent(intent);
            let (code, detail) = (String::new(), String::new());
            reply.answers.push(IntentAnswer { id: intent.id, outcome, code, detail, ticket: None, payload: vec![] });
        }
        if standing == Standing::Active {
            self.serve(&request, &pushed, &mut reply);
        } else {
            reply.cursor = request.cursor.clone();
        }
        signed::seal(&reply.encode(), request_bytes, Effort::Quick, &self.signer)
    }

    fn take_intent(&mut self, intent: &Intent) -> IntentOutcome {
        if intent.kind != sync_core::wire::intent::REVIEW {
            return IntentOutcome::Refused;
        }
        let fact = Fact::from_bytes(&intent.payload).unwrap();
        self.reviews.insert(fact.id, fact);
        IntentOutcome::Granted
    }

    fn take_batch(
        &mut self,
        device: DeviceId,
        position: usize,
        bytes: &[u8],
        reply: &mut SyncReply,
        pushed: &mut BTreeSet<Sha256Hash>,
    ) {
        let (user, key) = self.devices[&device];
        let batch = match VerifiedBatch::parse(bytes, &key) {
            Ok(batch) => batch,
            Err(why) => {
                let (code, detail) = (why.code().to_owned(), why.to_string());
                reply.refused_batches.push(BatchRefusal { position: position as u32, code, detail });
                return;
            }
        };
        let header = batch.header().clone();
        assert_eq!((header.tenant, header.device, header.user), (TENANT, device, user));
        pushed.extend(header.change_hashes.iter());
        let name = (device, header.session_nonce, header.dev_seq);
        if let Some(receipt) = self.receipts.get(&name) {
            reply.acks.push(receipt.ack.clone());
            reply.rejects.extend(receipt.rejects.clone());
            return;
        }
        let last = self.receipts.keys().filter(|(d, s, _)| (*d, *s) == (device, header.session_nonce));
        let last = last.map(|(_, _, dev_seq)| *dev_seq).max();
        // The beginning of a session may be lost: a kind server lets it begin anywhere.
        let expected = last.map_or(if self.is_terse { 1 } else { header.dev_seq }, |last| last + 1);
        if header.dev_seq != expected {
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
    fn accept(&mut self, batch: &VerifiedBatch) -> Receipt {
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
        Receipt { ack: Ack { device: None, session_nonce, dev_seq, admitted, received: self.now }, rejects }
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
        assert_eq!(known, parsed.hash(), "{name:?} numbers two changes");
    }

    fn publish(&mut self, ticket: TicketId, changes: Vec<RawChange>) {
        let heads = self.tickets[&ticket].heads();
        self.feed.push(FeedRow { ticket, what: FeedEvent::Changed { changes, heads } });
    }

    /// What an earlier server had, as far as it can be shown that it did.
    fn take_back(&mut self, returned: &Returned) {
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
    fn settle_returned(&mut self, ticket: TicketId) {
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

    fn voucher(&self, ticket: TicketId, bytes: &[u8]) -> Vec<u8> {
        Sha256Hash::of(&[self.secret.as_slice(), ticket.as_bytes(), bytes].concat()).0[..16].to_vec()
    }

    /// One page of the feed.
    fn serve(&self, request: &SyncRequest, pushed: &BTreeSet<Sha256Hash>, reply: &mut SyncReply) {
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

    fn actor(&self, ticket: TicketId) -> Actor {
        Actor::of_server(ticket, self.epoch)
    }
}

fn admission(n: i64, received: ServerTime) -> Admission {
    let effect = Effect { status: Status::Created, flags: BTreeSet::new(), window: None };
    Admission { n, verdict: Verdict::Allowed, effect, received }
}

const DESK: UserId = UserId(uuid::Uuid::from_u128(0xde5c));
