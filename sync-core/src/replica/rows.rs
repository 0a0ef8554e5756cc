//! What the replica's rows look like in the store, and how they are read and written.
//!
//! Rows are Protocol Buffers like the messages on the wire: fields are only ever added.

pub(super) mod device;
pub(super) mod ticket;
pub(super) mod work;
pub(super) mod other;
pub(super) mod carried;
pub(super) mod receipt;

use prost::Message;

use crate::store::{Sifted, StoreError, StoreTx, Table};

/// A value that has its own row.
pub(super) trait Record: Sized {
    const TABLE: Table;
    type Stored: Message + Default;

    fn key(&self) -> Vec<u8>;
    fn to_stored(&self) -> Self::Stored;
    /// `None` if it does not read.
    fn from_stored(key: &[u8], stored: Self::Stored) -> Option<Self>;

    fn write(&self, tx: &mut impl StoreTx) -> Result<(), StoreError> {
        tx.put(Self::TABLE, &self.key(), &self.to_stored().encode_to_vec())
    }

    fn erase(&self, tx: &mut impl StoreTx) -> Result<(), StoreError> {
        tx.delete(Self::TABLE, &self.key())
    }

    fn read(key: &[u8], value: &[u8]) -> Result<Self, StoreError> {
        let stored = Self::Stored::decode(value).ok();
        stored.and_then(|stored| Self::from_stored(key, stored)).ok_or(StoreError::Unreadable(Self::TABLE))
    }

    /// All that read.
    fn all(tx: &impl StoreTx) -> Result<Vec<Self>, StoreError> {
        let rows = tx.sift(Self::TABLE, b"")?.rows;
        Ok(rows.iter().filter_map(|(key, value)| Self::read(key, value).ok()).collect())
    }

    /// All that read and begin with `prefix`. The others are removed, and their keys returned: what the server does not
    /// send again is kept where nothing stands on it.
    fn sweep(tx: &mut impl StoreTx, prefix: &[u8]) -> Result<(Vec<Self>, Vec<Vec<u8>>), StoreError> {
        let Sifted { rows, mut unreadable } = tx.sift(Self::TABLE, prefix)?;
        let mut read = Vec::with_capacity(rows.len());
        for (key, value) in rows {
            match Self::read(&key, &value) {
                Ok(record) => read.push(record),
                Err(_) => unreadable.push((key, value)),
            }
        }
        for (key, bytes) in &unreadable {
            if !Self::TABLE.comes_again() {
                tx.put(Table::SetAside, &[Self::TABLE.name().as_bytes(), &[0], key].concat(), bytes)?;
            }
            tx.delete(Self::TABLE, key)?;
        }
        Ok((read, unreadable.into_iter().map(|(key, _)| key).collect()))
    }
}

/// Hashes one after the other, as they stand in rows.
fn join_hashes(hashes: &[crate::ids::Sha256Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

fn split_hashes(bytes: &[u8]) -> Option<Vec<crate::ids::Sha256Hash>> {
    bytes.chunks(32).map(|chunk| crate::ids::Sha256Hash::from_slice(chunk).ok()).collect()
}
