//! The store on a phone: one SQLite file with a write-ahead log, each commit flushed to the disk.

mod migrate;
mod reserve;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OptionalExtension, ffi, params};

use crate::store::{Row, Space, Store, StoreError, StoreTx, Table};

pub(super) use migrate::copy_of;
pub use reserve::{FreeSpace, free_on_disk};

use migrate::{MIGRATIONS, migrate};
use reserve::Reserve;

/// A store in a file.
#[derive(Debug)]
pub struct SqliteStore {
    connection: Connection,
    reserve: Reserve,
    /// The disk failed, or the file is damaged: nothing is done any more until it has been opened anew.
    fault: RefCell<Option<StoreError>>,
    /// The last transaction found no room, not even the reserve.
    is_full: bool,
    /// This opening brought the database to this version.
    has_migrated: bool,
}

/// An open transaction of a [`SqliteStore`].
#[derive(Debug)]
pub struct SqliteTx<'s> {
    store: &'s mut SqliteStore,
    /// What was done so far: done again where the first attempt found no room.
    written: Vec<Written>,
}

#[derive(Debug)]
struct Written {
    table: Table,
    key: Vec<u8>,
    /// None: the row was removed.
    value: Option<Vec<u8>>,
}

/// How long to wait for another process, such as an app extension, before [`StoreError::Busy`].
const BUSY_WAIT: Duration = Duration::from_secs(2);

impl SqliteStore {
    /// Opens the database at `path`, creating or migrating it as needed.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::open_where(path, free_on_disk)
    }

    /// As [`open`](Self::open), where the platform knows better how much room there is.
    pub fn open_where(path: &Path, free_space: FreeSpace) -> Result<Self, StoreError> {
        let mut reserve = Reserve::of(path, free_space);
        let (connection, has_migrated) = match connect(path) {
            // Even reading takes some room: for the log's index.
            Err(StoreError::Full | StoreError::Suspect(_) | StoreError::Failed(_)) if reserve.release() => {
                connect(path)?
            }
            connected => connected?,
        };
        reserve.make();
        Ok(Self { connection, reserve, fault: RefCell::default(), is_full: false, has_migrated })
    }

    /// Whether this opening brought the database to this version.
    pub(super) fn has_migrated(&self) -> bool {
        self.has_migrated
    }

    /// Looks for damage in the tables that hold the user's own work; in all of them if they have just been migrated.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        for table in Table::ALL.iter().filter(|table| self.has_migrated || !table.comes_again()) {
            let found: String =
                self.connection
                    .query_row(&format!("pragma integrity_check({})", table.name()), [], |row| row.get(0))?;
            if found != "ok" {
                return Err(StoreError::Damaged(found));
            }
        }
        Ok(())
    }

    /// Closes the file, and leaves it and its log as they are.
    pub(super) fn abandon(self) {
        keep_log(&self.connection, true);
    }

    /// What an error of SQLite means, also for what comes next.
    fn note(&self, error: rusqlite::Error) -> StoreError {
        let error = StoreError::from(error);
        if matches!(error, StoreError::Suspect(_) | StoreError::Damaged(_)) {
            // What the system remembers may not be what is on the disk: nothing more is done with it here, and closing
            // leaves all as it is.
            self.fault.borrow_mut().get_or_insert_with(|| error.clone());
            keep_log(&self.connection, true);
        }
        error
    }
}

fn connect(path: &Path) -> Result<(Connection, bool), StoreError> {
    let mut connection = Connection::open(path)?;
    // Should anything be wrong, all stays as it was found.
    keep_log(&connection, true);
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
         pragma journal_size_limit = 4194304;
         pragma foreign_keys = on;
         pragma trusted_schema = off;",
    )?;
    // A log that an earlier process left may hold what was never flushed, though it reads well: after a failed flush
    // the system forgets. Written to the file once more, it is on the disk before anything is built on it.
    let checkpoint = connection.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(()));
    match checkpoint.map_err(StoreError::from) {
        Err(StoreError::Full | StoreError::Busy) | Ok(()) => {}
        Err(why) => return Err(why),
    }
    connection.set_prepared_statement_cache_capacity(4 * Table::ALL.len());
    let before: u32 = connection.query_row("pragma user_version", [], |row| row.get(0))?;
    migrate(&mut connection, path, MIGRATIONS)?;
    keep_log(&connection, false);
    Ok((connection, before as usize != MIGRATIONS.len()))
}

/// Whether closing leaves the log as it is, instead of emptying it into the file.
fn keep_log(connection: &Connection, keep: bool) {
    // The option is there in every SQLite since 2016; without it, closing does a little more than it should.
    let _ = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep);
}

impl Store for SqliteStore {
    type Tx<'s> = SqliteTx<'s>;

