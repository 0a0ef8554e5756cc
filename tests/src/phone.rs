//! A simulated phone: the app's own core over a SQLite file, a P-256 key, real HTTP to the real `/api/v1/sync`, and a
//! [ledger](PhoneLedger) of its own that says what it was promised.
//!
//! A story reads `phone.offline(); phone.accept(visit); …; phone.online().await`. The verbs are in `deeds.rs`; they
//! fail the test when they are refused. What is expected to be refused is [attempted](Phone::attempt).

mod deeds;
mod ledger;
mod link;
mod exchange;
mod meeting;
mod pool;
mod upload;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use callout_server::platform::clock::Clock;
use callout_server::platform::random::Random;
use sync_core::ids::{ArticleId, CustomerId, FactId, Nonce, SiteId, TicketId, VisitId};
use sync_core::policy::Role;
use sync_core::reference::{Article, Customer, Site};
use sync_core::replica::{
    AgendaEntry, Draft, FoundArticle, Identity, KnowledgeState, Opening, RefusedElsewhere, Replica, Sight, Summary,
    SyncStatus,
};
use sync_core::store::{EncryptedStore, SqliteStore, StoreKey};
use sync_core::time::DeviceTime;
use sync_core::wire::DeviceSigner;
use tempfile::TempDir;
use uuid::Uuid;

use crate::actor::{Actor, EnrolledDevice};

pub use deeds::{Deed, NotDone};
pub use exchange::{Exchanged, MEDIA_TYPE};
pub use ledger::{Entry, Outcome, PhoneLedger};
pub use link::{Fate, Faults, Link};
pub use upload::Uploaded;

/// What the app says its version is.
const APP_VERSION: &str = "1.0.0";

/// One phone in somebody's pocket.
pub struct Phone {
    pub owner: Actor,
    pub device: EnrolledDevice,
    replica: Replica<EncryptedStore<SqliteStore>>,
    ledger: PhoneLedger,
    link: Link,
    time: PhoneTime,
    directory: PathBuf,
    /// Removed with the phone, unless the directory was given.
    _own_directory: Option<Arc<TempDir>>,
}

/// What the phone's clock shows: the server's, and how far it is off.
#[derive(Debug, Clone)]
struct PhoneTime {
    clock: Clock,
    ahead_ms: i64,
    /// Deeds are done at this moment instead, for days that a test does not wait for.
    day: Option<DeviceTime>,
}

impl PhoneTime {
    fn now(&self) -> DeviceTime {
        DeviceTime(self.clock.now_ms() + self.ahead_ms)
    }
}

impl Phone {
    /// A phone of this actor with everything in `directory`, whose luck is drawn from `seed`.
    pub fn set_up(owner: Actor, device: EnrolledDevice, clock: Clock, directory: &Path, seed: u64) -> Self {
        std::fs::create_dir_all(directory.join("photos")).expect("a directory for the phone");
        let ledger = PhoneLedger::open(&directory.join("ledger.jsonl")).expect("the phone's ledger");
        let replica = open(directory, &owner, &device);
        let time = PhoneTime { clock, ahead_ms: 0, day: None };
        let (link, directory) = (Link::new(seed), directory.to_owned());
        Self { owner, device, replica, ledger, link, time, directory, _own_directory: None }
    }

    /// The same in a directory of its own, in memory where that can be.
    pub fn in_own_directory(owner: Actor, device: EnrolledDevice, clock: Clock, seed: u64) -> Self {
        let directory = Arc::new(own_directory());
        let mut phone = Self::set_up(owner, device, clock, directory.path(), seed);
        phone._own_directory = Some(directory);
        phone
    }

    /// Out of reach, until [`online`](Self::online).
    pub fn offline(&mut self) -> &mut Self {
        self.link.is_up = false;
        self
    }

    /// Back in reach: exchanges until nothing is left to send or to fetch. The test fails if that does not end.
    pub async fn online(&mut self) -> &mut Self {
        self.link.is_up = true;
        let mut tries = 0;
        while self.exchange().await.must_go_on() || self.upload().await > 0 {
            tries += 1;
            assert!(tries < 400, "{} does not come to an end: {:?}", self.owner.email, self.status());
        }
        self
    }

    /// From now on its way to the server is so bad.
    pub fn with_faults(&mut self, faults: Faults) -> &mut Self {
        self.link.set_faults(faults);
        self
    }

    /// What became of its requests so far.
    pub fn fates(&self) -> &BTreeMap<Fate, usize> {
        self.link.fates()
    }

    /// In reach again; nothing is exchanged yet.
    pub fn in_reach(&mut self) -> &mut Self {
        self.link.is_up = true;
        self
    }

    /// Sets its clock so far ahead of the server's; behind, if negative.
    pub fn set_clock_ahead_ms(&mut self, ahead_ms: i64) -> &mut Self {
        self.time.ahead_ms = ahead_ms;
        self
    }

    /// Whatever is done from now on is done at this time of the phone's clock, which then stands still.
    pub fn at(&mut self, day: DeviceTime) -> &mut Self {
        self.time.day = Some(day);
        self
    }

    /// Kills the app and starts it again: a new session on the same store.
    pub fn restart(self) -> Self {
        let Self { owner, device, replica, ledger, link, time, directory, _own_directory } = self;
        drop(replica.close());
        let replica = open(&directory, &owner, &device);
        Self { owner, device, replica, ledger, link, time, directory, _own_directory }
    }

