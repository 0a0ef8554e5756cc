//! A phone: a replica, its driver, and a list of all that it was told is saved.

use std::collections::BTreeMap;

use sync_core::command::{self, Author, Refusal, Stamp, TicketView};
use sync_core::document::{Fact, TicketDoc};
use sync_core::ids::*;
use sync_core::policy::Role;
use sync_core::replica::{Arrived, ExecuteError, Failure, Identity, Opening, Replica, ReplyFault, SyncStatus};
use sync_core::store::MemoryStore;
use sync_core::time::DeviceTime;
use sync_core::wire::{DeviceSigner, SoftwareDeviceSigner};

use crate::chance::Chance;
use crate::server::{FORBIDDEN, Server, TENANT};

pub struct Phone {
    pub replica: Option<Replica<MemoryStore>>,
    pub identity: Identity,
    /// How far its clock is off.
    pub clock_off_ms: i64,
    /// Every fact that it was told is saved.
    pub saved: BTreeMap<FactId, TicketId>,
    secret: [u8; 32],
}

/// What an engineer may say.
pub enum Word {
    Note(String),
    /// What the model's policy denies.
    Forbidden,
    Step(Step),
}

pub type Step = fn(&TicketView<'_>, &Author, Stamp, VisitId) -> Result<Fact, Refusal>;

/// The steps of a visit, as a hurried engineer might tap them.
pub const STEPS: [Step; 6] = [
    command::accept,
    command::depart,
    command::check_in,
    command::start,
    |view, author, stamp, visit| command::pause(view, author, stamp, visit, "lunch".into()),
    command::check_out,
];

/// What the network does to one exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    Good,
    RequestLost,
    ReplyLost,
    /// The request arrives twice, and the first answer is the one that comes back.
    RequestTwice,
    /// The login page of a hotel answers.
    Portal,
}

impl Phone {
    /// A phone that is enrolled with the server.
    pub fn enrolled(server: &mut Server, user: UserId, chance: &mut Chance) -> Self {
        let identity = Identity { tenant: TENANT, device: DeviceId(chance.uuid()), user };
        let secret = [1 + (chance.next() % 200) as u8; 32];
        let mut phone = Self { replica: None, identity, clock_off_ms: 0, saved: BTreeMap::new(), secret };
        server.devices.insert(identity.device, (user, phone.signer().public_key()));
        phone.open(MemoryStore::default(), server, chance);
        phone
    }

    fn signer(&self) -> SoftwareDeviceSigner {
        SoftwareDeviceSigner::from_secret(&self.secret).unwrap()
    }

    /// A second phone of a copy of this one's store.
    pub fn cloned(&mut self, server: &Server, chance: &mut Chance) -> Self {
        let store = self.replica.take().unwrap().close();
        let mut copy = Self {
            replica: None,
            identity: self.identity,
            clock_off_ms: self.clock_off_ms,
            saved: self.saved.clone(),
            secret: self.secret,
        };
        copy.open(store.clone(), server, chance);
        self.open(store, server, chance);
        copy
    }

    pub fn open(&mut self, store: MemoryStore, server: &Server, chance: &mut Chance) {
        let keys = vec![server.signer.public_key()];
        let signer = Box::new(self.signer());
        let opening = Opening {
            identity: self.identity,
            role: Role::Engineer,
            server_keys: keys,
            app_version: "1.0".into(),
            session_nonce: Nonce(chance.bytes()),
        };
        self.replica = Some(Replica::open(store, signer, opening).unwrap());
    }

    pub fn restart(&mut self, server: &Server, chance: &mut Chance) {
        let store = self.replica.take().unwrap().close();
        self.open(store, server, chance);
    }

    pub fn backup(&mut self, server: &Server, chance: &mut Chance) -> MemoryStore {
        let store = self.replica.take().unwrap().close();
        self.open(store.clone(), server, chance);
        store
    }

    pub fn replica(&mut self) -> &mut Replica<MemoryStore> {
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
            Err(why) => panic!("{why:?}"),
        }
    }

    /// One exchange.
    pub fn exchange(&mut self, server: &mut Server, link: Link, chance: &mut Chance) -> Option<Arrived> {
        let now = self.now(server);
        let request = self.replica().poll_request(now).unwrap()?;
        let reply = match link {
            Link::RequestLost => None,
            Link::ReplyLost => {
                server.sync(&request);
                None
            }
            Link::Good => Some(server.sync(&request)),
            Link::RequestTwice => {
                let first = server.sync(&request);
                server.sync(&request);
                Some(first)
            }
            Link::Portal => Some(b"<html>Room number, please</html>".to_vec()),
        };
        let fresh = Nonce(chance.bytes());
        match reply.map(|reply| self.replica().handle_reply(&reply, now, fresh)) {
            None => self.replica().handle_failure(Failure::Offline),
            Some(Ok(arrived)) => return Some(arrived),
            Some(Err(ReplyFault::NotTheAnswer(_))) => assert_eq!(link, Link::Portal),
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
