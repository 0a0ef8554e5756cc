//! Two phones, a server and the network between them, as one state that can be copied and told from others.

use std::collections::BTreeSet;

use sync_core::command;
use sync_core::ids::*;
use sync_core::policy::Role;
use sync_core::replica::{ExecuteError, Failure, Identity, Opening, Replica};
use sync_core::store::MemoryStore;
use sync_core::time::DeviceTime;
use sync_core::wire::{DeviceSigner, ServerKey, SoftwareDeviceSigner, SyncRequest, envelope};
use uuid::Uuid;

use super::Defect;
use sync_sim::server::{FORBIDDEN, Server, TENANT};

const NOTHING: Sha256Hash = Sha256Hash([0; 32]);
pub const TICKET: TicketId = TicketId(Uuid::from_u128(1000));

/// What the engineers will say, phone by phone, each in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Word {
    Note,
    /// What the server's policy denies though the phone's does not.
    Forbidden,
}

/// What is between a phone and the server.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Link {
    Nothing,
    Request(Vec<u8>),
    Reply(Vec<u8>),
}

pub struct Phone {
    pub replica: Replica<MemoryStore>,
    pub link: Link,
    /// Every fact that its user was told is saved.
    pub saved: BTreeSet<FactId>,
    identity: Identity,
    number: u8,
    opened_with: Nonce,
    /// What had changed the server when it last answered.
    has_heard_of: Sha256Hash,
    /// Of the beginning.
    backup: MemoryStore,
}

pub struct World {
    pub phones: Vec<Phone>,
    pub server: Server,
    /// The server is what changed it, in that order: this stands for all of it.
    changed_by: Sha256Hash,
    backup: Server,
}

impl World {
    /// Two engineers on one ticket, each with a phone that has it.
    pub fn new() -> Self {
        let mut server = Server::new(1);
        server.create_ticket(TICKET);
        server.is_terse = true;
        let phones = (0..2).map(|number| Phone::enrolled(number, &mut server)).collect();
        let mut world = Self { phones, backup: server.clone(), server, changed_by: NOTHING };
        for who in 0..2 {
            world.exchange(who);
            world.phones[who].backup = world.phones[who].store();
        }
        world.backup = world.server.clone();
        world
    }

    /// The same again.
    pub fn fork(&self) -> Self {
        let phones = self.phones.iter().map(Phone::fork).collect();
        Self { phones, server: self.server.clone(), changed_by: self.changed_by, backup: self.backup.clone() }
    }

    /// All that decides what can happen from here on.
    pub fn digest(&mut self) -> Vec<u8> {
        let mut all = self.changed_by.0.to_vec();
        for phone in &mut self.phones {
            all.extend(phone.replica.digest().unwrap().0);
            all.push(u8::from(phone.has_heard_of == self.changed_by));
            let (kind, bytes): (u8, &[u8]) = match &phone.link {
                Link::Nothing => (0, &[]),
                Link::Request(bytes) => (1, bytes),
                Link::Reply(bytes) => (2, bytes),
            };
            all.push(kind);
            all.extend(Sha256Hash::of(bytes).0);
        }
        all
    }

    /// `Replica::execute`: a command becomes a fact, durable before its user is told.
    pub fn say(&mut self, who: usize, word: Word, nth: usize) {
        self.phones[who].say(word, nth, self.server.now.0);
    }

    /// Whether a host would ask: there is something to send or to fetch, or the server has sent a hint that there is.
    /// To ask at other times changes nothing.
    pub fn has_reason_to_ask(&self, who: usize) -> bool {
        let phone = &self.phones[who];
        let is_open = phone.replica.wishes().any(|wish| wish.answer.is_none());
        let has_work = phone.replica.status(DeviceTime(0)).unsent > 0 || is_open;
        has_work || phone.replica.retry_delay_ms() == 0 || phone.has_heard_of != self.changed_by
    }

    /// `Replica::poll_request`: what is unsent goes into signed batches, numbered by session.
    pub fn ask(&mut self, who: usize) {
        let now = DeviceTime(self.server.now.0);
        let phone = &mut self.phones[who];
        if let Some(request) = phone.replica.poll_request(now).unwrap() {
            phone.link = Link::Request(request);
        }
    }

    /// The server's part: receipt or guard, policy, trial, quarantine; then a page of the feed.
    pub fn serve(&mut self, who: usize, defect: Defect) {
        let Link::Request(request) = self.phones[who].link.clone() else { return };
        let before = (defect == Defect::AckBeforeDurable).then(|| self.server.clone());
        let reply = self.server.sync(&request);
        self.note(&request);
        if let Some(before) = before {
            self.server = before;
        }
        self.phones[who].has_heard_of = self.changed_by;
        self.phones[who].link = Link::Reply(reply);
    }

