//! Damaged files: set aside, and everything that can still be read of them carried to a fresh one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use sync_core::ids::*;
use sync_core::replica::{OpenError, Replica};
use sync_core::store::{
    EncryptedStore, FreeSpace, Salvage, SqliteStore, Store, StoreError, StoreKey, StoreTx, Table, free_on_disk,
    open_or_salvage, salvage,
};
use sync_core::time::DeviceTime;

use crate::phone::{self, KEY, Word, ticket};
use sync_sim::chance::Chance;
use sync_sim::server::Server;

const PAGE: usize = 4096;
const TICKETS: u128 = 3;
/// No room for a reserve: writing it would take longer than all the rest.
const NO_ROOM: FreeSpace = |_| Some(0);

type Phone = Replica<EncryptedStore<SqliteStore>>;

/// A file with some weeks of work in it, and what was saved.
struct Worked {
    /// Database and log, as bytes.
    file: Vec<u8>,
    log: Vec<u8>,
    server: Server,
    saved: Vec<(FactId, TicketId)>,
    /// Every row as it is sealed in the file.
    sealed: BTreeMap<(Table, Vec<u8>), Vec<u8>>,
}

fn worked(keep_log: bool) -> Worked {
    let directory = phone::scratch();
    let path = directory.path().join("callout.sqlite");
    let (mut server, mut chance, mut saved) = (phone::server_with(TICKETS), Chance(11), Vec::new());
    let (store, _) = open_or_salvage(&path, &KEY, free_on_disk).unwrap();
    let mut replica = phone::open(store, &server, &mut chance).unwrap();
    phone::sync(&mut replica, &mut server, &mut chance);
    for round in 0..60 {
        server.now.0 += 60_000;
        let word = match round % 6 {
            0 => Word::Step(round / 12),
            1 => Word::Photo,
            2 if round < 12 => Word::Forbidden,
            _ => Word::Note,
        };
        let at = ticket(round as u128 % TICKETS);
        if let Some(fact) = phone::say(&mut replica, DeviceTime(server.now.0), at, word, &mut chance).unwrap() {
            saved.push((fact, at));
        }
        if round < 30 && round % 5 == 0 {
            phone::exchange(&mut replica, &mut server, &mut chance);
        }
    }
    let log = std::fs::read(directory.path().join("callout.sqlite-wal")).unwrap();
    if keep_log {
        let file = std::fs::read(&path).unwrap();
        return Worked { file, log, server, saved, sealed: BTreeMap::new() };
    }
    let mut store = replica.close().into_within();
    let tx = store.begin().unwrap();
    let mut sealed = BTreeMap::new();
    for table in Table::ALL {
        sealed.extend(tx.scan(*table, b"").unwrap().into_iter().map(|(key, value)| ((*table, key), value)));
    }
    drop(tx);
    drop(store);
    Worked { file: std::fs::read(&path).unwrap(), log: Vec::new(), server, saved, sealed }
}

impl Worked {
    /// The small rows, with the pages where their bytes stand: a page that was split may still show what moved away.
    fn placed(&self) -> BTreeMap<&(Table, Vec<u8>), BTreeSet<usize>> {
        let is_at = |at: usize, value: &[u8]| self.file[at..].starts_with(value);
        let pages = |value: &[u8]| (0..self.file.len()).filter(|at| is_at(*at, value)).map(|at| at / PAGE).collect();
        let small = self.sealed.iter().filter(|(_, value)| (100..1000).contains(&value.len()));
        small.map(|(name, value)| (name, pages(value))).collect()
    }
}

/// Puts the files into a directory, and opens the phone, whatever it takes.
fn open(path: &Path, server: &Server, chance: &mut Chance) -> (Phone, Option<Salvage>) {
    let mut opened = open_or_salvage(path, &KEY, NO_ROOM);
    for _ in 0..3 {
        let (store, report) = opened.unwrap();
        match phone::open(store, server, chance) {
            Ok(mut replica) => {
                let tickets: Vec<TicketId> = replica.tickets().map(|summary| summary.ticket).collect();
                let look = |id: &TicketId| replica.look(*id, DeviceTime(0), |_| ()).err();
                match tickets.iter().find_map(look) {
                    None => return (replica, report),
                    Some(StoreError::Damaged(_)) => drop(replica),
                    Some(why) => panic!("{why}"),
                }
            }
            Err(OpenError::Store(StoreError::Damaged(_))) => {}
            Err(why) => panic!("{why}"),
        }
        opened = salvage(path, &KEY, NO_ROOM);
    }
    panic!("does not open");
}

/// The same, and everything sent and fetched. Damage that is met only then is dealt with as an app does: by opening anew.
fn open_and_sync(path: &Path, server: &mut Server, chance: &mut Chance) -> (Phone, Option<Salvage>) {
    for _ in 0..3 {
        let (mut replica, report) = open(path, server, chance);
        match phone::try_sync(&mut replica, server, chance) {
            Ok(()) => return (replica, report),
            Err(StoreError::Damaged(_)) => drop(replica),
            Err(why) => panic!("{why}"),
        }
        salvage(path, &KEY, NO_ROOM).map(drop).unwrap();
    }
    panic!("is damaged again and again");
}

