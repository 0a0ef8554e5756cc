//! Opening a store: a new session, with a nonce of its own.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::Nonce;
use crate::policy::Role;
use crate::replica::rows::Record;
use crate::replica::rows::device::Device;
use crate::replica::state::{Session, State, Work};
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

/// What an opening needs to know.
#[derive(Debug, Clone)]
pub struct Opening {
    pub identity: Identity,
    /// What the user is in the tenant, as the server said at sign-in.
    pub role: Role,
    /// Those learnt at enrolment; a store that has heard of newer ones keeps these.
    pub server_keys: Vec<ServerKey>,
    pub app_version: String,
    /// 128 fresh random bits, never those of an earlier opening: they make the actors of this session new, so that a
    /// restored backup or a clone can never number two changes alike.
    pub session_nonce: Nonce,
}

impl<S: Store> Replica<S> {
    /// Opens a store, or makes a new one of an empty one.
    pub fn open(mut store: S, signer: Box<dyn DeviceSigner>, opening: Opening) -> Result<Self, OpenError> {
        let state = State::read(&mut store, &opening)?;
        Ok(Self { store, signer, app_version: opening.app_version, state })
    }
}

impl State {
    fn read(store: &mut impl Store, opening: &Opening) -> Result<Self, OpenError> {
        let mut tx = store.begin()?;
        let (rows, _) = Device::sweep(&mut tx, Device::KEY)?;
        let known = rows.into_iter().next();
        let device = known.unwrap_or_else(|| Device::new(opening.identity, opening.server_keys.clone()));
        if device.identity != opening.identity {
            return Err(OpenError::OtherIdentity(Box::new(device.identity)));
        }
        let set_aside = tx.keys(Table::SetAside, b"")?.len();
        let state = Self::new(device, opening.role, Session::new(opening.session_nonce), set_aside);
        let mut work = Work { tx, state };
        work.read_all()?;
        let Work { tx, state } = work;
        tx.commit()?;
        Ok(state)
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
        self.unanswered.clear();
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
            scope_asked_at: None,
            retry_after_ms: 0,
            last_blob_asked: None,
            knowledge_has_more: false,
            pool_has_more: false,
            unsent_wishes: BTreeSet::new(),
            knowledge_fault: None,
            unanswered: BTreeMap::new(),
        }
    }
}
