//! A phone: a replica, its driver, and a list of all that it was told is saved.

use std::collections::{BTreeMap, BTreeSet};

use sync_core::command::{self, Author, Refusal, Stamp, TicketView};
use sync_core::document::{Fact, TicketDoc};
use sync_core::ids::*;
use sync_core::policy::Role;
use sync_core::replica::{Arrived, ExecuteError, Failure, Identity, Opening, Replica, ReplyFault, SyncStatus};
use sync_core::store::MemoryStore;
use sync_core::time::{DeviceTime, ServerTime};
use sync_core::wire::{BatchHeader, DeviceSigner, SoftwareDeviceSigner, intent};

use crate::chance::Chance;
use crate::mortal::MortalStore;
use crate::network::Link;
use crate::server::{FORBIDDEN, Server, TENANT};

pub struct Phone {
    pub replica: Option<Replica<MortalStore>>,
    pub identity: Identity,
    /// How far its clock is off.
    pub clock_off_ms: i64,
    /// Every fact that it was told is saved.
    pub saved: BTreeMap<FactId, TicketId>,
    /// Every batch of a colleague's phone that it has kept, and has not been seen to be rid of.
    pub took: BTreeMap<BatchName, (TicketId, Vec<FactId>)>,
    secret: [u8; 32],
}

/// What names a batch.
pub type BatchName = (DeviceId, Nonce, u64);

/// What an engineer may say.
pub enum Word {
    Note(String),
    /// What the model's policy denies.
    Forbidden,
    Step(Step),
}

