//! The bytes that travel: one Automerge change, and the actor that numbers them.

use std::fmt;

use crate::document::fact::Fact;
use crate::ids::{DeviceId, Nonce, ServerEpoch, Sha256Hash, TenantId, TicketId};

/// The SHA-256 of a change, by which others name it as their past.
pub type ChangeHash = Sha256Hash;

/// One change as it is stored and sent: a plain chunk, never compressed by itself.
#[derive(Clone, PartialEq, Eq)]
pub struct RawChange {
    /// Its hash.
    pub hash: ChangeHash,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// A change from a phone that the guard has let through, with the one fact it adds.
#[derive(Debug, Clone)]
pub struct CheckedChange {
    pub(crate) change: automerge::Change,
    pub(crate) fact: Fact,
}

/// Who numbers changes: one opening of one store for one document, or one epoch of the server.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Actor(pub [u8; 16]);

impl Actor {
    /// A device's actor for one ticket. The nonce is drawn at each opening of the store and after each refusal, so
    /// that a restored backup or a clone never numbers two changes alike.
    pub fn of_device(tenant: TenantId, device: DeviceId, ticket: TicketId, nonce: Nonce) -> Self {
        Self::digest(&[b"a1", tenant.as_bytes(), device.as_bytes(), ticket.as_bytes(), &nonce.0])
    }

    /// The server's actor for one ticket.
    pub fn of_server(ticket: TicketId, epoch: ServerEpoch) -> Self {
        Self::digest(&[b"s1", ticket.as_bytes(), epoch.as_bytes()])
    }

    fn digest(parts: &[&[u8]]) -> Self {
        let Sha256Hash(digest) = Sha256Hash::of(&parts.concat());
        let mut actor = [0; 16];
        actor.copy_from_slice(&digest[..16]);
        Self(actor)
    }

    pub(crate) fn id(self) -> automerge::ActorId {
        automerge::ActorId::from(self.0)
    }
}

impl CheckedChange {
    /// Only the guard makes one, after all its checks.
    pub(crate) fn new(change: automerge::Change, fact: Fact) -> Self {
        Self { change, fact }
    }

    /// The fact it adds.
    pub fn fact(&self) -> &Fact {
        &self.fact
    }

    /// Its hash.
    pub fn hash(&self) -> ChangeHash {
        Sha256Hash(self.change.hash().0)
    }

    /// The hashes of the changes it was made upon.
    pub fn deps(&self) -> Vec<ChangeHash> {
        self.change.deps().iter().map(|hash| Sha256Hash(hash.0)).collect()
    }
}

impl RawChange {
    /// The hashes of the changes it was made upon; none if it cannot be read. Only ever for what has been admitted.
    pub fn deps(&self) -> Vec<ChangeHash> {
        let read = || automerge::Change::from_bytes(self.bytes.clone()).ok();
        let change = std::panic::catch_unwind(read).ok().flatten();
        change.iter().flat_map(|change| change.deps()).map(|hash| Sha256Hash(hash.0)).collect()
    }

    pub(crate) fn of(change: &automerge::Change) -> Self {
        Self { hash: Sha256Hash(change.hash().0), bytes: change.raw_bytes().to_vec() }
    }
}

impl fmt::Debug for RawChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawChange({}, {} bytes)", self.hash, self.bytes.len())
    }
}

impl fmt::Debug for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "actor:{}", uuid::Uuid::from_bytes(self.0).as_simple())
    }
}
