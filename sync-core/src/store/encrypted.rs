//! A store whose values are encrypted on their way into another one, so that whoever finds the phone, or its backup,
//! finds nothing to read. What stays in the open: the names of the tables, keys of rows (which are ids), sizes.

use std::fmt;

use zeroize::Zeroize;

use crate::cipher;
use crate::store::{Row, Sifted, Space, Store, StoreError, StoreTx, Table};

/// The key of one phone's store, kept by the platform: in the Keychain, or wrapped by the Keystore. Lost, all that the
/// store holds is lost with it.
#[derive(Clone)]
pub struct StoreKey(pub [u8; 32]);

/// A store within another one.
#[derive(Debug)]
pub struct EncryptedStore<S> {
    within: S,
    key: StoreKey,
}

/// An open transaction of an [`EncryptedStore`].
#[derive(Debug)]
pub struct EncryptedTx<'s, T> {
    within: T,
    key: &'s StoreKey,
}

impl<S: Store> EncryptedStore<S> {
    /// Opens what was encrypted under this key, or begins; [`StoreError::WrongKey`] if it was another one.
    pub fn open(mut within: S, key: &StoreKey) -> Result<Self, StoreError> {
        let key = StoreKey(cipher::derive(&key.0, STORE));
        let tx = within.begin()?;
        check_witness(tx, &key)?;
        Ok(Self { within, key })
    }

    /// Hands back the store within.
    pub fn into_within(self) -> S {
        self.within
    }
}

fn check_witness(mut tx: impl StoreTx, key: &StoreKey) -> Result<(), StoreError> {
    let place = place(Table::Meta, WITNESS);
    let witness = tx.get(Table::Meta, WITNESS)?;
    if witness.is_some_and(|sealed| cipher::open(&key.0, &place, &sealed).is_some()) {
        return Ok(());
    }
    // Where the witness was lost or damaged, any other row tells as well. Rows of which none opens were encrypted
    // under another key, or never, and are not ours to touch.
    if has_rows(&tx)? && !any_opens(&tx, key)? {
        return Err(StoreError::WrongKey);
    }
    tx.put(Table::Meta, WITNESS, &cipher::seal(&key.0, PURPOSE, &place, b"1"))?;
    tx.commit()
}

fn has_rows(tx: &impl StoreTx) -> Result<bool, StoreError> {
    for table in Table::ALL {
        if !tx.keys(*table, b"")?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn any_opens(tx: &impl StoreTx, key: &StoreKey) -> Result<bool, StoreError> {
    for table in Table::ALL {
        let rows = tx.sift(*table, b"")?.rows;
        if rows.iter().any(|(at, sealed)| cipher::open(&key.0, &self::place(*table, at), sealed).is_some()) {
            return Ok(true);
        }
    }
    Ok(false)
}

impl<S: Store> Store for EncryptedStore<S> {
    type Tx<'s>
        = EncryptedTx<'s, S::Tx<'s>>
    where
        S: 's;

    fn begin(&mut self) -> Result<Self::Tx<'_>, StoreError> {
        Ok(EncryptedTx { within: self.within.begin()?, key: &self.key })
    }

    fn fault(&self) -> Option<StoreError> {
        self.within.fault()
    }

    fn space(&self) -> Space {
        self.within.space()
    }
}

impl<T: StoreTx> EncryptedTx<'_, T> {
    fn open(&self, table: Table, key: &[u8], sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
        cipher::open(&self.key.0, &place(table, key), sealed).ok_or(StoreError::Unreadable(table))
    }
}

impl<T: StoreTx> StoreTx for EncryptedTx<'_, T> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.within.get(table, key)?.map(|sealed| self.open(table, key, &sealed)).transpose()
    }

    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        let sealed = cipher::seal(&self.key.0, PURPOSE, &place(table, key), value);
        self.within.put(table, key, &sealed)
    }

    fn delete(&mut self, table: Table, key: &[u8]) -> Result<(), StoreError> {
        self.within.delete(table, key)
    }

    fn scan(&self, table: Table, prefix: &[u8]) -> Result<Vec<Row>, StoreError> {
        let rows = self.within.scan(table, prefix)?.into_iter().filter(|(key, _)| !is_witness(table, key));
        rows.map(|(key, sealed)| {
            let value = self.open(table, &key, &sealed)?;
            Ok((key, value))
        })
        .collect()
    }

    fn sift(&self, table: Table, prefix: &[u8]) -> Result<Sifted, StoreError> {
        let Sifted { rows, unreadable } = self.within.sift(table, prefix)?;
        let mut sifted = Sifted { rows: Vec::with_capacity(rows.len()), unreadable };
        for (key, sealed) in rows.into_iter().filter(|(key, _)| !is_witness(table, key)) {
            match self.open(table, &key, &sealed) {
                Ok(value) => sifted.rows.push((key, value)),
                Err(_) => sifted.unreadable.push((key, sealed)),
            }
        }
        Ok(sifted)
    }

    fn space(&self) -> Space {
        self.within.space()
    }

    fn commit(self) -> Result<(), StoreError> {
        self.within.commit()
    }
}

