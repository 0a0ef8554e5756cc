//! F12: the disk says that a flush has failed. What was being saved is not saved, nothing more is done with what may not
//! be on the disk, and whatever was told to be saved before and after is there when the power goes.

use sync_core::ids::*;
use sync_core::store::{EncryptedStore, SqliteStore, Store, StoreError, StoreTx, Table, open_or_salvage};
use sync_core::time::DeviceTime;

use crate::disk::{Effect, Loss, lay_out, survivors};
use crate::phone::{self, KEY, Word, ticket};
use crate::vfs::Watched;
use sync_sim::chance::Chance;

type Phone = sync_core::replica::Replica<EncryptedStore<SqliteStore>>;

fn open(path: &std::path::Path, server: &sync_sim::server::Server, chance: &mut Chance) -> Result<Phone, StoreError> {
    let (store, _) = open_or_salvage(path, &KEY, |_| Some(0))?;
    phone::open(store, server, chance).map_err(|why| match why {
        sync_core::replica::OpenError::Store(why) => why,
        why => panic!("{why}"),
    })
}

/// The host's answer to a disk that failed: close, and open again.
fn reopen(path: &std::path::Path, server: &sync_sim::server::Server, chance: &mut Chance) -> Phone {
    for _ in 0..5 {
        match open(path, server, chance) {
            Ok(phone) => return phone,
            Err(why) => assert!(matches!(why, StoreError::Suspect(_)), "{why}"),
        }
    }
    panic!("does not open again");
}

#[test]
fn f12_a_flush_that_fails_is_never_taken_for_success() {
    let mut failed_flushes = 0;
    for failing in 0..60 {
        let directory = phone::scratch();
        let path = directory.path().join("callout.sqlite");
        let watched = Watched::new(directory.path());
        let (mut server, mut chance, mut saved) = (phone::server_with(2), Chance(failing), Vec::new());
        watched.disk().failing_sync = Some(failing as usize);
        let mut replica = reopen(&path, &server, &mut chance);
        for round in 0..30_u128 {
            let now = DeviceTime(server.now.0);
            if round % 4 == 0 {
                let request = replica.poll_request(now).unwrap().unwrap();
                let reply = server.sync(&request);
                if replica.handle_reply(&reply, now, Nonce(chance.bytes())).is_err() {
                    replica = {
                        drop(replica);
                        reopen(&path, &server, &mut chance)
                    };
                }
            }
            let at = ticket(round % 2);
            match phone::say(&mut replica, now, at, Word::Note, &mut chance) {
                Ok(said) => saved.extend(said.map(|fact| (fact, at))),
                Err(why) => {
                    assert!(matches!(why, StoreError::Suspect(_)), "{why}");
                    let again = phone::say(&mut replica, now, at, Word::Note, &mut chance);
                    assert!(matches!(again, Err(StoreError::Suspect(_))), "nothing is done until it was opened anew");
                    drop(replica);
                    replica = reopen(&path, &server, &mut chance);
                }
            }
            if round == 15 {
                // An ordinary restart, which empties the log into the file.
                drop(replica);
                replica = reopen(&path, &server, &mut chance);
            }
        }
        // The power goes, and with it all that the disk never had.
        let effects = watched.disk().effects.clone();
        failed_flushes += effects.iter().filter(|effect| matches!(effect, Effect::SyncFailed { .. })).count();
        drop(replica);
        let left = phone::scratch();
        lay_out(&survivors(&effects, Loss::All, &mut chance), left.path());
        let mut replica = open(&left.path().join("callout.sqlite"), &server, &mut chance).unwrap();
        assert!(saved.len() > 20);
        phone::assert_not_lost(&mut replica, &server, &saved, &format!("after flush {failing} failed"));
        phone::sync(&mut replica, &mut server, &mut chance);
        for (fact, at) in saved {
            assert!(phone::is_at_server(&server, at, fact));
        }
    }
    assert!(failed_flushes > 35, "{failed_flushes}");
}

#[test]
fn f12_a_store_whose_disk_failed_does_nothing_until_it_is_opened_anew() {
    let directory = phone::scratch();
    let path = directory.path().join("callout.sqlite");
    let watched = Watched::new(directory.path());
    let mut store = SqliteStore::open_where(&path, |_| Some(0)).unwrap();
    watched.disk().failing_sync = Some(0);
    let mut tx = store.begin().unwrap();
    tx.put(Table::Outbox, b"1", b"lost").unwrap();
    assert!(matches!(tx.commit(), Err(StoreError::Suspect(_))));
    assert!(matches!(store.begin().map(drop), Err(StoreError::Suspect(_))));
    drop(store);
    let mut store = SqliteStore::open_where(&path, |_| Some(0)).unwrap();
    let mut tx = store.begin().unwrap();
    tx.put(Table::Outbox, b"2", b"kept").unwrap();
    tx.commit().unwrap();
}
