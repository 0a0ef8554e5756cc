//! A store that is gone with its process: for tests, simulators and the server's own phones.

use std::collections::BTreeMap;

use crate::store::{Row, Store, StoreError, StoreTx, Table};

/// A store in memory. A clone is a second device restored from a backup of this moment.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    rows: BTreeMap<(Table, Vec<u8>), Vec<u8>>,
}

/// An open transaction of a [`MemoryStore`]: writes in place and remembers what was there.
pub struct MemoryTx<'s> {
    store: &'s mut MemoryStore,
    undo: Vec<(Table, Vec<u8>, Option<Vec<u8>>)>,
}

impl Store for MemoryStore {
    type Tx<'s> = MemoryTx<'s>;

    fn begin(&mut self) -> Result<MemoryTx<'_>, StoreError> {
        Ok(MemoryTx { store: self, undo: Vec::new() })
    }
}

impl StoreTx for MemoryTx<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.store.rows.get(&(table, key.to_vec())).cloned())
    }

    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        let old = self.store.rows.insert((table, key.to_vec()), value.to_vec());
        self.undo.push((table, key.to_vec(), old));
        Ok(())
    }

    fn delete(&mut self, table: Table, key: &[u8]) -> Result<(), StoreError> {
        let old = self.store.rows.remove(&(table, key.to_vec()));
        self.undo.push((table, key.to_vec(), old));
        Ok(())
    }

    fn scan(&self, table: Table, prefix: &[u8]) -> Result<Vec<Row>, StoreError> {
        let from = (table, prefix.to_vec());
        let rows = self.store.rows.range(from..);
        let rows = rows.take_while(|((found, key), _)| *found == table && key.starts_with(prefix));
        Ok(rows.map(|((_, key), value)| (key.clone(), value.clone())).collect())
    }

    fn commit(mut self) -> Result<(), StoreError> {
        self.undo.clear();
        Ok(())
    }
}

impl Drop for MemoryTx<'_> {
    fn drop(&mut self) {
        for (table, key, old) in self.undo.drain(..).rev() {
            match old {
                Some(value) => self.store.rows.insert((table, key), value),
                None => self.store.rows.remove(&(table, key)),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::store_conformance!(MemoryStore::default());

    #[test]
    fn a_clone_goes_its_own_way() {
        let mut store = MemoryStore::default();
        let mut copy = store.clone();
        let mut tx = store.begin().unwrap();
        tx.put(Table::Meta, b"k", b"v").unwrap();
        tx.commit().unwrap();
        assert_eq!(copy.begin().unwrap().get(Table::Meta, b"k").unwrap(), None);
    }
}