pub type Step = fn(&TicketView<'_>, &Author, Stamp, VisitId) -> Result<Fact, Refusal>;

/// The steps of a visit, as a hurried engineer might tap them.
pub const STEPS: [Step; 11] = [
    command::accept,
    command::depart,
    command::check_in,
    command::start,
    |view, author, stamp, visit| command::pause(view, author, stamp, visit, "lunch".into()),
    command::check_out,
    |view, author, stamp, visit| command::decline(view, author, stamp, visit, "ill".into()),
    |view, author, stamp, visit| command::complete(view, author, stamp, visit, "solved".into(), None),
    |view, author, stamp, visit| {
        let from = DeviceTime(stamp.wall.0 - 1000);
        command::record_labour(view, author, stamp, visit, from, DeviceTime(from.0 + 500))
    },
    |view, author, stamp, visit| {
        let start = ServerTime(stamp.wall.0 + 3_600_000);
        command::reschedule(view, author, stamp, visit, (Some(start), None))
    },
    |view, author, stamp, visit| {
        let sha256 = Sha256Hash::of(stamp.id.as_bytes());
        let (size, mime, role, step) = (1000, "image/jpeg".into(), "after".into(), None);
        command::attach(view, author, stamp, Some(visit), command::Attachment { sha256, size, mime, role, step })
    },
];

impl Phone {
    /// A phone that is enrolled with the server.
    pub fn enrolled(server: &mut Server, user: UserId, chance: &mut Chance) -> Self {
        let identity = Identity { tenant: TENANT, device: DeviceId(chance.uuid()), user };
        let secret = [1 + (chance.number() % 200) as u8; 32];
        let mut phone =
            Self { replica: None, identity, clock_off_ms: 0, saved: BTreeMap::new(), took: BTreeMap::new(), secret };
        server.devices.insert(identity.device, (user, phone.signer().public_key()));
        phone.open(MemoryStore::default(), server, chance);
        phone
    }

    fn signer(&self) -> SoftwareDeviceSigner {
        SoftwareDeviceSigner::from_secret(&self.secret).unwrap()
    }

    fn rows(&self) -> MemoryStore {
        self.replica.as_ref().unwrap().store().within.clone()
    }

    /// A second phone of a copy of this one's store.
    pub fn cloned(&mut self, server: &Server, chance: &mut Chance) -> Self {
        let rows = self.rows();
        let Self { identity, clock_off_ms, secret, .. } = *self;
        let (saved, took) = (self.saved.clone(), BTreeMap::new());
        let mut copy = Self { replica: None, identity, clock_off_ms, saved, took, secret };
        copy.open(rows, server, chance);
        copy.note_what_it_took();
        copy
    }

    /// Opens these rows as this phone's store, as a new process does.
    pub fn open(&mut self, rows: MemoryStore, server: &Server, chance: &mut Chance) {
        let opening = self.opening(server, Nonce(chance.bytes()));
        self.replica = Some(Replica::open(MortalStore::of(rows), Box::new(self.signer()), opening).unwrap());
    }

    fn opening(&self, server: &Server, session_nonce: Nonce) -> Opening {
        Opening {
            identity: self.identity,
            role: Role::Engineer,
            server_keys: vec![server.signer.public_key()],
            app_version: "1.0".into(),
            session_nonce,
        }
    }

    /// The process ends, however it ended, and begins again with what was committed.
    pub fn restart(&mut self, server: &Server, chance: &mut Chance) {
        self.open(self.rows(), server, chance);
    }

    /// What it carries for others now.
    pub fn carries(&self) -> BTreeMap<BatchName, (TicketId, Vec<FactId>)> {
        let headers = self.replica.as_ref().unwrap().carried_headers();
        let named = |header: &BatchHeader| {
            let name = (header.device, header.session_nonce, header.dev_seq);
            (name, (header.ticket, header.fact_ids.clone()))
        };
        headers.map(named).collect()
    }

    pub fn note_what_it_took(&mut self) {
        let carries = self.carries();
        self.took.extend(carries);
    }

    /// What a backup of the store made now holds.
    pub fn backup(&self) -> MemoryStore {
        self.rows()
    }

    /// The process is killed at this effect on its store, if it comes to that.
    pub fn die_after(&mut self, effects: usize) {
        self.replica().store().die_after(effects);
    }

    /// The own facts that would be there if the process died now: unsent, refused, handed in, kept.
    pub fn durable_facts(&self, server: &Server) -> BTreeSet<FactId> {
        let opening = self.opening(server, Nonce([0; 16]));
        let twin = Replica::open(MortalStore::of(self.rows()), Box::new(self.signer()), opening);
        facts_on(&mut twin.unwrap())
    }

    /// The own facts that the phone still has a hand on.
    pub fn facts(&mut self) -> BTreeSet<FactId> {
        facts_on(self.replica())
    }

    pub fn replica(&mut self) -> &mut Replica<MortalStore> {
        self.replica.as_mut().unwrap()
    }

    pub fn now(&self, server: &Server) -> DeviceTime {
        DeviceTime(server.now.0 + self.clock_off_ms)
    }

    /// Says something about a ticket; nothing if the ticket is not here, or it may not be said.
    pub fn say(&mut self, server: &Server, ticket: TicketId, word: Word, chance: &mut Chance) -> Option<FactId> {
        let (id, now) = (FactId(chance.uuid()), self.now(server));
        let said = self.replica().execute(ticket, now, |sight| {
            let (view, author, stamp, visit) = (&sight.ticket, &sight.author, sight.stamp(id, None), VisitId(ticket.0));
            match word {
                Word::Note(text) => {
                    let text = sight.seal(id, "text", &text);
                    command::note(view, author, stamp, Some(visit), text, None)
                }
                Word::Forbidden => {
                    let value = sight.seal(id, "value", "x");
                    command::answer(view, author, stamp, visit, FORBIDDEN.into(), value)
                }
                Word::Step(step) => step(view, author, stamp, visit),
            }
        });
        match said {
            Ok(id) => {
                self.saved.insert(id, ticket);
                Some(id)
            }
            Err(ExecuteError::NotHere | ExecuteError::Refused(_)) => None,
            Err(ExecuteError::Store(_)) => {
                self.restart(server, chance);
                None
            }
            Err(why) => panic!("{why:?}"),
        }
    }

    /// One exchange.
    pub fn exchange(&mut self, server: &mut Server, link: Link, chance: &mut Chance) -> Option<Arrived> {
        let now = self.now(server);
        let Ok(request) = self.replica().poll_request(now) else {
            self.restart(server, chance);
            return None;
        };
        let reply = link.carry(server, &request?, chance);
        self.hear(server, reply, link, chance)
    }

    /// Takes in what came back, if anything did.
    pub fn hear(
        &mut self,
        server: &Server,
        reply: Option<Vec<u8>>,
        link: Link,
        chance: &mut Chance,
    ) -> Option<Arrived> {
        let (now, fresh) = (self.now(server), Nonce(chance.bytes()));
        match reply.map(|reply| self.replica().handle_reply(&reply, now, fresh)) {
            None => self.replica().handle_failure(Failure::Offline),
            Some(Ok(arrived)) => return Some(arrived),
            Some(Err(ReplyFault::Store(_))) => self.restart(server, chance),
            Some(Err(ReplyFault::NotTheAnswer(_))) if link != Link::Good => {}
            Some(Err(why)) => panic!("{why:?}"),
        }
        None
    }

    /// Exchanges until there is nothing more to send or to fetch.
    pub fn sync(&mut self, server: &mut Server, chance: &mut Chance) {
        for round in 0.. {
            assert!(round < 100, "never done: {:?}", self.replica.as_ref().unwrap().status(DeviceTime(0)));
            let arrived = self.exchange(server, Link::Good, chance).expect("the link is good");
            let wishes_open = self.replica().wishes().any(|wish| wish.answer.is_none());
            let now = self.now(server);
            let status = self.replica().status(now);
            if !arrived.has_more && !wishes_open && self.replica().retry_delay_ms() > 0 && status.unreadable.is_empty()
            {
                return;
            }
        }
    }

    /// The document of a ticket as its user sees it.
    pub fn doc(&mut self, ticket: TicketId) -> Option<TicketDoc> {
        self.replica().look(ticket, DeviceTime(0), |sight| sight.ticket.doc.clone()).unwrap()
    }

    pub fn status(&self, server: &Server) -> SyncStatus {
        self.replica.as_ref().unwrap().status(self.now(server))
    }

    pub fn unsent(&self) -> usize {
        self.replica.as_ref().unwrap().status(DeviceTime(0)).unsent
    }
}

fn facts_on(replica: &mut Replica<MortalStore>) -> BTreeSet<FactId> {
    let mut facts: BTreeSet<FactId> = replica.unsent().map(|(_, fact)| fact.id).collect();
    facts.extend(replica.drafts().map(|draft| draft.fact.id));
    let handed_in = replica.wishes().filter(|wish| wish.intent.kind == intent::REVIEW);
    facts.extend(handed_in.map(|wish| FactId(wish.intent.id.0)));
    facts.extend(replica.kept_for_the_server().unwrap_or_default());
    facts
}
