//! F27: a phone is updated, and its power goes in the middle of it.

use std::path::Path;

use sync_core::store::{Row, SqliteStore, Store, StoreTx, Table, open_or_salvage};
use sync_core::time::DeviceTime;

use crate::disk::{Loss, lay_out, survivors};
use crate::phone::{self, KEY, Word, ticket};
use crate::vfs::Watched;
use sync_sim::chance::Chance;

/// Tables that version 1 did not have.
const LATER: [Table; 6] =
    [Table::SetAside, Table::Notice, Table::Article, Table::SearchIndex, Table::Carried, Table::Receipt];

/// A phone's file as version 1 of the store left it.
fn of_version_1(path: &Path) -> Vec<(Table, Row)> {
    let (mut server, mut chance) = (phone::server_with(2), Chance(2));
    let (store, _) = open_or_salvage(path, &KEY, |_| Some(0)).unwrap();
    let mut replica = phone::open(store, &server, &mut chance).unwrap();
    phone::sync(&mut replica, &mut server, &mut chance);
    for _ in 0..8 {
        phone::say(&mut replica, DeviceTime(server.now.0), ticket(0), Word::Note, &mut chance).unwrap();
    }
    drop(replica);
    let database = rusqlite::Connection::open(path).unwrap();
    let drops: String = LATER.iter().map(|table| format!("drop table {}; ", table.name())).collect();
    database.execute_batch(&format!("{drops}pragma user_version = 1")).unwrap();
    drop(database);
    std::fs::remove_file(path.with_file_name("callout.sqlite-wal")).unwrap_or_default();
    rows(path, "where it was")
}

/// Every row of the tables of version 1, read without the store.
fn rows(path: &Path, what: &str) -> Vec<(Table, Row)> {
    let database = rusqlite::Connection::open(path).unwrap();
    let mut rows = Vec::new();
    for table in Table::ALL.iter().filter(|table| !LATER.contains(table)) {
        let sql = format!("select key, value from {} order by key", table.name());
        let mut statement = database.prepare(&sql).unwrap_or_else(|why| panic!("{what}: {why}"));
        let found = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.extend(found.map(|row| (*table, row.unwrap())));
    }
    rows
}

#[test]
fn f27_power_lost_at_every_write_of_a_migration_leaves_a_phone_that_opens() {
    let directory = phone::scratch();
    let before = directory.path().join("callout.sqlite");
    let expected = of_version_1(&before);
    assert!(expected.len() > 12);
    let old = std::fs::read(&before).unwrap();
    // The observed disk begins with the old file on it, flushed.
    let scratch = phone::scratch();
    let watched = Watched::new(scratch.path());
    let path = scratch.path().join("callout.sqlite");
    std::fs::write(&path, &old).unwrap();
    watched.already_holds("callout.sqlite", &old);
    let start = watched.now();
    drop(open_or_salvage(&path, &KEY, |_| Some(0)).unwrap());
    let effects = watched.disk().effects.clone();
    assert!(effects.len() > start + 10);
    for at in start..=effects.len() {
        for loss in Loss::ALL {
            let left = phone::scratch();
            lay_out(&survivors(&effects[..at], loss, &mut Chance(at as u64)), left.path());
            let path = left.path().join("callout.sqlite");
            let (mut store, report) = open_or_salvage(&path, &KEY, |_| Some(0)).unwrap();
            assert_eq!(report, None, "{loss:?} after {at} effects");
            store.begin().unwrap().keys(Table::SetAside, b"").unwrap();
            drop(store);
            assert!(rows(&path, "migrated") == expected, "{loss:?} after {at} effects: not the same rows");
        }
    }
}

#[test]
fn f27_a_copy_from_before_stays_until_the_new_version_was_opened_again() {
    let directory = phone::scratch();
    let path = directory.path().join("callout.sqlite");
    let expected = of_version_1(&path);
    let copy = directory.path().join("callout.sqlite.before-migration");
    assert!(!copy.exists());
    drop(open_or_salvage(&path, &KEY, |_| Some(0)).unwrap());
    assert!(rows(&copy, "the copy") == expected);
    drop(open_or_salvage(&path, &KEY, |_| Some(0)).unwrap());
    assert!(!copy.exists(), "the new version was whole at two openings");
    assert!(rows(&path, "migrated") == expected);
}

#[test]
fn f27_what_a_migrated_file_has_lost_comes_from_the_copy() {
    let directory = phone::scratch();
    let path = directory.path().join("callout.sqlite");
    of_version_1(&path);
    drop(open_or_salvage(&path, &KEY, |_| Some(0)).unwrap());
    let outbox = |path: &Path| {
        let mut store = SqliteStore::open_where(path, |_| Some(0)).unwrap();
        let tx = store.begin().unwrap();
        tx.keys(Table::Outbox, b"").unwrap()
    };
    let expected = outbox(&path);
    // Of the new file nothing is left but its first page.
    let mut file = std::fs::read(&path).unwrap();
    file[4096..].fill(0);
    std::fs::write(&path, file).unwrap();
    let (store, report) = open_or_salvage(&path, &KEY, |_| Some(0)).unwrap();
    assert!(report.is_some());
    drop(store);
    assert_eq!((outbox(&path), expected.len()), (expected, 8));
}
