//! F11: no room is left on the device. What is there stays, words and signatures are still saved, photos are refused,
//! the outbox drains; and once there is room again, all goes on by itself.
//!
//! The system's own "no space left" comes from a file system in memory that is a few megabytes small. Mounting one takes
//! root, or a namespace of one's own; where neither is to be had, the observed disk says it.

use std::path::Path;
use std::process::Command;

use sync_core::ids::*;
use sync_core::replica::Replica;
use sync_core::store::{
    EncryptedStore, FreeSpace, Space, SqliteStore, Store, StoreError, StoreTx, Table, free_on_disk, open_or_salvage,
};
use sync_core::time::DeviceTime;

use crate::phone::{self, KEY, Word, ticket};
use crate::vfs::Watched;
use sync_sim::chance::Chance;
use sync_sim::server::Server;

type Phone = Replica<EncryptedStore<SqliteStore>>;

struct Full {
    replica: Phone,
    server: Server,
    chance: Chance,
    saved: Vec<(FactId, TicketId)>,
}

impl Full {
    fn say(&mut self, word: Word) -> Result<(), StoreError> {
        let now = DeviceTime(self.server.now.0);
        let said = phone::say(&mut self.replica, now, ticket(0), word, &mut self.chance)?;
        self.saved.push((said.unwrap(), ticket(0)));
        Ok(())
    }

    fn space(&self) -> Space {
        self.replica.status(DeviceTime(0)).space
    }
}

/// A phone is worked on a disk that fills up and empties again.
fn live_through_a_full_disk(path: &Path, free_space: FreeSpace, fill: impl Fn(), more: impl Fn(), empty: impl Fn()) {
    let (server, mut chance) = (phone::server_with(1), Chance(4));
    let (store, _) = open_or_salvage(path, &KEY, free_space).unwrap();
    let replica = phone::open(store, &server, &mut chance).unwrap();
    let mut phone = Full { replica, server, chance, saved: Vec::new() };
    phone::sync(&mut phone.replica, &mut phone.server, &mut phone.chance);
    phone.say(Word::Note).unwrap();
    phone.say(Word::Photo).unwrap();
    assert_eq!(phone.space(), Space::Enough);

    fill();
    // Until what the log has room for is used up.
    for _ in 0..2_000 {
        phone.say(Word::Note).unwrap();
        if phone.space() != Space::Enough {
            break;
        }
    }
    assert_eq!(phone.space(), Space::Low, "the reserve has been let go of");
    assert_eq!(phone.say(Word::Photo), Err(StoreError::Full), "a photo is refused");
    phone.say(Word::Note).expect("a text is not");
    phone::exchange(&mut phone.replica, &mut phone.server, &mut phone.chance);
    while phone.replica.status(DeviceTime(0)).unsent > 0 {
        phone::exchange(&mut phone.replica, &mut phone.server, &mut phone.chance);
    }
    for (fact, ticket) in &phone.saved {
        assert!(phone::is_at_server(&phone.server, *ticket, *fact), "the outbox drains");
    }

    more();
    let mut refused = None;
    for _ in 0..2_000 {
        if let Err(why) = phone.say(Word::Note) {
            refused = Some(why);
            break;
        }
    }
    assert_eq!((refused, phone.space()), (Some(StoreError::Full), Space::None), "there is an end to it");
    let here = phone::facts_here(&mut phone.replica);
    assert!(phone.saved.iter().all(|(fact, _)| here.contains(fact)), "all that was saved is there to be read");

    // The app is restarted on the full disk.
    drop(phone.replica);
    let (store, report) = open_or_salvage(path, &KEY, free_space).unwrap();
    assert_eq!(report, None);
    phone.replica = phone::open(store, &phone.server, &mut phone.chance).unwrap();
    phone::assert_not_lost(&mut phone.replica, &phone.server, &phone.saved, "on a full disk");

    empty();
    phone.say(Word::Note).unwrap();
    phone.say(Word::Photo).expect("there is room again, and nobody had to do anything");
    assert_eq!(phone.space(), Space::Enough);
    phone::sync(&mut phone.replica, &mut phone.server, &mut phone.chance);
    for (fact, ticket) in &phone.saved {
        assert!(phone::is_at_server(&phone.server, *ticket, *fact));
    }
}

