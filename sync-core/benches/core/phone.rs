//! A phone as an app has it, filled by a server's signed pages.

use std::io::{Seek, Write};
use std::path::Path;

use sync_core::command;
use sync_core::document::DocumentKey;
use sync_core::ids::*;
use sync_core::policy::Role;
use sync_core::replica::{Identity, Opening, Replica};
use sync_core::store::{EncryptedStore, SqliteStore, StoreKey};
use sync_core::time::{DeviceTime, ServerTime};
use sync_core::wire::envelope::Effort;
use sync_core::wire::{Cursor, Enter, Item, ServerSigner, SoftwareDeviceSigner, SyncReply, signed};
use uuid::Uuid;

use crate::ticket::{self, DEVICE, KEY, NOON, TENANT, USER};

/// Tickets of one page.
const PAGE: usize = 500;

pub struct BenchPhone {
    replica: Replica<EncryptedStore<SqliteStore>>,
    tickets: usize,
}

impl BenchPhone {
    /// A phone that was sent so many tickets of so many changes each.
    pub fn with_tickets(path: &Path, tickets: usize, changes: usize) -> Self {
        let mut phone = Self { tickets, ..Self::open(path) };
        let numbers: Vec<usize> = (0..tickets).collect();
        for page in numbers.chunks(PAGE) {
            let items = page.iter().map(|number| enter(id_of(*number), changes)).collect();
            phone.take_in(items);
        }
        phone
    }

    pub fn open(path: &Path) -> Self {
        let opening = Opening {
            identity: Identity { tenant: TENANT, device: DEVICE, user: USER },
            role: Role::Engineer,
            server_keys: vec![server().public_key()],
            app_version: "1.0".into(),
            session_nonce: Nonce([6; 16]),
        };
        let store = EncryptedStore::open(SqliteStore::open(path).unwrap(), &StoreKey([8; 32])).unwrap();
        let signer = SoftwareDeviceSigner::from_secret(&[3; 32]).unwrap();
        Self { replica: Replica::open(store, Box::new(signer), opening).unwrap(), tickets: 0 }
    }

    /// A page that holds these.
    pub fn take_in(&mut self, items: Vec<Item>) {
        let now = DeviceTime(NOON);
        let request = self.replica.poll_request(now).unwrap().unwrap();
        let mut reply = SyncReply::new(ServerEpoch(Uuid::from_u128(9)), Cursor(vec![1; 24]), ServerTime(NOON));
        reply.items = items;
        let sealed = signed::seal(&reply.encode(), &request, Effort::Quick, &server());
        self.replica.handle_reply(&sealed, now, Nonce([7; 16])).unwrap();
    }

    /// The user types a note, on one ticket after the other.
    pub fn note(&mut self, number: usize) {
        let ticket = id_of(number % self.tickets);
        let id = FactId(Uuid::from_u128(1 << 100 | number as u128));
        let said = self.replica.execute(ticket, DeviceTime(NOON + number as i64), |sight| {
            let text = sight.seal(id, "text", "replaced the lamp at the pole, works again");
            let stamp = sight.stamp(id, Some(sight.seal(id, "place", "52.52000,13.40500")));
            command::note(&sight.ticket, &sight.author, stamp, Some(VisitId(ticket.0)), text, None)
        });
        assert_eq!(said.unwrap(), id);
    }

    /// How many articles on the first screen answer this.
    pub fn search(&mut self, asked: &str) -> usize {
        self.replica.search_knowledge(asked, 20).unwrap().len()
    }

    /// What a list on the screen shows.
    pub fn list(&self) -> usize {
        assert_eq!(self.replica.agenda().len(), self.replica.tickets().count());
        self.replica.tickets().filter(|ticket| !ticket.title.is_empty()).count()
    }
}

fn id_of(number: usize) -> TicketId {
    TicketId(Uuid::from_u128(1_000_000 + number as u128))
}

fn enter(ticket: TicketId, changes: usize) -> Item {
    let doc = ticket::of(ticket, changes);
    let (snapshot, heads) = (doc.to_travel(&DocumentKey(KEY)), doc.heads());
    Item::Enter(Enter { ticket, snapshot, heads, document_key: KEY, voucher: vec![5; 16] })
}

fn server() -> ServerSigner {
    ServerSigner::from_secret(&[1; 32])
}

/// What any durable commit costs at least.
pub fn flush_a_page(directory: &Path, number: usize) {
    let path = directory.join("page");
    let mut file = std::fs::OpenOptions::new().create(true).truncate(false).write(true).open(path).unwrap();
    file.seek(std::io::SeekFrom::Start(4096 * number as u64)).unwrap();
    file.write_all(&[7; 4096]).unwrap();
    file.sync_data().unwrap();
}
