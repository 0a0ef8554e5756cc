//! Where a phone keeps what it knows: a handful of ordered tables of bytes, changed in transactions.
//!
//! The store knows nothing of tickets; `replica` decides what a row means. That keeps each
//! implementation small, lets one list of tests ([`store_conformance!`](crate::store_conformance)) hold for all, and
//! leaves one place through which every value passes.
//!
//! Whatever can happen to a file, and what is done about it: `docs/store.md`.
//!
//! What `commit` has accepted is durable: it survives the loss of power. An edit and the outbox row that will carry it
//! are therefore written in one transaction, and nothing is sent before that transaction is committed.

mod memory;
mod encrypted;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(feature = "sqlite")]
mod salvage;
#[cfg(feature = "sqlite")]
mod files;
mod conformance;

pub use encrypted::{EncryptedStore, EncryptedTx, StoreKey};
#[cfg(feature = "sqlite")]
pub use files::erase;
pub use memory::MemoryStore;
#[cfg(feature = "sqlite")]
pub use salvage::{Salvage, open_or_salvage, salvage};
#[cfg(feature = "sqlite")]
pub use sqlite::{FreeSpace, SqliteStore, free_on_disk};

/// The row of [`Table::Meta`] by which a store says that some of it was lost: the feed must start anew.
pub(crate) const START_ANEW: &[u8] = b"start_anew";

/// A database on this device. Used by one owner at a time.
pub trait Store: Send {
    type Tx<'s>: StoreTx
    where
        Self: 's;

    /// Opens the one transaction there can be at a time. Dropped without [`StoreTx::commit`], it never was.
    fn begin(&mut self) -> Result<Self::Tx<'_>, StoreError>;

    /// Why nothing is done any more until the store has been opened anew: the disk failed, or the file is damaged.
    fn fault(&self) -> Option<StoreError> {
        None
    }

    /// How much more can be stored, as of the last transaction.
    fn space(&self) -> Space {
        Space::Enough
    }
}

/// How much more a store can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Space {
    #[default]
    Enough,
    /// The device is full, and what is stored now is stored in the room that was kept for it: words, not photos.
    Low,
    /// There was no room for the last transaction. What was there is there, and can be read.
    None,
}

/// An open transaction: sees what it wrote itself.
pub trait StoreTx {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Writes a row, over the old one if there is one.
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), StoreError>;

    /// Removes a row; nothing happens if there is none.
    fn delete(&mut self, table: Table, key: &[u8]) -> Result<(), StoreError>;

    /// Every row whose key begins with `prefix`, by key; an error if one of them does not open.
    fn scan(&self, table: Table, prefix: &[u8]) -> Result<Vec<Row>, StoreError>;

    /// As [`scan`](Self::scan), but a row that does not open costs none of the others.
    fn sift(&self, table: Table, prefix: &[u8]) -> Result<Sifted, StoreError> {
        Ok(Sifted { rows: self.scan(table, prefix)?, unreadable: Vec::new() })
    }

    /// The keys that begin with `prefix`, whether their rows open or not.
    fn keys(&self, table: Table, prefix: &[u8]) -> Result<Vec<Vec<u8>>, StoreError> {
        let Sifted { rows, unreadable } = self.sift(table, prefix)?;
        Ok(rows.into_iter().chain(unreadable).map(|(key, _)| key).collect())
    }

    /// How much more can be stored, as this transaction has found it.
    fn space(&self) -> Space {
        Space::Enough
    }

    /// Makes it durable.
    fn commit(self) -> Result<(), StoreError>;
}

/// A key and its value.
pub type Row = (Vec<u8>, Vec<u8>);

/// The rows of a scan.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sifted {
    pub rows: Vec<Row>,
    /// Those that are there and do not open, with their bytes as they stand there.
    pub unreadable: Vec<Row>,
}

macro_rules! tables {
    ($($(#[$doc:meta])* $name:ident $sql:literal,)+) => {
        /// The tables. Their number only grows, and each new one needs a migration.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Table { $($(#[$doc])* $name,)+ }

        impl Table {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// Its name in the database.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $sql,)+ }
            }
        }
    };
}

tables! {
    /// Who this device is, where it stands in the feed, what it knows of the server. By name.
    Meta "meta",
    /// A ticket as far as the server has admitted it: snapshot, key, standing. By ticket.
    Ticket "ticket",
    /// Admitted changes younger than the snapshot. By ticket and arrival.
    Admitted "admitted",
    /// What a list shows of a ticket. By ticket.
    Summary "summary",
    /// What the server has not acknowledged: the fact and its change. By order of making.
    Outbox "outbox",
    /// Own work that the server has from another copy of this store, kept in case the server loses it. By fact.
    Superseded "superseded",
    /// Acknowledged batches, kept in case the server loses them. By session and number.
    Retained "retained",
    /// Refused work that waits for its author. By fact.
    Draft "draft",
    /// Reference rows. By set and key.
    Reference "reference",
    /// Wishes and their answers. By intent.
    Intent "intent",
    /// Blobs named in facts and what is known of them. By digest.
    Blob "blob",
    /// Tickets that may be taken. By ticket.
    PoolCard "pool_card",
    /// What the server vouched for, kept in case it loses it. By digest.
    Voucher "voucher",
    /// Rows that did not read, as they were found: work may be among them. By table and key.
    SetAside "set_aside",
    /// Work of this user on another device that the server refused. By fact.
    Notice "notice",
    /// Articles and procedures, and how far this device has them. By article.
    Article "article",
    /// By which words they are found; made of the articles. By part.
    SearchIndex "search_index",
    /// Batches of other devices, carried to the server for them. By the batch's hash.
    Carried "carried",
    /// The server's word that it had a batch. By ticket, epoch, session and number.
    Receipt "receipt",
}

impl Table {
    /// The server sends its rows again: nothing is lost with them.
    pub fn comes_again(self) -> bool {
        matches!(
            self,
            Self::Ticket
                | Self::Admitted
                | Self::Summary
                | Self::Reference
                | Self::PoolCard
                | Self::Article
                | Self::SearchIndex
        )
    }
}

/// Why the store did not do it. The app can act on each variant in another way.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// No space: nothing was written, all that was there is still there.
    #[error("the device is full")]
    Full,
    /// Another process holds the database.
    #[error("the database is in use")]
    Busy,
    /// A row is not what was written there. The others are not affected.
    #[error("a row of {} does not read", .0.name())]
    Unreadable(Table),
    /// The file is not, or no more, a database of ours.
    #[error("the database is damaged: {0}")]
    Damaged(String),
    /// It was encrypted under another key.
    #[error("the database does not open with this key")]
    WrongKey,
    /// Written by a later version of the app.
    #[error("the database is of a later version ({found}, this is {known})")]
    TooNew { found: u32, known: u32 },
    /// The disk failed while it was written to: this did not happen, and until the store has been opened anew nothing
    /// else does, because nobody knows what is on the disk.
    #[error("the disk failed: {0}")]
    Suspect(String),
    /// The system failed.
    #[error("the database failed: {0}")]
    Failed(String),
}
