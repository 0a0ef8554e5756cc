//! Opening a phone's file whatever became of it: what can be read of a damaged one is carried to a fresh one.
//!
//! The rows are found page by page, and each is known by its own seal: it says that the row is ours, whole, of this
//! table and this key, whatever else in the file is wrong. The damaged file is set aside under another name and never
//! deleted. Nothing is set aside for a key that does not fit.
//!
//! Four steps, each of which a later opening goes on from: a partial file is filled; it is given its own name once it is
//! whole and flushed; the damaged file, its log first, gives way; the carried one takes its place.

mod pages;
mod cells;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use prost::Message;

use crate::store::encrypted::{Reader, is_witness};
use crate::store::files::{beside, log_index_of, log_of, remove, sync_directory};
use crate::store::sqlite::copy_of;
use crate::store::{EncryptedStore, FreeSpace, SqliteStore, Store, StoreError, StoreKey, StoreTx, Table};

use cells::Index;
use pages::Pages;

/// What became of a damaged file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Salvage {
    /// The how manieth damaged file of this phone it was.
    pub number: u32,
    /// Where it stands, untouched.
    pub set_aside: PathBuf,
    /// How many rows of each table are in the fresh file.
    pub carried: BTreeMap<Table, usize>,
    /// How many more the indexes name: an index that is damaged itself names too few.
    pub lost: BTreeMap<Table, usize>,
    /// Rows that were found and did not open, of whatever table.
    pub unreadable: usize,
}

#[derive(Clone, PartialEq, prost::Message)]
struct SalvageRow {
    #[prost(uint32, tag = "1")]
    number: u32,
    #[prost(string, tag = "2")]
    set_aside: String,
    #[prost(btree_map = "string, uint64", tag = "3")]
    carried: BTreeMap<String, u64>,
    #[prost(btree_map = "string, uint64", tag = "4")]
    lost: BTreeMap<String, u64>,
    #[prost(uint64, tag = "5")]
    unreadable: u64,
}

/// The last salvage of this phone, in the table of the device.
const SALVAGE: &[u8] = b"salvage";

type Rows = BTreeMap<(Table, Vec<u8>), Vec<u8>>;

/// Opens the store of a phone in this file, or begins one. If the file was damaged, now or at some earlier opening, says
/// what the last salvage came to.
pub fn open_or_salvage(
    path: &Path,
    key: &StoreKey,
    free_space: FreeSpace,
) -> Result<(EncryptedStore<SqliteStore>, Option<Salvage>), StoreError> {
    finish(path)?;
    // SQLite does not complain of such a log, it only reads less.
    let opened = match log_of(path).exists() && Pages::of(path)?.has_damaged_log {
        true => Err(StoreError::Damaged("the log".to_owned())),
        false => open(path, key, free_space),
    };
    let mut store = match opened {
        Err(StoreError::Damaged(_)) => {
            carry(path, key)?;
            finish(path)?;
            open(path, key, free_space)?
        }
        opened => opened?,
    };
    let known = store.begin()?.get(Table::Meta, SALVAGE).ok().flatten();
    Ok((store, known.and_then(|row| Salvage::read(&row))))
}

/// As [`open_or_salvage`], for a file that did open and turned out to be damaged later. It must be closed by now.
pub fn salvage(
    path: &Path,
    key: &StoreKey,
    free_space: FreeSpace,
) -> Result<(EncryptedStore<SqliteStore>, Option<Salvage>), StoreError> {
    if !carried(path).exists() {
        carry(path, key)?;
    }
    open_or_salvage(path, key, free_space)
}

fn open(path: &Path, key: &StoreKey, free_space: FreeSpace) -> Result<EncryptedStore<SqliteStore>, StoreError> {
    let store = SqliteStore::open_where(path, free_space)?;
    if let Err(damage) = store.check() {
        store.abandon();
        return Err(damage);
    }
    let has_migrated = store.has_migrated();
    let store = EncryptedStore::open(store, key)?;
    if !has_migrated {
        // The version that the last migration brought about has now been opened twice, and was whole both times.
        remove(&copy_of(path))?;
    }
    Ok(store)
}

/// Fills a fresh file with every row that can be read of the damaged one.
fn carry(path: &Path, key: &StoreKey) -> Result<(), StoreError> {
    let pages = Pages::of(path)?;
    let mut found = Found { reader: Reader::new(key), fits_key: false, rows: Rows::new(), unreadable: 0 };
    let free = pages.free();
    for number in pages.numbers().filter(|number| !free.contains(number)) {
        found.take(&pages, number, |_, _| true);
    }
    if !found.fits_key && found.unreadable > 0 {
        // Unless what the file takes for free says otherwise.
        free.iter().for_each(|number| found.take(&pages, *number, |_, _| false));
        if !found.fits_key {
            return Err(StoreError::WrongKey);
        }
    }
    // What may be older than these rows, or was never committed: only work, and only where there is no other of it. An
    // index that still reads says which rows there were.
    let (unreadable, indexed) = (found.unreadable, pages.indexed());
    pages.loose.iter().for_each(|page| found.take_page(&pages, page, false, |table, _| !table.comes_again()));
    let is_named = |table: Table, key: &[u8]| {
        !table.comes_again()
            && indexed.get(table.name()).is_none_or(|index| !index.is_whole || index.keys.contains(key))
    };
    free.iter().for_each(|number| found.take(&pages, *number, is_named));
    let before = Pages::of(&copy_of(path))?;
    before.numbers().for_each(|number| found.take(&before, number, is_named));
    found.unreadable = unreadable;
    let number = (1..).find(|number| !set_aside(path, *number).exists()).unwrap_or(u32::MAX);
    let salvage = found.report(number, set_aside(path, number), &indexed);
    write(path, key, found.rows, &salvage)
}

