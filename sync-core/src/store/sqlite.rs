//! The store on a phone: one SQLite file with a write-ahead log, each commit flushed to the disk.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OptionalExtension, Transaction, TransactionBehavior, params};

use crate::store::{Row, Store, StoreError, StoreTx, Table};

/// A store in a file.
#[derive(Debug)]
pub struct SqliteStore {
    connection: Connection,
}

/// An open transaction of a [`SqliteStore`].
#[derive(Debug)]
pub struct SqliteTx<'s>(Transaction<'s>);

/// What turns one version of the database into the next. Scripts are only ever added.
const MIGRATIONS: &[&str] = &[
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
];

/// How long to wait for another process, such as an app extension, before [`StoreError::Busy`].
const BUSY_WAIT: Duration = Duration::from_secs(2);

impl SqliteStore {
    /// Opens the database at `path`, creating or migrating it as needed.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(BUSY_WAIT)?;
        // The first read finds out whether this is a database at all.
        let mode: String = connection.query_row("pragma journal_mode = wal", [], |row| row.get(0))?;
        if mode != "wal" {
            return Err(StoreError::Failed(format!("no write-ahead log here, but {mode}")));
        }
        // Apple's fsync does not flush the drive; `fullfsync` does, and means nothing elsewhere.
        connection.execute_batch(
            "pragma synchronous = full;
             pragma fullfsync = on;
             pragma checkpoint_fullfsync = on;
             pragma foreign_keys = on;
             pragma trusted_schema = off;",
        )?;
        connection.set_prepared_statement_cache_capacity(4 * Table::ALL.len());
        migrate(&mut connection, MIGRATIONS)?;
        Ok(Self { connection })
    }
}

fn migrate(connection: &mut Connection, scripts: &[&str]) -> Result<(), StoreError> {
    let known = u32::try_from(scripts.len()).unwrap_or(u32::MAX);
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: u32 = tx.query_row("pragma user_version", [], |row| row.get(0))?;
    if found > known {
        return Err(StoreError::TooNew { found, known });
    }
    for script in scripts.iter().skip(found as usize) {
        tx.execute_batch(script)?;
    }
    tx.pragma_update(None, "user_version", known)?;
    tx.commit()?;
    Ok(())
}

impl Store for SqliteStore {
    type Tx<'s> = SqliteTx<'s>;

    fn begin(&mut self) -> Result<SqliteTx<'_>, StoreError> {
        Ok(SqliteTx(self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?))
    }
}

impl StoreTx for SqliteTx<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let sql = format!("select value from {} where key = ?1", table.name());
        let mut statement = self.0.prepare_cached(&sql)?;
        Ok(statement.query_row(params![key], |row| row.get(0)).optional()?)
    }

    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        let sql = format!(
            "insert into {} (key, value) values (?1, ?2) on conflict (key) do update set value = excluded.value",
            table.name()
        );
        self.0.prepare_cached(&sql)?.execute(params![key, value])?;
        Ok(())
    }

    fn delete(&mut self, table: Table, key: &[u8]) -> Result<(), StoreError> {
        let sql = format!("delete from {} where key = ?1", table.name());
        self.0.prepare_cached(&sql)?.execute(params![key])?;
        Ok(())
    }

    fn scan(&self, table: Table, prefix: &[u8]) -> Result<Vec<Row>, StoreError> {
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let from = format!("select key, value from {} where key >= ?1", table.name());
        let rows = match after(prefix) {
            Some(end) => {
                let mut statement = self.0.prepare_cached(&format!("{from} and key < ?2 order by key"))?;
                statement.query_map(params![prefix, end], row)?.collect::<Result<_, _>>()?
            }
            None => {
                let mut statement = self.0.prepare_cached(&format!("{from} order by key"))?;
                statement.query_map(params![prefix], row)?.collect::<Result<_, _>>()?
            }
        };
        Ok(rows)
    }

    fn commit(self) -> Result<(), StoreError> {
        Ok(self.0.commit()?)
    }
}

