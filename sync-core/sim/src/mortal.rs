//! A store that dies: after so many effects nothing works any more, and what was committed by then is what a restart
//! finds.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use sync_core::store::{MemoryStore, Row, Store, StoreError, StoreTx, Table};

/// A store in memory whose process can be killed at any effect.
#[derive(Clone, Default)]
pub struct MortalStore {
    pub within: MemoryStore,
    fuse: Fuse,
}

/// How many more effects there will be; none if nobody is going to die.
#[derive(Clone)]
struct Fuse(Arc<AtomicI64>);

const FOR_EVER: i64 = i64::MAX;

impl Default for Fuse {
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(FOR_EVER)))
    }
}

impl Fuse {
    /// One effect more; an error if it does not happen.
    fn burn(&self) -> Result<(), StoreError> {
        let left = self.0.load(Ordering::Relaxed);
        if left == FOR_EVER {
            return Ok(());
        }
        self.0.store((left - 1).max(0), Ordering::Relaxed);
        if left <= 0 { Err(StoreError::Failed("killed".into())) } else { Ok(()) }
    }
}

impl MortalStore {
    /// A living store with these rows.
    pub fn of(within: MemoryStore) -> Self {
        Self { within, fuse: Fuse::default() }
    }

    /// The process dies after so many more effects.
    pub fn die_after(&self, effects: usize) {
        self.fuse.0.store(effects as i64, Ordering::Relaxed);
    }

    /// Nobody is going to die after all.
    pub fn live_on(&self) {
        self.fuse.0.store(FOR_EVER, Ordering::Relaxed);
    }
}

/// A transaction of a [`MortalStore`].
pub struct MortalTx<'s> {
    within: <MemoryStore as Store>::Tx<'s>,
    fuse: Fuse,
}

impl Store for MortalStore {
    type Tx<'s> = MortalTx<'s>;

    fn begin(&mut self) -> Result<MortalTx<'_>, StoreError> {
        self.fuse.burn()?;
        Ok(MortalTx { within: self.within.begin()?, fuse: self.fuse.clone() })
    }
}

impl StoreTx for MortalTx<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.within.get(table, key)
    }

    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.fuse.burn()?;
        self.within.put(table, key, value)
    }

    fn delete(&mut self, table: Table, key: &[u8]) -> Result<(), StoreError> {
        self.fuse.burn()?;
        self.within.delete(table, key)
    }

    fn scan(&self, table: Table, prefix: &[u8]) -> Result<Vec<Row>, StoreError> {
        self.within.scan(table, prefix)
    }

    /// Dies before the commit is durable, or after it and before anybody hears of it.
    fn commit(self) -> Result<(), StoreError> {
        self.fuse.burn()?;
        self.within.commit()?;
        self.fuse.burn()
    }
}
