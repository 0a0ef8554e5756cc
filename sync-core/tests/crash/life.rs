//! A phone's life on an observed disk, written down moment by moment: what was committed, what the user was told is
//! saved, and what the server had by then.

use std::sync::{Arc, Mutex, MutexGuard};

use sync_core::ids::*;
use sync_core::replica::Replica;
use sync_core::store::{EncryptedStore, Row, SqliteStore, Store, StoreError, StoreTx, Table};
use sync_core::time::DeviceTime;

use crate::phone::{self, ANA, KEY, STEPS, Word, ticket};
use crate::vfs::Watched;
use sync_sim::chance::Chance;
use sync_sim::server::Server;

/// Everything in a store, as one hash.
pub type Rows = Sha256Hash;

/// Something that counts, and after how many effects on the disk it was so.
pub struct Moment {
    pub at: usize,
    pub what: What,
}

pub enum What {
    Committed(Rows),
    Saved(FactId, TicketId),
    /// The server as it is from now on; it may have got a request of this phone.
    Server(Arc<Server>),
}

/// What was written down of a life.
pub struct Diary {
    pub watched: Watched,
    moments: Mutex<Vec<Moment>>,
}

impl Diary {
    pub fn new(watched: Watched) -> Arc<Self> {
        Arc::new(Self { watched, moments: Mutex::default() })
    }

    pub fn note(&self, what: What) {
        let at = self.watched.now();
        self.moments().push(Moment { at, what });
    }

    pub fn moments(&self) -> MutexGuard<'_, Vec<Moment>> {
        self.moments.lock().unwrap()
    }
}

/// The store of a phone whose commits are written down.
pub struct Marked {
    pub within: SqliteStore,
    pub diary: Arc<Diary>,
}

pub struct MarkedTx<'s> {
    within: <SqliteStore as Store>::Tx<'s>,
    diary: Arc<Diary>,
}

impl Store for Marked {
    type Tx<'s> = MarkedTx<'s>;

    fn begin(&mut self) -> Result<MarkedTx<'_>, StoreError> {
        Ok(MarkedTx { within: self.within.begin()?, diary: self.diary.clone() })
    }
}

impl StoreTx for MarkedTx<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.within.get(table, key)
    }

    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.within.put(table, key, value)
    }

    fn delete(&mut self, table: Table, key: &[u8]) -> Result<(), StoreError> {
        self.within.delete(table, key)
    }

    fn scan(&self, table: Table, prefix: &[u8]) -> Result<Vec<Row>, StoreError> {
        self.within.scan(table, prefix)
    }

    fn commit(self) -> Result<(), StoreError> {
        let rows = rows(&self.within);
        self.within.commit()?;
        self.diary.note(What::Committed(rows));
        Ok(())
    }
}

pub fn rows(tx: &impl StoreTx) -> Rows {
    let mut all = Vec::new();
    for table in Table::ALL {
        for (key, value) in tx.scan(*table, b"").unwrap() {
            for part in [table.name().as_bytes(), &key, &value] {
                all.extend((part.len() as u64).to_be_bytes());
                all.extend(part);
            }
        }
    }
    Sha256Hash::of(&all)
}

/// A phone and its server, somewhere in a life.
pub struct Life {
    pub replica: Option<Replica<EncryptedStore<Marked>>>,
    pub server: Server,
    pub chance: Chance,
    pub diary: Arc<Diary>,
    path: std::path::PathBuf,
}

impl Life {
    pub fn begin(directory: &std::path::Path, tickets: u128, seed: u64) -> Self {
        let (server, chance) = (phone::server_with(tickets), Chance(seed));
        let diary = Diary::new(Watched::new(directory));
        let path = directory.join("callout.sqlite");
        let mut life = Self { replica: None, server, chance, diary, path };
        life.tell_server();
        life.restart();
        life
    }

    /// The process ends and another one begins.
    pub fn restart(&mut self) {
        self.replica = None;
        let within = SqliteStore::open(&self.path).unwrap();
        let store = EncryptedStore::open(Marked { within, diary: self.diary.clone() }, &KEY).unwrap();
        self.replica = Some(phone::open(store, &self.server, &mut self.chance).unwrap());
    }

    pub fn say(&mut self, ticket: TicketId, word: Word) {
        let now = DeviceTime(self.server.now.0);
        let replica = self.replica.as_mut().unwrap();
        if let Some(fact) = phone::say(replica, now, ticket, word, &mut self.chance).unwrap() {
            self.diary.note(What::Saved(fact, ticket));
        }
    }

    /// One exchange, of which the answer may be lost.
    pub fn exchange(&mut self, answer_arrives: bool) {
        let now = DeviceTime(self.server.now.0);
        let replica = self.replica.as_mut().unwrap();
        let request = replica.poll_request(now).unwrap().expect("no exchange is under way");
        let reply = self.server.sync(&request);
        self.tell_server();
        let replica = self.replica.as_mut().unwrap();
        if answer_arrives {
            replica.handle_reply(&reply, now, Nonce(self.chance.bytes())).unwrap();
        } else {
            phone::lose_answer(replica);
        }
    }

    /// Something happens.
    pub fn step(&mut self, tickets: usize) {
        self.server.now.0 += 60_000;
        let at = ticket(self.chance.below(tickets) as u128);
        match self.chance.below(20) {
            0..6 => self.say(at, Word::Note),
            6..9 => {
                let step = self.chance.below(STEPS.len());
                self.say(at, Word::Step(step));
            }
            9 => self.say(at, Word::Forbidden),
            10 => self.say(at, Word::Photo),
            11..15 => self.exchange(true),
            15 => self.exchange(false),
            16 => {
                let priority = 1 + self.chance.below(5) as i64;
                self.server.edit(at, priority);
                self.tell_server();
            }
            17 => {
                self.server.hide(at, ANA);
                self.tell_server();
            }
            18 => {
                self.server.show(at, ANA);
                self.tell_server();
            }
            _ => self.restart(),
        }
    }

    fn tell_server(&mut self) {
        self.diary.note(What::Server(Arc::new(self.server.clone())));
    }
}
