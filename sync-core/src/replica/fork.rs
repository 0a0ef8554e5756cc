//! The same phone twice, to see everything that may become of it: for model checking.

use crate::ids::Sha256Hash;
use crate::replica::Replica;
use crate::store::{Store, StoreError, StoreTx, Table};
use crate::wire::DeviceSigner;

impl<S: Store + Clone> Replica<S> {
    /// The same phone at the same moment. Both would number their changes alike, so only one of them may ever speak to
    /// one server. No app can do this: stores on disk have no copies.
    pub fn fork(&self, signer: Box<dyn DeviceSigner>) -> Self {
        Self { store: self.store.clone(), signer, app_version: self.app_version.clone(), state: self.state.clone() }
    }

    /// A digest over all that decides what the replica does from here on: every row of its store, and what it keeps in
    /// mind of this session. Documents that are open are read from the rows and are left out.
    pub fn digest(&mut self) -> Result<Sha256Hash, StoreError> {
        let mut all = format!("{:?}", self.state.session).into_bytes();
        let tx = self.store.begin()?;
        for table in Table::ALL {
            all.extend(table.name().as_bytes());
            for (key, value) in tx.scan(*table, b"")? {
                for part in [key, value] {
                    all.extend((part.len() as u64).to_be_bytes());
                    all.extend(part);
                }
            }
        }
        Ok(Sha256Hash::of(&all))
    }
}