    /// The request arrives once more than it was sent, and the second answer is lost.
    pub fn serve_twice(&mut self, who: usize, defect: Defect) {
        let Link::Request(request) = self.phones[who].link.clone() else { return };
        self.serve(who, defect);
        self.server.sync(&request);
        self.note(&request);
    }

    /// A request that brings nothing changes nothing.
    fn note(&mut self, request: &[u8]) {
        let asked = SyncRequest::decode(&envelope::unpack(request, 8 << 20).unwrap()).unwrap();
        if !(asked.batches.is_empty() && asked.intents.is_empty() && asked.returned.is_empty()) {
            self.changed(request);
        }
    }

    fn changed(&mut self, by: &[u8]) {
        self.changed_by = Sha256Hash::of(&[&self.changed_by.0, by].concat());
    }

    /// `Replica::handle_reply`: acknowledgements, refusals with replay under a new nonce, and the page, in one
    /// transaction.
    pub fn deliver(&mut self, who: usize, defect: Defect) {
        let now = DeviceTime(self.server.now.0);
        let phone = &mut self.phones[who];
        let Link::Reply(reply) = std::mem::replace(&mut phone.link, Link::Nothing) else { return };
        let fresh = match defect {
            Defect::OldNonceAfterRefusal => phone.opened_with,
            _ => phone.fresh(),
        };
        phone.replica.handle_reply(&reply, now, fresh).unwrap();
    }

    /// `Replica::handle_failure`: what was on its way is gone.
    pub fn lose(&mut self, who: usize) {
        let phone = &mut self.phones[who];
        phone.link = Link::Nothing;
        phone.replica.handle_failure(Failure::Offline);
    }

    /// The process ends, and `Replica::open` finds what was durable.
    pub fn crash(&mut self, who: usize, defect: Defect) {
        let phone = &mut self.phones[who];
        let store = match defect {
            Defect::SavedBeforeDurable => phone.backup.clone(),
            _ => phone.store(),
        };
        let nonce = phone.fresh();
        phone.open(store, nonce, self.server.signer.public_key());
    }

    /// The phone is replaced by one restored from the backup of the beginning: `Replica::open` on an old store. What it
    /// had not handed in is gone with it.
    pub fn fall_back(&mut self, who: usize, defect: Defect) {
        let (doc, server) = (&self.server.tickets[&TICKET], &self.server);
        let phone = &mut self.phones[who];
        phone.saved.retain(|fact| doc.fact(*fact).is_some() || server.quarantine.contains_key(fact));
        let nonce = match defect {
            Defect::OldNonceInBackup => phone.opened_with,
            _ => phone.fresh(),
        };
        phone.open(phone.backup.clone(), nonce, self.server.signer.public_key());
    }

    /// The desk takes the ticket from the first engineer: it leaves his phone.
    pub fn take_away(&mut self) {
        let user = self.phones[0].identity.user;
        self.server.hide(TICKET, user);
        self.changed(b"taken away");
    }

    /// A backup of the server as it was at the beginning takes over.
    pub fn restore_server(&mut self) {
        self.server = self.server.restored(&self.backup, 2);
        self.changed(b"restored");
    }

    /// Ask, serve, deliver.
    pub fn exchange(&mut self, who: usize) {
        if self.phones[who].link == Link::Nothing {
            self.ask(who);
        }
        self.serve(who, Defect::None);
        self.deliver(who, Defect::None);
    }

    /// An actor has given one number to two changes.
    pub fn number_used_twice(&self) -> Option<String> {
        self.server.reused.first().cloned()
    }

    /// From now on every link is good: they exchange until nobody has anything more to say. False if that never comes.
    pub fn make_peace(&mut self) -> bool {
        for _ in 0..12 {
            for who in 0..self.phones.len() {
                self.exchange(who);
            }
            let is_quiet = |phone: &Phone| {
                let status = phone.replica.status(DeviceTime(0));
                let is_answered = phone.replica.wishes().all(|wish| wish.answer.is_some());
                status.is_synced && is_answered && phone.replica.retry_delay_ms() > 0
            };
            let server = &self.server;
            let agrees = |phone: &mut Phone| {
                // What has left may stay for its drafts, as it was.
                let is_in_scope = server.scope[&phone.identity.user].contains(&TICKET);
                !is_in_scope || phone.heads().as_ref() == Some(&server.tickets[&TICKET].heads())
            };
            if self.phones.iter().all(is_quiet) && self.phones.iter_mut().all(agrees) {
                return true;
            }
        }
        false
    }

