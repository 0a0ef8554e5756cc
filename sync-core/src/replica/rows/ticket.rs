//! What is kept of a ticket: what is known of it, and the document as far as the server has admitted it.

use super::{Record, join_hashes, split_hashes};
use crate::document::{ChangeHash, DocumentError, DocumentKey, RawChange, TicketDoc};
use crate::ids::TicketId;
use crate::store::{Sifted, StoreError, StoreTx, Table};
use crate::wire::{LeaveReason, change_hash};

/// A ticket without its document.
#[derive(Debug, Clone)]
pub(in crate::replica) struct Ticket {
    pub id: TicketId,
    pub document_key: DocumentKey,
    /// The heads of what the server has admitted, as far as it is here.
    pub heads: Vec<ChangeHash>,
    /// The reset of the feed in which it was last confirmed.
    pub generation: u32,
    /// It is not ours any more, and stays only until what is unsent has gone.
    pub leaving: Option<LeaveReason>,
    /// How often what the server sent of it could not be used, since it last could.
    pub failures: u32,
    /// How many of these the server has been told.
    pub reported: u32,
    pub last_failure: String,
    /// What came when it was given up, until the server has it.
    pub came: Vec<u8>,
    /// Admitted changes kept beside the snapshot, and their bytes.
    pub loose_changes: u64,
    pub loose_bytes: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::replica) struct TicketRow {
    #[prost(bytes = "vec", tag = "1")]
    document_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    heads: Vec<u8>,
    #[prost(uint32, tag = "3")]
    generation: u32,
    #[prost(uint32, tag = "4")]
    leaving: u32,
    #[prost(uint32, tag = "5")]
    failures: u32,
    #[prost(uint32, tag = "6")]
    reported: u32,
    #[prost(string, tag = "7")]
    last_failure: String,
    #[prost(uint64, tag = "8")]
    loose_changes: u64,
    #[prost(uint64, tag = "9")]
    loose_bytes: u64,
    #[prost(bytes = "vec", tag = "10")]
    came: Vec<u8>,
}

/// Loose changes are folded into a new snapshot when there are so many, or so many bytes of them.
const MAX_LOOSE_CHANGES: u64 = 64;
const MAX_LOOSE_BYTES: u64 = 64 * 1024;

impl Ticket {
    /// A ticket of which nothing is here yet.
    pub fn new(id: TicketId, document_key: DocumentKey, generation: u32) -> Self {
        Self {
            id,
            document_key,
            heads: Vec::new(),
            generation,
            leaving: None,
            failures: 0,
            reported: 0,
            last_failure: String::new(),
            came: Vec::new(),
            loose_changes: 0,
            loose_bytes: 0,
        }
    }

    /// Replaces the stored document, and what is known of it here.
    pub fn put_snapshot(&mut self, tx: &mut impl StoreTx, doc: &TicketDoc) -> Result<(), StoreError> {
        self.drop_document(tx)?;
        tx.put(Table::Admitted, &self.snapshot_key(), &doc.save())?;
        (self.loose_changes, self.loose_bytes) = (0, 0);
        self.heads = doc.heads();
        self.write(tx)
    }

    /// Adds changes, which `doc` holds already, to the stored document.
    pub fn put_changes(
        &mut self,
        tx: &mut impl StoreTx,
        doc: &TicketDoc,
        changes: &[RawChange],
    ) -> Result<(), StoreError> {
        let bytes: usize = changes.iter().map(|change| change.bytes.len()).sum();
        let (count, bytes) = (self.loose_changes + changes.len() as u64, self.loose_bytes + bytes as u64);
        if count > MAX_LOOSE_CHANGES || bytes > MAX_LOOSE_BYTES {
            return self.put_snapshot(tx, doc);
        }
        for (number, change) in (self.loose_changes..).zip(changes) {
            tx.put(Table::Admitted, &self.change_key(number), &change.bytes)?;
        }
        (self.loose_changes, self.loose_bytes) = (count, bytes);
        self.heads = doc.heads();
        self.write(tx)
    }

