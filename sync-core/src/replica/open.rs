//! Opening a store: a new session, with a nonce of its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ids::Nonce;
use crate::replica::rows::Record;
use crate::replica::rows::device::Device;
use crate::replica::state::{Session, State};
use crate::replica::summary::Summary;
use crate::replica::{Identity, Replica};
use crate::store::{Store, StoreError, StoreTx, Table};
use crate::wire::{DeviceSigner, ServerKey};

/// Why a store was not opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The store is that of another user, device or tenant; it may hold that one's unsent work.
    #[error("the store belongs to another user or device")]
    OtherIdentity(Box<Identity>),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl<S: Store> Replica<S> {
    /// Opens a store, or makes a new one of an empty one.
    ///
    /// `session_nonce` is 128 fresh random bits, never those of an earlier opening: it makes the actors of this
    /// session new, so that a restored backup or a clone can never number two changes alike. `server_keys` are those
    /// learnt at enrolment; a store that has heard of newer ones keeps them.
    pub fn open(
        mut store: S,
        identity: Identity,
        server_keys: Vec<ServerKey>,
        signer: Box<dyn DeviceSigner>,
        app_version: &str,
        session_nonce: Nonce,
    ) -> Result<Self, OpenError> {
        let mut tx = store.begin()?;
        let device = match tx.get(Table::Meta, Device::KEY)? {
            Some(row) => Device::read(Device::KEY, &row)?,
            None => Device::new(identity, server_keys),
        };
        if device.identity != identity {
            return Err(OpenError::OtherIdentity(Box::new(device.identity)));
        }
        device.write(&mut tx)?;
        let state = State {
            device,
            tickets: keyed(&tx, |ticket: &super::rows::ticket::Ticket| ticket.id)?,
            summaries: keyed(&tx, |summary: &Summary| summary.ticket)?,
            outbox: keyed(&tx, |pending: &super::rows::work::Pending| pending.order)?,
            drafts: keyed(&tx, |draft: &super::Draft| draft.fact.id)?,
            wishes: keyed(&tx, |wish: &super::Wish| wish.intent.id)?,
            blobs: keyed(&tx, |blob: &super::AwaitedBlob| blob.sha256)?,
            docs: BTreeMap::new(),
            session: Session::new(session_nonce),
        };
        tx.commit()?;
        Ok(Self { store, signer, app_version: app_version.to_owned(), state })
    }
}

impl Session {
    /// Begins to number batches anew, with new actors: what the server knew of this session may be lost. What was
    /// sealed and not acknowledged will be sealed again.
    pub(super) fn restart(&mut self, nonce: Nonce) {
        self.nonce = nonce;
        self.actor_nonces.clear();
        self.next_dev_seq = 1;
        self.last_batch = None;
        self.batches.clear();
    }

    fn new(nonce: Nonce) -> Self {
        Self {
            nonce,
            actor_nonces: BTreeMap::new(),
            next_dev_seq: 1,
            last_batch: None,
            batches: BTreeMap::new(),
            in_flight: None,
            failures: 0,
            trouble: None,
            has_more: false,
            retry_after_ms: 0,
        }
    }
}

fn keyed<K: Ord, R: Record>(tx: &impl StoreTx, key: impl Fn(&R) -> K) -> Result<BTreeMap<K, Arc<R>>, StoreError> {
    Ok(R::all(tx)?.into_iter().map(|row| (key(&row), Arc::new(row))).collect())
}
