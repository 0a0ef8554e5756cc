//! From one version of the database to the next.
//!
//! Each step is one transaction with its number, so whatever ends the process between or within steps, the next opening
//! goes on from there. Before the first step on a database that holds something, a copy of it is laid beside; it stays
//! until a later opening has found the new version whole. A full disk has no room for that copy, and goes on without.

use std::fs::File;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, TransactionBehavior};

use crate::store::StoreError;
use crate::store::files::{beside, remove, sync_directory};

/// What turns one version of the database into the next. Scripts are only ever added.
pub(super) const MIGRATIONS: &[&str] = &[
    "
    create table meta (key blob primary key not null, value blob not null) strict;
    create table ticket (key blob primary key not null, value blob not null) strict;
    create table admitted (key blob primary key not null, value blob not null) strict;
    create table summary (key blob primary key not null, value blob not null) strict;
    create table outbox (key blob primary key not null, value blob not null) strict;
    create table superseded (key blob primary key not null, value blob not null) strict;
    create table retained (key blob primary key not null, value blob not null) strict;
    create table draft (key blob primary key not null, value blob not null) strict;
    create table reference (key blob primary key not null, value blob not null) strict;
    create table intent (key blob primary key not null, value blob not null) strict;
    create table blob (key blob primary key not null, value blob not null) strict;
    create table pool_card (key blob primary key not null, value blob not null) strict;
    create table voucher (key blob primary key not null, value blob not null) strict;
",
    "
    create table set_aside (key blob primary key not null, value blob not null) strict;
",
    "
    create table notice (key blob primary key not null, value blob not null) strict;
",
    "
    create table article (key blob primary key not null, value blob not null) strict;
    create table search_index (key blob primary key not null, value blob not null) strict;
",
    "
    create table carried (key blob primary key not null, value blob not null) strict;
",
    "
    create table receipt (key blob primary key not null, value blob not null) strict;
",
];

/// Brings the database at `path` to this version.
pub(super) fn migrate(connection: &mut Connection, path: &Path, scripts: &[&str]) -> Result<(), StoreError> {
    let known = u32::try_from(scripts.len()).unwrap_or(u32::MAX);
    let found: u32 = connection.query_row("pragma user_version", [], |row| row.get(0))?;
    if found > known {
        return Err(StoreError::TooNew { found, known });
    }
    if 0 < found && found < known {
        match keep_copy(connection, path) {
            Err(StoreError::Full) | Ok(()) => {}
            Err(why) => return Err(why),
        }
    }
    for (number, script) in (1..=known).zip(scripts).skip(found as usize) {
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        tx.execute_batch(script)?;
        tx.pragma_update(None, "user_version", number)?;
        tx.commit()?;
    }
    Ok(())
}

/// A copy of the database from before its last migration, if there is one.
pub(in crate::store) fn copy_of(path: &Path) -> PathBuf {
    beside(path, "before-migration")
}

fn keep_copy(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let (copy, partial) = (copy_of(path), beside(path, "before-migration.partial"));
    if copy.exists() {
        // Of a migration that was interrupted: it is the older, and whole.
        return Ok(());
    }
    let copied = (|| {
        remove(&partial)?;
        connection.execute("vacuum into ?1", [partial.to_string_lossy()])?;
        File::open(&partial)?.sync_all()?;
        std::fs::rename(&partial, &copy)?;
        sync_directory(path)
    })();
    copied.inspect_err(|_| drop(remove(&partial)))
}