    /// What was said and stands nowhere: not in the document, not before a dispatcher, not with its author.
    pub fn lost(&self) -> Vec<FactId> {
        let doc = &self.server.tickets[&TICKET];
        let stands = |phone: &Phone, fact: &FactId| {
            doc.fact(*fact).is_some()
                || self.server.quarantine.contains_key(fact)
                || self.server.reviews.contains_key(fact)
                || phone.replica.drafts().any(|draft| draft.fact.id == *fact)
        };
        let each = self.phones.iter().flat_map(|phone| phone.saved.iter().map(move |fact| (phone, fact)));
        each.filter(|(phone, fact)| !stands(phone, fact)).map(|(_, fact)| *fact).collect()
    }

    /// Facts of phones that are in the document more than once, or that nobody said, or that are not admitted.
    pub fn is_each_applied_once(&self) -> bool {
        let doc = &self.server.tickets[&TICKET];
        let said: Vec<FactId> = doc.facts().filter(|fact| !fact.body.kind().is_desk()).map(|fact| fact.id).collect();
        let admitted = doc.admissions();
        let numbers: BTreeSet<i64> = admitted.values().map(|admission| admission.n).collect();
        numbers.len() == admitted.len()
            && said.iter().all(|fact| admitted.contains_key(fact))
            && said.iter().all(|fact| self.phones.iter().any(|phone| phone.saved.contains(fact)))
            && doc.facts().count() == admitted.len()
    }
}

impl Phone {
    fn enrolled(number: u8, server: &mut Server) -> Self {
        let (user, device) = (UserId(Uuid::from_u128(10 + u128::from(number))), u128::from(100 + number));
        let identity = Identity { tenant: TENANT, device: DeviceId(Uuid::from_u128(device)), user };
        server.devices.insert(identity.device, (user, signer(number).public_key()));
        server.show(TICKET, user);
        let opened_with = Nonce([number + 1; 16]);
        let opening = opening(identity, vec![server.signer.public_key()], opened_with);
        let replica = Replica::open(MemoryStore::default(), Box::new(signer(number)), opening).unwrap();
        Self {
            replica,
            link: Link::Nothing,
            saved: BTreeSet::new(),
            identity,
            number,
            opened_with,
            has_heard_of: NOTHING,
            backup: MemoryStore::default(),
        }
    }

    fn fork(&self) -> Self {
        Self {
            replica: self.replica.fork(Box::new(signer(self.number))),
            link: self.link.clone(),
            saved: self.saved.clone(),
            backup: self.backup.clone(),
            ..*self
        }
    }

    fn say(&mut self, word: Word, nth: usize, now: i64) {
        let id = FactId(Uuid::from_u128(u128::from(self.number) << 8 | 1 << 64 | nth as u128));
        let said = self.replica.execute(TICKET, DeviceTime(now), |sight| {
            let (view, author, stamp, visit) = (&sight.ticket, &sight.author, sight.stamp(id, None), VisitId(TICKET.0));
            match word {
                Word::Note => command::note(view, author, stamp, Some(visit), sight.seal(id, "text", "worn"), None),
                Word::Forbidden => {
                    command::answer(view, author, stamp, visit, FORBIDDEN.into(), sight.seal(id, "value", "x"))
                }
            }
        });
        match said {
            Ok(id) => {
                self.saved.insert(id);
            }
            // The ticket has left, or is not his any more.
            Err(ExecuteError::NotHere | ExecuteError::Refused(_)) => {}
            Err(why) => panic!("{why:?}"),
        }
    }

    fn store(&self) -> MemoryStore {
        self.replica.fork(Box::new(signer(self.number))).close()
    }

    fn open(&mut self, store: MemoryStore, nonce: Nonce, server_key: ServerKey) {
        let opening = opening(self.identity, vec![server_key], nonce);
        self.replica = Replica::open(store, Box::new(signer(self.number)), opening).unwrap();
        self.opened_with = nonce;
        self.link = Link::Nothing;
    }

    /// Made of all that the phone is at this moment: never the same twice, since it is never again as it was before it
    /// used one, and the same whatever others did meanwhile.
    fn fresh(&mut self) -> Nonce {
        let Sha256Hash(digest) = self.replica.digest().unwrap();
        Nonce(digest[..16].try_into().unwrap())
    }

    /// Of what it has of the ticket, if it has it.
    fn heads(&mut self) -> Option<Vec<Sha256Hash>> {
        self.replica.look(TICKET, DeviceTime(0), |sight| sight.ticket.doc.heads()).unwrap()
    }
}

fn signer(number: u8) -> SoftwareDeviceSigner {
    SoftwareDeviceSigner::from_secret(&[number + 3; 32]).unwrap()
}

fn opening(identity: Identity, server_keys: Vec<ServerKey>, session_nonce: Nonce) -> Opening {
    Opening { identity, role: Role::Engineer, server_keys, app_version: "1.0".into(), session_nonce }
}
