//! Giving up a phone: what would be lost with it, and how that is handed over.

use crate::ids::Sha256Hash;
use crate::replica::Replica;
use crate::replica::request::seal_batches;
use crate::replica::state::State;
use crate::store::{Store, StoreError, StoreTx, Table};
use crate::time::DeviceTime;
use crate::wire::{Export, ExportedEntry, SignError, exported};

/// What is on this phone alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Unsettled {
    /// Entries that the server has not acknowledged.
    pub unsent: usize,
    /// Refused entries that their author has not settled.
    pub drafts: usize,
    /// Wishes without an answer.
    pub wishes: usize,
    /// Files that the server is not known to have.
    pub files: usize,
    /// Batches of colleagues' phones that are carried to the server.
    pub carried: usize,
    /// Rows that did not read.
    pub set_aside: usize,
}

impl Unsettled {
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// Why nothing was exported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotExported {
    #[error(transparent)]
    Sign(#[from] SignError),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// This phone has never learnt a key of its server.
    #[error("no key of the server is known")]
    NoServerKey,
}

impl State {
    pub(super) fn unsettled(&self) -> Unsettled {
        Unsettled {
            unsent: self.outbox.len(),
            drafts: self.drafts.len(),
            wishes: self.wishes.values().filter(|wish| wish.answer.is_none()).count(),
            files: self.blobs.len(),
            carried: self.carried.len(),
            set_aside: self.set_aside,
        }
    }
}

impl<S: Store> Replica<S> {
    /// What would be lost if this store were deleted now.
    pub fn unsettled(&self) -> Unsettled {
        self.state.unsettled()
    }

    /// A name for exactly what is unsettled now: another one as soon as anything is added.
    pub fn unsettled_digest(&self) -> Sha256Hash {
        let state = &self.state;
        let facts = state.outbox.values().map(|pending| pending.fact.id.0);
        let facts = facts.chain(state.drafts.keys().map(|fact| fact.0));
        let wishes = state.wishes.values().filter(|wish| wish.answer.is_none()).map(|wish| wish.intent.id.0);
        let ids = facts.chain(wishes).flat_map(|id| *id.as_bytes());
        let hashes = state.blobs.keys().chain(state.carried.keys());
        Sha256Hash::of(&ids.chain(hashes.flat_map(|sha256| sha256.0)).collect::<Vec<u8>>())
    }

    /// Everything unsettled, signed by this device and sealed for the server; `fresh` is 256 fresh random bits.
    pub fn export(&mut self, now: DeviceTime, fresh: &[u8; 32]) -> Result<Vec<u8>, NotExported> {
        let mut state = self.state.clone();
        seal_batches(&mut state, &*self.signer, now)?;
        let server = state.device.server_keys.last().ok_or(NotExported::NoServerKey)?;
        let entry = |ticket, state: &str, code: &str, payload| {
            let (state, code) = (state.to_owned(), code.to_owned());
            ExportedEntry { ticket, state, code, payload }
        };
        let unsent = state
            .outbox
            .values()
            .map(|pending| entry(Some(pending.ticket), exported::UNSENT, "", pending.fact.to_bytes()));
        let drafts = state
            .drafts
            .values()
            .map(|draft| entry(Some(draft.ticket), exported::DRAFT, &draft.code, draft.fact.to_bytes()));
        let open = state.wishes.values().filter(|wish| wish.answer.is_none()).map(|wish| &wish.intent);
        let wishes = open.map(|wish| entry(wish.ticket, exported::WISH, &wish.kind, wish.payload.clone()));
        let aside = self.store.begin()?.sift(Table::SetAside, b"")?;
        let aside = aside.rows.into_iter().chain(aside.unreadable);
        let aside = aside.map(|(_, bytes)| entry(None, exported::SET_ASIDE, "", bytes));
        let carried = state.carried.values();
        let carried = carried.map(|one| entry(Some(one.header.ticket), exported::CARRIED, "", one.batch.clone()));
        let identity = state.device.identity;
        let export = Export {
            tenant: identity.tenant,
            device: identity.device,
            user: identity.user,
            made_at: now,
            entries: unsent.chain(drafts).chain(wishes).chain(aside).chain(carried).collect(),
            batches: state.session.batches.values().map(|sent| sent.bytes.clone()).collect(),
            awaited: state.blobs.keys().copied().collect(),
        };
        let sealed = export.seal(&*self.signer, server, fresh)?;
        // The batches keep their numbers: should the phone go on after all, they are sent as they are in the file.
        self.state = state;
        Ok(sealed)
    }
}