    /// The stored document; `None` if there is none yet.
    pub fn load(&self, tx: &impl StoreTx) -> Result<Option<TicketDoc>, LoadError> {
        let Sifted { rows, unreadable } = tx.sift(Table::Admitted, self.id.as_bytes())?;
        if !unreadable.is_empty() {
            return Err(LoadError::Incomplete);
        }
        let Some(((_, snapshot), changes)) = rows.split_first() else { return Ok(None) };
        let mut doc = TicketDoc::load_own(snapshot)?;
        let changes = changes.iter().map(|(_, bytes)| {
            let hash = change_hash(bytes).ok_or(LoadError::Incomplete)?;
            Ok(RawChange { hash, bytes: bytes.clone() })
        });
        let changes: Vec<RawChange> = changes.collect::<Result<_, LoadError>>()?;
        if !changes.is_empty() {
            doc.apply_admitted(changes)?;
        }
        // What was written last may be what is missing.
        if doc.heads() != self.heads {
            return Err(LoadError::Incomplete);
        }
        Ok(Some(doc))
    }

    /// Forgets the ticket and its document.
    pub fn forget(&self, tx: &mut impl StoreTx) -> Result<(), StoreError> {
        self.drop_document(tx)?;
        tx.delete(Table::Summary, self.id.as_bytes())?;
        self.erase(tx)
    }

    pub fn drop_document(&self, tx: &mut impl StoreTx) -> Result<(), StoreError> {
        for key in tx.keys(Table::Admitted, self.id.as_bytes())? {
            tx.delete(Table::Admitted, &key)?;
        }
        Ok(())
    }

    fn snapshot_key(&self) -> Vec<u8> {
        [self.id.as_bytes().as_slice(), &[0]].concat()
    }

    fn change_key(&self, number: u64) -> Vec<u8> {
        [self.id.as_bytes().as_slice(), &[1], &number.to_be_bytes()].concat()
    }
}

/// Why a stored document did not open.
#[derive(Debug, thiserror::Error)]
pub(in crate::replica) enum LoadError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// Not all of it is there, or readable.
    #[error("the stored document is not whole")]
    Incomplete,
}

impl Record for Ticket {
    const TABLE: Table = Table::Ticket;
    type Stored = TicketRow;

    fn key(&self) -> Vec<u8> {
        self.id.as_bytes().to_vec()
    }

    fn to_stored(&self) -> TicketRow {
        TicketRow {
            document_key: self.document_key.0.to_vec(),
            heads: join_hashes(&self.heads),
            generation: self.generation,
            leaving: match self.leaving {
                None => 0,
                Some(LeaveReason::Reassigned) => 1,
                Some(LeaveReason::Finished) => 2,
                Some(LeaveReason::Withdrawn) => 3,
                Some(LeaveReason::Other) => 4,
            },
            failures: self.failures,
            reported: self.reported,
            last_failure: self.last_failure.clone(),
            came: self.came.clone(),
            loose_changes: self.loose_changes,
            loose_bytes: self.loose_bytes,
        }
    }

    fn from_stored(key: &[u8], row: TicketRow) -> Option<Self> {
        Some(Self {
            id: TicketId::from_slice(key).ok()?,
            document_key: DocumentKey(row.document_key.try_into().ok()?),
            heads: split_hashes(&row.heads)?,
            generation: row.generation,
            leaving: match row.leaving {
                0 => None,
                1 => Some(LeaveReason::Reassigned),
                2 => Some(LeaveReason::Finished),
                3 => Some(LeaveReason::Withdrawn),
                _ => Some(LeaveReason::Other),
            },
            failures: row.failures,
            reported: row.reported,
            last_failure: row.last_failure,
            came: row.came,
            loose_changes: row.loose_changes,
            loose_bytes: row.loose_bytes,
        })
    }
}