/// Reads rows by themselves, of which nobody says where they belong: their seals do.
#[cfg(feature = "sqlite")]
pub(super) struct Reader(StoreKey);

#[cfg(feature = "sqlite")]
impl Reader {
    pub fn new(key: &StoreKey) -> Self {
        Self(StoreKey(cipher::derive(&key.0, STORE)))
    }

    /// The table that this row is of, and what it says; the row that tells keys apart says nothing.
    pub fn table_of(&self, key: &[u8], sealed: &[u8]) -> Option<(Table, Vec<u8>)> {
        let opened = |table: &Table| Some((*table, cipher::open(&self.0.0, &place(*table, key), sealed)?));
        Table::ALL.iter().find_map(opened)
    }
}

/// A value that was moved to another row does not open there.
fn place(table: Table, key: &[u8]) -> Vec<u8> {
    [table.name().as_bytes(), &[0], key].concat()
}

pub(super) fn is_witness(table: Table, key: &[u8]) -> bool {
    table == Table::Meta && key == WITNESS
}

impl fmt::Debug for StoreKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoreKey(…)")
    }
}

impl Drop for StoreKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// What a store's key is derived for.
const STORE: &[u8] = b"callout store 1";
/// Goes into every nonce.
const PURPOSE: &[u8] = b"callout store nonce 1";
/// The row that says under which key all others are.
const WITNESS: &[u8] = b"encrypted";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::MemoryStore;

    const KEY: StoreKey = StoreKey([7; 32]);

    fn store() -> EncryptedStore<MemoryStore> {
        EncryptedStore::open(MemoryStore::default(), &KEY).unwrap()
    }

    crate::store_conformance!(store());

    fn with_one_row() -> MemoryStore {
        let mut store = store();
        let mut tx = store.begin().unwrap();
        tx.put(Table::Draft, b"k", b"Motor defekt").unwrap();
        tx.commit().unwrap();
        store.within
    }

    #[test]
    fn nothing_in_the_store_within_can_be_read() {
        let mut within = with_one_row();
        let tx = within.begin().unwrap();
        for table in Table::ALL {
            for (_, value) in tx.scan(*table, b"").unwrap() {
                assert!(!value.windows(5).any(|part| part == b"Motor"), "{table:?}");
            }
        }
    }

    #[test]
    fn another_key_is_told_apart_from_damage() {
        let within = with_one_row();
        let opened = |key: u8| EncryptedStore::open(within.clone(), &StoreKey([key; 32])).map(drop);
        assert_eq!((opened(7), opened(8)), (Ok(()), Err(StoreError::WrongKey)));

        let mut damaged = within.clone();
        let mut tx = damaged.begin().unwrap();
        let mut value = tx.get(Table::Draft, b"k").unwrap().unwrap();
        value[30] ^= 1;
        tx.put(Table::Draft, b"k", &value).unwrap();
        // And one that somebody copied to another row.
        tx.put(Table::Draft, b"l", &within.clone().begin().unwrap().get(Table::Draft, b"k").unwrap().unwrap()).unwrap();
        tx.commit().unwrap();
        let mut store = EncryptedStore::open(damaged, &KEY).unwrap();
        let tx = store.begin().unwrap();
        for key in [b"k", b"l"] {
            assert_eq!(tx.get(Table::Draft, key), Err(StoreError::Unreadable(Table::Draft)));
        }
        assert_eq!(tx.sift(Table::Draft, b"").unwrap().unreadable.len(), 2);
        assert_eq!(tx.keys(Table::Draft, b"").unwrap(), [b"k".to_vec(), b"l".to_vec()]);
    }

    #[test]
    fn what_was_never_encrypted_is_not_mixed_with() {
        let mut plain = MemoryStore::default();
        let mut tx = plain.begin().unwrap();
        tx.put(Table::Outbox, b"k", b"v").unwrap();
        tx.commit().unwrap();
        assert_eq!(EncryptedStore::open(plain, &KEY).map(drop), Err(StoreError::WrongKey));
    }
}