const DIRECTORY: &str = "CALLOUT_TEST_SMALL_DISK";

/// In a namespace of its own, where one may be root and mount what one likes.
#[test]
fn f11_a_full_disk_takes_words_refuses_photos_and_goes_on_when_there_is_room() {
    if let Some(directory) = std::env::var_os(DIRECTORY) {
        return on_a_small_disk(Path::new(&directory));
    }
    let directory = tempfile::tempdir().unwrap();
    let test = std::env::current_exe().unwrap();
    let name = "full::f11_a_full_disk_takes_words_refuses_photos_and_goes_on_when_there_is_room";
    let script = "mount -t tmpfs -o size=16M callout \"$1\" || exit 77; exec \"$2\" --exact \"$3\"";
    let mounted = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"])
        .arg(directory.path())
        .arg(test)
        .arg(name)
        .env(DIRECTORY, directory.path())
        .output();
    match mounted {
        Ok(ended) if ended.status.success() => {}
        // No namespaces or no mounting here: the observed disk below says the same.
        Ok(ended) if matches!(ended.status.code(), Some(1 | 77)) => {}
        Ok(ended) => panic!("{}: {}", ended.status, String::from_utf8_lossy(&ended.stdout)),
        Err(why) => assert_eq!(why.kind(), std::io::ErrorKind::NotFound, "{why}"),
    }
}

fn on_a_small_disk(directory: &Path) {
    let path = directory.join("callout.sqlite");
    let (ballast, rest) = (directory.join("ballast"), directory.join("rest"));
    let pour = |into: &Path, leave: u64| {
        let free = free_on_disk(into).unwrap();
        std::fs::write(into, vec![1; free.saturating_sub(leave) as usize]).unwrap();
    };
    live_through_a_full_disk(
        &path,
        free_on_disk,
        || pour(&ballast, 64 << 10),
        || pour(&rest, 8 << 10),
        || [&ballast, &rest].into_iter().for_each(|file| std::fs::remove_file(file).unwrap()),
    );
}

thread_local! {
    /// What the observed disk lets the phone believe.
    static FREE: std::cell::Cell<u64> = const { std::cell::Cell::new(u64::MAX) };
}

#[test]
fn f11_an_observed_disk_without_room_takes_words_refuses_photos_and_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let watched = Watched::new(directory.path());
    let path = directory.path().join("callout.sqlite");
    let used = || -> u64 {
        let files = std::fs::read_dir(directory.path()).unwrap().flatten();
        files.map(|file| file.metadata().map_or(0, |known| known.len())).sum()
    };
    let leave = |bytes: u64| {
        watched.disk().room = Some(used() + bytes);
        FREE.set(bytes);
    };
    let empty = || {
        watched.disk().room = None;
        FREE.set(u64::MAX);
    };
    live_through_a_full_disk(&path, |_| Some(FREE.get()), || leave(64 << 10), || leave(8 << 10), empty);
}

/// A transaction larger than the memory that SQLite keeps for it has written to the disk before it is refused.
#[test]
fn f11_a_large_transaction_without_room_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let watched = Watched::new(directory.path());
    let mut store = SqliteStore::open_where(&directory.path().join("callout.sqlite"), |_| Some(0)).unwrap();
    let mut tx = store.begin().unwrap();
    tx.put(Table::Outbox, b"1", b"kept").unwrap();
    tx.commit().unwrap();
    for room in (0..30).map(|step| step * 400_000) {
        let used: u64 =
            std::fs::read_dir(directory.path()).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum();
        watched.disk().room = Some(used + room);
        let mut tx = store.begin().unwrap();
        let mut write = |n: u8| tx.put(Table::Blob, &[n], &vec![n; 100_000]);
        let written = (0..60).try_for_each(&mut write);
        let done = written.and_then(|()| tx.commit());
        watched.disk().room = None;
        let tx = store.begin().unwrap();
        let rows = tx.scan(Table::Blob, b"").unwrap().len();
        assert_eq!(tx.get(Table::Outbox, b"1").unwrap().as_deref(), Some(&b"kept"[..]));
        match done {
            Ok(()) => return assert_eq!(rows, 60),
            Err(why) => assert_eq!((why, rows), (StoreError::Full, 0), "nothing half-written"),
        }
    }
    panic!("never enough room");
}