/// The first key after all that begin with `prefix`; none if they go on to the end.
fn after(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != 0xff)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged(error.to_string()),
            _ => Self::Failed(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A store in a directory that goes with it.
    struct Scratch {
        store: SqliteStore,
        _directory: tempfile::TempDir,
    }

    impl Scratch {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            Self { store: SqliteStore::open(&directory.path().join("callout.db")).unwrap(), _directory: directory }
        }
    }

    impl Store for Scratch {
        type Tx<'s> = SqliteTx<'s>;
        fn begin(&mut self) -> Result<SqliteTx<'_>, StoreError> {
            self.store.begin()
        }
    }

    crate::store_conformance!(Scratch::new());

    #[test]
    fn what_was_committed_is_there_at_the_next_opening() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("callout.db");
        let mut store = SqliteStore::open(&path).unwrap();
        let mut tx = store.begin().unwrap();
        tx.put(Table::Outbox, b"k", b"v").unwrap();
        tx.commit().unwrap();
        let mut lost = store.begin().unwrap();
        lost.put(Table::Outbox, b"lost", b"v").unwrap();
        // The process dies here, with the transaction open.
        std::mem::forget(lost);
        std::mem::forget(store);
        // A copy taken now is what a restart would find.
        for name in ["callout.db", "callout.db-wal"] {
            std::fs::copy(directory.path().join(name), directory.path().join(format!("copy-{name}"))).unwrap();
        }
        std::fs::rename(directory.path().join("copy-callout.db-wal"), directory.path().join("copy.db-wal")).unwrap();
        std::fs::rename(directory.path().join("copy-callout.db"), directory.path().join("copy.db")).unwrap();
        let mut store = SqliteStore::open(&directory.path().join("copy.db")).unwrap();
        assert_eq!(store.begin().unwrap().scan(Table::Outbox, b"").unwrap(), [(b"k".to_vec(), b"v".to_vec())]);
    }

    #[test]
    fn commits_are_flushed_and_keys_enforced() {
        let scratch = Scratch::new();
        let pragma = |name: &str| -> i64 {
            scratch.store.connection.query_row(&format!("pragma {name}"), [], |row| row.get(0)).unwrap()
        };
        assert_eq!(pragma("synchronous"), 2);
        assert_eq!(pragma("foreign_keys"), 1);
        assert_eq!(pragma("user_version"), MIGRATIONS.len() as i64);
    }

    #[test]
    fn databases_of_every_earlier_version_open() {
        for version in 0..=MIGRATIONS.len() {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("old.db");
            migrate(&mut Connection::open(&path).unwrap(), &MIGRATIONS[..version]).unwrap();
            let mut store = SqliteStore::open(&path).unwrap();
            let mut tx = store.begin().unwrap();
            for table in Table::ALL {
                tx.put(*table, b"k", b"v").unwrap();
            }
            tx.commit().unwrap();
        }
    }

    #[test]
    fn a_database_of_a_later_version_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("new.db");
        Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
        assert!(matches!(SqliteStore::open(&path), Err(StoreError::TooNew { found: 99, .. })));
    }

    #[test]
    fn what_is_no_database_says_so() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("photo.jpg");
        std::fs::write(&path, vec![7; 5000]).unwrap();
        assert!(matches!(SqliteStore::open(&path), Err(StoreError::Damaged(_))));
    }

    #[test]
    fn a_full_disk_loses_nothing_that_was_there() {
        let mut scratch = Scratch::new();
        let mut tx = scratch.begin().unwrap();
        tx.put(Table::Outbox, b"k", b"v").unwrap();
        tx.commit().unwrap();
        let pages: i64 = scratch.store.connection.query_row("pragma page_count", [], |row| row.get(0)).unwrap();
        scratch.store.connection.pragma_update(None, "max_page_count", pages).unwrap();
        let mut tx = scratch.begin().unwrap();
        let full = tx.put(Table::Outbox, b"large", &vec![0; 100_000]);
        assert_eq!(full, Err(StoreError::Full));
        drop(tx);
        let rows = scratch.begin().unwrap().scan(Table::Outbox, b"").unwrap();
        assert_eq!(rows, [(b"k".to_vec(), b"v".to_vec())]);
    }

    #[test]
    fn a_second_owner_is_told_to_wait() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("callout.db");
        let (mut first, mut second) = (SqliteStore::open(&path).unwrap(), SqliteStore::open(&path).unwrap());
        second.connection.busy_timeout(Duration::ZERO).unwrap();
        let tx = first.begin().unwrap();
        assert!(matches!(second.begin().map(drop), Err(StoreError::Busy)));
        drop(tx);
        assert!(second.begin().is_ok());
    }
}