fn lay_out(worked: &Worked, file: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let directory = phone::scratch();
    let path = directory.path().join("callout.sqlite");
    std::fs::write(&path, file).unwrap();
    if !worked.log.is_empty() {
        std::fs::write(directory.path().join("callout.sqlite-wal"), &worked.log).unwrap();
    }
    (directory, path)
}

/// Damages the bytes, and says which pages.
fn damage(file: &mut Vec<u8>, chance: &mut Chance) -> BTreeSet<usize> {
    let pages = file.len() / PAGE;
    let hit = chance.below(pages);
    let page = hit * PAGE..(hit + 1) * PAGE;
    match chance.below(5) {
        0 => {
            let at = page.start + chance.below(PAGE);
            file[at] ^= 1 << chance.below(8);
        }
        1 => file[page].fill(0),
        2 => file[page].fill_with(|| chance.number() as u8),
        3 => {
            file.truncate(page.start + chance.below(PAGE));
            return (hit..pages).collect();
        }
        _ => {
            // A page is in the place of another one.
            let other = chance.below(pages) * PAGE;
            let copy = file[other..other + PAGE].to_vec();
            file[page].copy_from_slice(&copy);
        }
    }
    BTreeSet::from([hit])
}

/// How many times as long as usual this is to look.
fn times() -> u64 {
    std::env::var("CALLOUT_SEEDS").ok().and_then(|number| number.parse().ok()).unwrap_or(1)
}

#[test]
fn what_can_be_read_of_a_damaged_file_is_carried_to_a_fresh_one() {
    let worked = worked(false);
    let placed = worked.placed();
    assert!(placed.len() > 40 && worked.file.len() > 40 * PAGE, "{} {}", placed.len(), worked.file.len() / PAGE);
    let mut salvaged = 0;
    let seeds = 150 * times();
    for seed in 0..seeds {
        let (mut chance, mut file) = (Chance(seed), worked.file.clone());
        let damaged = damage(&mut file, &mut chance);
        let (directory, path) = lay_out(&worked, &file);
        let opened = open_or_salvage(&path, &KEY, NO_ROOM);
        if opened.as_ref().is_err_and(|why| *why == StoreError::WrongKey) {
            // Of a file of which nothing opens, nobody can say whose it was.
            assert!(placed.values().all(|pages| !pages.is_disjoint(&damaged)), "seed {seed}");
            continue;
        }
        let (mut store, report) = opened.unwrap();
        if let Some(report) = &report {
            salvaged += 1;
            assert_eq!(std::fs::read(&report.set_aside).unwrap(), file, "set aside as it was found (seed {seed})");
        }
        // Each row that stands on a page of its own that is whole, reads as it did.
        let tx = store.begin().unwrap();
        let whole = placed.iter().filter(|(_, pages)| pages.is_disjoint(&damaged)).map(|(name, _)| *name);
        for (table, key) in whole.filter(|(table, key)| !table.comes_again() && key != b"encrypted") {
            let is_there = tx.get(*table, key).unwrap().is_some();
            assert!(is_there, "a row of {} on a page that is whole is lost (seed {seed}): {report:?}", table.name());
        }
        drop((tx, directory));
    }
    assert!(salvaged > seeds / 4, "{salvaged} of {seeds}");
}

#[test]
fn a_phone_whose_file_was_damaged_goes_on_and_agrees_with_the_server() {
    let worked = worked(false);
    for seed in 1000..1000 + 40 * times() {
        let (mut chance, mut file, mut server) = (Chance(seed), worked.file.clone(), worked.server.clone());
        let damaged = damage(&mut file, &mut chance);
        let (_directory, path) = lay_out(&worked, &file);
        let (mut replica, report) = open_and_sync(&path, &mut server, &mut chance);
        for n in 0..TICKETS {
            let heads = replica.look(ticket(n), DeviceTime(0), |sight| sight.ticket.doc.heads()).unwrap();
            assert_eq!(heads, Some(server.tickets[&ticket(n)].heads()), "seed {seed}");
        }
        let lost = worked.saved.iter().filter(|(fact, at)| !phone::is_at_server(&server, *at, *fact)).count();
        let status = replica.status(DeviceTime(0));
        // Its author hears of it: of each lost entry, where one page is damaged, for the index that names it stands on
        // another. Where the file ends early the index is gone with the rows, and only that it was damaged is known.
        let counted = status.set_aside + report.as_ref().map_or(0, Salvage::lost_rows);
        match damaged.len() {
            1 => assert!(lost <= counted, "{lost} lost, {counted} told of (seed {seed}): {report:?}"),
            _ => assert!(lost == 0 || report.is_some(), "{lost} lost in silence (seed {seed})"),
        }
        // A page of so short work holds a handful of rows.
        assert!(lost <= 12 * damaged.len(), "{lost} lost with {} pages (seed {seed})", damaged.len());
        assert!(phone::say(&mut replica, DeviceTime(0), ticket(0), Word::Note, &mut chance).unwrap().is_some());
    }
}