    fn begin(&mut self) -> Result<SqliteTx<'_>, StoreError> {
        if let Some(fault) = self.fault() {
            return Err(fault);
        }
        self.reserve.make();
        if let Err(error) = self.connection.execute_batch("begin immediate") {
            return Err(self.note(error));
        }
        Ok(SqliteTx { store: self, written: Vec::new() })
    }

    fn fault(&self) -> Option<StoreError> {
        self.fault.borrow().clone()
    }

    fn space(&self) -> Space {
        match (self.is_full, self.reserve.is_held()) {
            (true, _) => Space::None,
            (false, false) => Space::Low,
            (false, true) => Space::Enough,
        }
    }
}

impl SqliteTx<'_> {
    /// Does it; where there is no room, lets go of the reserve and does all of the transaction again.
    fn attempt(&mut self, work: impl Fn(&Connection) -> rusqlite::Result<()>) -> Result<(), StoreError> {
        let Err(error) = work(&self.store.connection) else { return Ok(()) };
        let error = self.store.note(error);
        if error != StoreError::Full || !self.store.reserve.release() {
            self.store.is_full |= error == StoreError::Full;
            return Err(error);
        }
        let again = self.write_again().and_then(|()| work(&self.store.connection));
        again.map_err(|error| {
            let error = self.store.note(error);
            self.store.is_full |= error == StoreError::Full;
            error
        })
    }

    fn write_again(&self) -> rusqlite::Result<()> {
        let connection = &self.store.connection;
        if !connection.is_autocommit() {
            connection.execute_batch("rollback")?;
        }
        connection.execute_batch("begin immediate")?;
        self.written.iter().try_for_each(|written| written.apply(connection))
    }

    fn write(&mut self, written: Written) -> Result<(), StoreError> {
        self.attempt(|connection| written.apply(connection))?;
        self.written.push(written);
        Ok(())
    }

    fn read_row(&self, table: Table, key: &[u8]) -> rusqlite::Result<Option<Vec<u8>>> {
        let sql = format!("select value from {} where key = ?1", table.name());
        let mut statement = self.store.connection.prepare_cached(&sql)?;
        statement.query_row(params![key], |row| row.get(0)).optional()
    }

    fn read_rows(&self, table: Table, prefix: &[u8]) -> rusqlite::Result<Vec<Row>> {
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let from = format!("select key, value from {} where key >= ?1", table.name());
        match after(prefix) {
            Some(end) => {
                let mut statement =
                    self.store.connection.prepare_cached(&format!("{from} and key < ?2 order by key"))?;
                statement.query_map(params![prefix, end], row)?.collect()
            }
            None => {
                let mut statement = self.store.connection.prepare_cached(&format!("{from} order by key"))?;
                statement.query_map(params![prefix], row)?.collect()
            }
        }
    }
}

impl Written {
    fn apply(&self, connection: &Connection) -> rusqlite::Result<()> {
        let table = self.table.name();
        match &self.value {
            Some(value) => {
                let insert = format!("insert into {table} (key, value) values (?1, ?2)");
                let sql = format!("{insert} on conflict (key) do update set value = excluded.value");
                connection.prepare_cached(&sql)?.execute(params![self.key, value])?;
            }
            None => {
                let sql = format!("delete from {table} where key = ?1");
                connection.prepare_cached(&sql)?.execute(params![self.key])?;
            }
        }
        Ok(())
    }
}

impl StoreTx for SqliteTx<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.read_row(table, key).map_err(|error| self.store.note(error))
    }

    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.write(Written { table, key: key.to_vec(), value: Some(value.to_vec()) })
    }

    fn delete(&mut self, table: Table, key: &[u8]) -> Result<(), StoreError> {
        self.write(Written { table, key: key.to_vec(), value: None })
    }

    fn scan(&self, table: Table, prefix: &[u8]) -> Result<Vec<Row>, StoreError> {
        self.read_rows(table, prefix).map_err(|error| self.store.note(error))
    }

    fn commit(mut self) -> Result<(), StoreError> {
        self.attempt(|connection| connection.execute_batch("commit"))?;
        self.store.is_full &= self.written.is_empty();
        Ok(())
    }

    fn space(&self) -> Space {
        self.store.space()
    }
}

impl Drop for SqliteTx<'_> {
    fn drop(&mut self) {
        if !self.store.connection.is_autocommit() {
            // Should it fail, the next transaction does not begin, and says why.
            let _ = self.store.connection.execute_batch("rollback");
        }
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
        let extended = error.sqlite_error().map(|error| error.extended_code);
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            // No room for the log's index.
            Some(ErrorCode::SystemIoFailure) if extended == Some(ffi::SQLITE_IOERR_SHMSIZE) => Self::Full,
            Some(ErrorCode::SystemIoFailure) => Self::Suspect(error.to_string()),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged(error.to_string()),
            _ => Self::Failed(error.to_string()),
        }
    }
}