    /// A second phone made from a backup of this one, as it is at this moment: same device, same key, same store, and
    /// the ledger that says what the first was promised. Both live on.
    pub fn restored_from_backup(&self, seed: u64) -> Self {
        let directory = Arc::new(own_directory());
        // The ledger is of the first phone's promises; its copy begins with none.
        let is_copied = |file: &Path| file.extension().is_none_or(|ending| ending != "jsonl");
        for part in ["", "photos"] {
            let (from, to) = (self.directory.join(part), directory.path().join(part));
            std::fs::create_dir_all(&to).expect("a directory for the copy");
            for entry in std::fs::read_dir(from).expect("the phone's files") {
                let file = entry.expect("a file of the phone").path();
                if file.is_file() && is_copied(&file) {
                    std::fs::copy(&file, to.join(file.file_name().expect("a name"))).expect("a copy");
                }
            }
        }
        let (owner, device, clock) = (self.owner.clone(), self.device.clone(), self.time.clock.clone());
        let mut copy = Self::set_up(owner, device, clock, directory.path(), seed);
        copy._own_directory = Some(directory);
        copy
    }

    /// From now on its server answers there.
    pub fn move_to(&mut self, url: &str) -> &mut Self {
        url.clone_into(&mut self.owner.base);
        self
    }

    /// The facts that nobody has acknowledged, as the ledger says: saved and not acked.
    pub fn unsent_facts(&self) -> Vec<Uuid> {
        let mut unsent = BTreeSet::new();
        for entry in PhoneLedger::read(self.ledger.path()).expect("the phone's ledger") {
            match entry {
                Entry::Saved { fact, .. } => unsent.insert(fact),
                Entry::Acked { fact, .. } => unsent.remove(&fact),
                Entry::Sent { .. } => continue,
            };
        }
        unsent.iter().map(|fact| fact.parse().expect("an id")).collect()
    }

    /// What stands between this phone and "synced".
    pub fn status(&self) -> SyncStatus {
        self.replica.status(self.time.now())
    }

    /// The owner's visits, by time.
    pub fn agenda(&self) -> Vec<AgendaEntry> {
        self.replica.agenda()
    }

    /// The tickets on it.
    pub fn tickets(&self) -> impl Iterator<Item = &Arc<Summary>> {
        self.replica.tickets()
    }

    /// Work that was refused.
    pub fn drafts(&self) -> Vec<Arc<Draft>> {
        self.replica.drafts().cloned().collect()
    }

    /// Work that its owner did on another device and that was set aside.
    pub fn refused_elsewhere(&mut self) -> Vec<RefusedElsewhere> {
        self.replica.refused_elsewhere().expect("the phone's store")
    }

    /// Its owner has seen that.
    pub fn settle_notice(&mut self, fact: FactId) {
        self.replica.settle_notice(fact).expect("the phone's store");
    }

    /// The ticket of a visit that is on this phone.
    pub fn ticket_of(&self, visit: VisitId) -> Option<TicketId> {
        self.replica
            .tickets()
            .find(|ticket| ticket.visits.iter().any(|one| one.visit == visit))
            .map(|found| found.ticket)
    }

    /// Where work is done, if this phone has been told.
    pub fn site(&mut self, id: SiteId) -> Option<Site> {
        self.replica.site(id).expect("the phone's store")
    }

    /// For whom work is done, if this phone has been told.
    pub fn customer(&mut self, id: CustomerId) -> Option<Customer> {
        self.replica.customer(id).expect("the phone's store")
    }

    /// The articles that answer a question, as its owner finds them with or without a network.
    pub fn search(&mut self, asked: &str) -> Vec<FoundArticle> {
        self.replica.search_knowledge(asked, 50).expect("the phone's store")
    }

    /// One article, if it is here.
    pub fn article(&mut self, id: ArticleId) -> Option<Article> {
        self.replica.article(id).expect("the phone's store")
    }

    /// How far the articles are here.
    pub fn knowledge(&mut self) -> KnowledgeState {
        self.replica.knowledge().expect("the phone's store")
    }

    /// Looks at a ticket as its owner sees it; the test fails if it is not here.
    pub fn look<R>(&mut self, ticket: TicketId, look: impl FnOnce(&Sight<'_>) -> R) -> R {
        let now = self.time.now();
        self.replica.look(ticket, now, look).expect("the phone's store").expect("the ticket is on the phone")
    }

    /// The file with the server's receipts for its owner's work on a ticket.
    pub fn receipts(&mut self, ticket: TicketId) -> Vec<u8> {
        self.replica.receipts(ticket).expect("the phone's store")
    }

    /// The file that its owner is given when the phone is given up with work on it.
    pub fn export(&mut self) -> Vec<u8> {
        let now = self.time.now();
        self.replica.export(now, &Random.bytes()).expect("an export")
    }

    /// Where it keeps everything.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Its ledger, for [`check`](crate::ledger_check::check).
    pub fn ledger_path(&self) -> &Path {
        self.ledger.path()
    }
}

fn open(directory: &Path, owner: &Actor, device: &EnrolledDevice) -> Replica<EncryptedStore<SqliteStore>> {
    let store = SqliteStore::open(&directory.join("store.sqlite")).expect("the phone's store");
    let store = EncryptedStore::open(store, &STORE_KEY).expect("the phone's store");
    let identity = Identity { tenant: owner.tenant, device: device.id, user: owner.user };
    let signer: Box<dyn DeviceSigner> = Box::new(device.signer.clone());
    let opening = Opening {
        identity,
        role: Role::Engineer,
        server_keys: vec![device.server_key],
        app_version: APP_VERSION.to_owned(),
        session_nonce: Nonce(Random.bytes()),
    };
    Replica::open(store, signer, opening).expect("the phone's core")
}

/// What a platform would keep; a backup made on the same phone has it too.
const STORE_KEY: StoreKey = StoreKey([0x5e; 32]);

fn own_directory() -> TempDir {
    let memory = Path::new("/dev/shm");
    let within = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    tempfile::Builder::new().prefix("callout-phone-").tempdir_in(within).expect("a directory for the phone")
}
