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
        migrate(&mut Connection::open(&path).unwrap(), &path, &MIGRATIONS[..version]).unwrap();
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