struct Found {
    reader: Reader,
    /// At least one row opened.
    fits_key: bool,
    rows: Rows,
    unreadable: usize,
}

impl Found {
    fn take(&mut self, pages: &Pages, number: u32, is_wanted: impl Fn(Table, &[u8]) -> bool) {
        if let Some(page) = pages.page(number) {
            self.take_page(pages, &page, number == 1, is_wanted);
        }
    }

    fn take_page(&mut self, pages: &Pages, page: &[u8], is_first: bool, is_wanted: impl Fn(Table, &[u8]) -> bool) {
        let (rows, broken) = pages.rows_on(page, is_first);
        self.unreadable += broken;
        for (key, sealed) in rows {
            let Some((table, value)) = self.reader.table_of(&key, &sealed) else {
                self.unreadable += 1;
                continue;
            };
            self.fits_key = true;
            if is_wanted(table, &key) && !is_witness(table, &key) {
                self.rows.entry((table, key)).or_insert(value);
            }
        }
    }

    fn report(&self, number: u32, set_aside: PathBuf, indexed: &BTreeMap<String, Index>) -> Salvage {
        let mut carried = BTreeMap::new();
        for (table, _) in self.rows.keys() {
            *carried.entry(*table).or_insert(0) += 1;
        }
        let mut lost = BTreeMap::new();
        for table in Table::ALL {
            let keys = indexed
                .get(table.name())
                .into_iter()
                .flat_map(|index| &index.keys)
                .filter(|key| !is_witness(*table, key));
            let missing = keys.filter(|key| !self.rows.contains_key(&(*table, key.to_vec()))).count();
            if missing > 0 {
                lost.insert(*table, missing);
            }
        }
        Salvage { number, set_aside, carried, lost, unreadable: self.unreadable }
    }
}

fn write(path: &Path, key: &StoreKey, rows: Rows, salvage: &Salvage) -> Result<(), StoreError> {
    let partial = beside(path, "partial");
    for file in [partial.clone(), log_of(&partial), log_index_of(&partial), beside(&partial, "reserve")] {
        remove(&file)?;
    }
    {
        let mut store = EncryptedStore::open(SqliteStore::open_where(&partial, |_| Some(0))?, key)?;
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() {
            let mut tx = store.begin()?;
            for ((table, key), value) in rows.by_ref().take(ROWS_AT_ONCE) {
                tx.put(table, &key, &value)?;
            }
            tx.commit()?;
        }
        let mut tx = store.begin()?;
        tx.put(Table::Meta, SALVAGE, &salvage.to_row())?;
        // What the server has, it sends again: some of it may be missing, and some may be old.
        tx.put(Table::Meta, crate::store::START_ANEW, b"")?;
        tx.commit()?;
        // Closed here, the log is emptied into the file.
    }
    if log_of(&partial).exists() {
        return Err(StoreError::Suspect("the carried rows could not be written to one file".to_owned()));
    }
    std::fs::File::open(&partial)?.sync_all()?;
    std::fs::rename(&partial, carried(path))?;
    sync_directory(path)
}

/// A fresh file that is whole takes the place of the damaged one.
fn finish(path: &Path) -> Result<(), StoreError> {
    let carried = carried(path);
    if !carried.exists() {
        return Ok(());
    }
    if path.exists() {
        let number = (1..).find(|number| !set_aside(path, *number).exists()).unwrap_or(u32::MAX);
        let aside = set_aside(path, number);
        // The log first: it must never stand beside the other file.
        if log_of(path).exists() {
            std::fs::rename(log_of(path), log_of(&aside))?;
            sync_directory(path)?;
        }
        remove(&log_index_of(path))?;
        std::fs::rename(path, &aside)?;
        sync_directory(path)?;
    }
    std::fs::rename(&carried, path)?;
    sync_directory(path)
}

fn carried(path: &Path) -> PathBuf {
    beside(path, "carried")
}

fn set_aside(path: &Path, number: u32) -> PathBuf {
    beside(path, &format!("damaged-{number}"))
}

impl Salvage {
    /// How many rows were lost, as far as it is known.
    pub fn lost_rows(&self) -> usize {
        self.lost.values().sum::<usize>().max(self.unreadable)
    }

    fn to_row(&self) -> Vec<u8> {
        let named = |rows: &BTreeMap<Table, usize>| {
            rows.iter().map(|(table, count)| (table.name().to_owned(), *count as u64)).collect()
        };
        let set_aside = self.set_aside.to_string_lossy().into_owned();
        let (carried, lost, unreadable) = (named(&self.carried), named(&self.lost), self.unreadable as u64);
        SalvageRow { number: self.number, set_aside, carried, lost, unreadable }.encode_to_vec()
    }

    fn read(row: &[u8]) -> Option<Self> {
        let row = SalvageRow::decode(row).ok()?;
        let counted = |rows: &BTreeMap<String, u64>| {
            let counted = |table: &&Table| rows.get(table.name()).map(|count| (**table, *count as usize));
            Table::ALL.iter().filter_map(|table| counted(&table)).collect()
        };
        Some(Self {
            number: row.number,
            carried: counted(&row.carried),
            lost: counted(&row.lost),
            set_aside: row.set_aside.into(),
            unreadable: row.unreadable as usize,
        })
    }
}

const ROWS_AT_ONCE: usize = 500;
