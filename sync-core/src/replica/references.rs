//! Reference rows on this device: see [`crate::reference`].

use std::collections::BTreeSet;

use prost::Message;

use crate::ids::{CustomerId, SiteId};
use crate::reference::{CUSTOMERS, Customer, SITES, Site};
use crate::replica::Replica;
use crate::replica::reply::Page;
use crate::store::{Store, StoreError, StoreTx, Table};
use crate::wire::Reference;

impl<S: Store> Replica<S> {
    /// Where work is done, if the server has told this device.
    pub fn site(&mut self, id: SiteId) -> Result<Option<Site>, StoreError> {
        self.reference(SITES, &id.to_string())
    }

    /// For whom work is done, if the server has told this device.
    pub fn customer(&mut self, id: CustomerId) -> Result<Option<Customer>, StoreError> {
        self.reference(CUSTOMERS, &id.to_string())
    }

    /// A row that does not read is as good as none: it comes again when it changes, or after the next opening.
    fn reference<R: Message + Default>(&mut self, set: &str, key: &str) -> Result<Option<R>, StoreError> {
        let row = reference_row(&self.store.begin()?, set, key)?;
        Ok(row.and_then(|bytes| R::decode(bytes.as_slice()).ok()))
    }
}

impl<T: StoreTx> Page<'_, T> {
    pub(super) fn take_reference(&mut self, reference: &Reference) -> Result<(), StoreError> {
        let tx = &mut self.work.tx;
        if reference.replaces_all {
            for key in tx.keys(Table::Reference, &reference_key(&reference.set, ""))? {
                tx.delete(Table::Reference, &key)?;
            }
        }
        for row in &reference.rows {
            let key = reference_key(&reference.set, &row.key);
            if row.removed {
                tx.delete(Table::Reference, &key)?;
            } else {
                tx.put(Table::Reference, &key, &row.value)?;
            }
        }
        self.arrived.references |= !reference.rows.is_empty();
        Ok(())
    }

    /// Once tickets have left: people and places that no ticket here names any more are none of this device's business.
    pub(super) fn forget_unnamed_references(&mut self) -> Result<(), StoreError> {
        if self.arrived.left.is_empty() {
            return Ok(());
        }
        let (mut sites, mut customers) = (BTreeSet::new(), BTreeSet::new());
        for summary in self.work.state.summaries.values() {
            sites.extend(summary.site.map(|id| reference_key(SITES, &id.to_string())));
            customers.extend(summary.customer.map(|id| reference_key(CUSTOMERS, &id.to_string())));
        }
        for (set, named) in [(SITES, sites), (CUSTOMERS, customers)] {
            for key in self.work.tx.keys(Table::Reference, &reference_key(set, ""))? {
                if !named.contains(&key) {
                    self.work.tx.delete(Table::Reference, &key)?;
                }
            }
        }
        Ok(())
    }
}

/// The row as the server sent it, if it is here and opens.
pub(super) fn reference_row(tx: &impl StoreTx, set: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
    match tx.get(Table::Reference, &reference_key(set, key)) {
        Err(StoreError::Unreadable(_)) => Ok(None),
        row => row,
    }
}

/// The key of a reference row; with an empty row key, the prefix of all rows of the set.
pub(super) fn reference_key(set: &str, row: &str) -> Vec<u8> {
    [set.as_bytes(), &[0], row.as_bytes()].concat()
}