const LOG_HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

/// Frames of the log that count. Behind them stand those from before it was last begun anew, under another salt.
fn live_frames(log: &[u8]) -> usize {
    let frames = log[LOG_HEADER..].chunks_exact(FRAME_HEADER + PAGE);
    frames.take_while(|frame| frame[8..16] == log[16..24]).count()
}

#[test]
fn what_stands_in_the_log_alone_is_carried_too() {
    let worked = worked(true);
    let mut file = worked.file.clone();
    // Not a database any more, whatever its log says.
    file.resize(8 * PAGE, 0);
    file[..PAGE].fill(7);
    let (_directory, path) = lay_out(&worked, &file);
    let (log, mut server, mut chance) = (path.with_file_name("callout.sqlite-wal"), worked.server.clone(), Chance(1));
    // And a frame in its middle is damaged: SQLite would end there.
    let mut bytes = std::fs::read(&log).unwrap();
    let live = live_frames(&bytes);
    assert!(live > 2, "{live} frames since the log was begun anew");
    let frame = LOG_HEADER + live / 2 * (FRAME_HEADER + PAGE) + FRAME_HEADER;
    bytes[frame..frame + 100].iter_mut().for_each(|byte| *byte ^= 0xff);
    std::fs::write(&log, &bytes).unwrap();
    std::fs::write(&path, &file).unwrap();
    let (mut replica, report) = match open_or_salvage(&path, &KEY, NO_ROOM) {
        // Whether SQLite makes something of the log or not.
        Ok((store, report)) => (phone::open(store, &server, &mut chance).unwrap(), report),
        Err(why) => panic!("{why}"),
    };
    assert!(report.is_some());
    phone::sync(&mut replica, &mut server, &mut chance);
    let lost = worked.saved.iter().filter(|(fact, at)| !phone::is_at_server(&server, *at, *fact)).count();
    assert!(lost <= 2, "{lost} of {}", worked.saved.len());
}

#[test]
fn pages_that_the_file_takes_for_free_are_read_all_the_same() {
    let worked = worked(false);
    let unsent = worked.sealed.keys().filter(|(table, _)| *table == Table::Outbox).count();
    for trunk in (2..worked.file.len() / PAGE).step_by(4) {
        let mut file = worked.file.clone();
        file[..16].fill(0);
        file[32..36].copy_from_slice(&(trunk as u32).to_be_bytes());
        let (_directory, path) = lay_out(&worked, &file);
        let (mut store, report) = open_or_salvage(&path, &KEY, NO_ROOM).unwrap();
        assert!(report.is_some());
        assert_eq!(store.begin().unwrap().keys(Table::Outbox, b"").unwrap().len(), unsent, "page {trunk}");
    }
}

#[test]
fn a_key_that_does_not_fit_leaves_the_file_alone_damaged_or_not() {
    let worked = worked(false);
    let mut broken = worked.file.clone();
    broken[..100].fill(0);
    for file in [&worked.file, &broken] {
        let (directory, path) = lay_out(&worked, file);
        assert_eq!(open_or_salvage(&path, &StoreKey([8; 32]), NO_ROOM).map(drop), Err(StoreError::WrongKey));
        let names = std::fs::read_dir(directory.path()).unwrap().flatten().map(|file| file.file_name());
        assert!(names.into_iter().all(|name| !name.to_string_lossy().contains("damaged")));
        assert!(open_or_salvage(&path, &KEY, NO_ROOM).is_ok(), "with the right one it opens");
    }
}

#[test]
fn a_salvage_that_was_interrupted_is_finished_by_the_next_opening() {
    let worked = worked(false);
    let mut file = worked.file.clone();
    file[..100].fill(0);
    let beside = |path: &Path, suffix: &str| PathBuf::from(format!("{}{suffix}", path.display()));
    let rows = |path: &Path| {
        let mut store = open_or_salvage(path, &KEY, NO_ROOM).unwrap().0;
        let tx = store.begin().unwrap();
        tx.scan(Table::Outbox, b"").unwrap()
    };
    let (_directory, whole) = lay_out(&worked, &file);
    let expected = rows(&whole);
    assert!(expected.len() > 20);
    for step in 0..4 {
        let (_directory, path) = lay_out(&worked, &file);
        // As after the steps that were done: a partial file, a whole one, the log moved, the file moved.
        match step {
            0 => std::fs::write(beside(&path, ".partial"), b"half").unwrap(),
            _ => drop(std::fs::copy(&whole, beside(&path, ".carried")).unwrap()),
        }
        std::fs::write(beside(&path, "-wal"), &worked.log).unwrap();
        if step >= 2 {
            std::fs::rename(beside(&path, "-wal"), beside(&path, ".damaged-1-wal")).unwrap();
        }
        if step >= 3 {
            std::fs::rename(&path, beside(&path, ".damaged-1")).unwrap();
        }
        assert_eq!(rows(&path), expected, "step {step}");
        assert_eq!(std::fs::read(beside(&path, ".damaged-1")).unwrap(), file, "step {step}");
        assert!(!beside(&path, ".carried").exists());
    }
}
