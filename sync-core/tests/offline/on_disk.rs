//! The same replica on SQLite: what was saved is there after the process is gone, whenever it went.

use std::path::Path;

use sync_core::command;
use sync_core::ids::*;
use sync_core::policy::Role;
use sync_core::replica::{Identity, Opening, Replica};
use sync_core::store::SqliteStore;
use sync_core::time::DeviceTime;
use sync_core::wire::{DeviceSigner, SoftwareDeviceSigner};

use sync_sim::chance::Chance;
use sync_sim::server::{Server, TENANT};

const ANA: UserId = UserId(uuid::Uuid::from_u128(0xa));
const TICKET: TicketId = TicketId(uuid::Uuid::from_u128(1000));

/// Another process on a copy of the file as it is at this moment, as after a kill.
fn crash_and_open(path: &Path, server: &Server, identity: Identity, chance: &mut Chance) -> Replica<SqliteStore> {
    let copy = path.with_extension(format!("{}.db", chance.number()));
    std::fs::copy(path, &copy).unwrap();
    let wal = |path: &Path| path.with_file_name(format!("{}-wal", path.file_name().unwrap().display()));
    if wal(path).exists() {
        std::fs::copy(wal(path), wal(&copy)).unwrap();
    }
    open(&copy, server, identity, chance)
}

fn open(path: &Path, server: &Server, identity: Identity, chance: &mut Chance) -> Replica<SqliteStore> {
    let opening = Opening {
        identity,
        role: Role::Engineer,
        server_keys: vec![server.signer.public_key()],
        app_version: "1.0".into(),
        session_nonce: Nonce(chance.bytes()),
    };
    Replica::open(SqliteStore::open(path).unwrap(), Box::new(signer()), opening).unwrap()
}

fn signer() -> SoftwareDeviceSigner {
    SoftwareDeviceSigner::from_secret(&[3; 32]).unwrap()
}

fn exchange(replica: &mut Replica<SqliteStore>, server: &mut Server, chance: &mut Chance) {
    let now = DeviceTime(server.now.0);
    let request = replica.poll_request(now).unwrap().unwrap();
    let reply = server.sync(&request);
    replica.handle_reply(&reply, now, Nonce(chance.bytes())).unwrap();
}

fn note(replica: &mut Replica<SqliteStore>, server: &Server, chance: &mut Chance) -> FactId {
    let id = FactId(chance.uuid());
    let said = replica.execute(TICKET, DeviceTime(server.now.0), |sight| {
        let text = sight.seal(id, "text", "a note");
        command::note(&sight.ticket, &sight.author, sight.stamp(id, None), Some(VisitId(TICKET.0)), text, None)
    });
    said.unwrap()
}

#[test]
fn what_was_saved_survives_a_kill_at_any_moment() {
    let mut chance = Chance(7);
    let mut server = Server::new(1);
    server.create_ticket(TICKET);
    server.show(TICKET, ANA);
    let identity = Identity { tenant: TENANT, device: DeviceId(chance.uuid()), user: ANA };
    server.devices.insert(identity.device, (ANA, signer().public_key()));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("callout.db");
    let mut replica = open(&path, &server, identity, &mut chance);
    exchange(&mut replica, &mut server, &mut chance);
    assert_eq!(replica.agenda().len(), 1);

    let mut saved = Vec::new();
    for n in 0..12 {
        saved.push(note(&mut replica, &server, &mut chance));
        let mut other = crash_and_open(&path, &server, identity, &mut chance);
        assert_eq!(other.status(DeviceTime(server.now.0)).unsent, n + 1);
        // Every second time the twin gets to the server first.
        if n % 2 == 0 {
            exchange(&mut other, &mut server, &mut chance);
        }
        let doc = other.look(TICKET, DeviceTime(0), |sight| sight.ticket.doc.clone()).unwrap().unwrap();
        assert!(saved.iter().all(|id| doc.fact(*id).is_some()));
    }
    exchange(&mut replica, &mut server, &mut chance);
    exchange(&mut replica, &mut server, &mut chance);
    assert_eq!(replica.status(DeviceTime(server.now.0)).unsent, 0);
    let doc = &server.tickets[&TICKET];
    assert!(saved.iter().all(|id| doc.fact(*id).is_some()));
    assert_eq!(server.said(TICKET), saved.len());

    let mut again = crash_and_open(&path, &server, identity, &mut chance);
    let theirs = again.look(TICKET, DeviceTime(0), |sight| sight.ticket.doc.heads()).unwrap().unwrap();
    assert_eq!(theirs, server.tickets[&TICKET].heads());
}
