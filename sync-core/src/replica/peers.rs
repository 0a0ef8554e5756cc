//! What a session with a colleague's phone asks of a replica: who this phone is, what it holds, what it can hand over.
//! The session itself is [`PeerSession`](crate::peer::PeerSession).

use std::collections::{BTreeMap, BTreeSet};

use crate::cipher;
use crate::document::DocumentKey;
use crate::ids::{DeviceId, Sha256Hash, TicketId};
use crate::replica::request::seal_batches;
use crate::replica::state::Sent;
use crate::replica::{Identity, NotTaken, Replica, Taken};
use crate::store::Store;
use crate::time::{DeviceTime, ServerTime};
use crate::wire::{CertificateError, DeviceCertificate, DeviceSignature, ServerKey, SignError, Standing};

/// Shows to whoever holds the same ticket that this phone holds it too, and nothing to anybody else.
pub(crate) type Tag = [u8; 16];

/// Which end of a channel speaks: what one end shows, the other cannot show back to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Initiator,
    Responder,
}

impl Side {
    /// As it stands in what is signed and hashed.
    pub fn letter(self) -> &'static [u8] {
        match self {
            Self::Initiator => b"i",
            Self::Responder => b"r",
        }
    }

    pub fn other(self) -> Self {
        match self {
            Self::Initiator => Self::Responder,
            Self::Responder => Self::Initiator,
        }
    }
}

/// How one end of a channel shows that it holds a ticket.
pub(crate) fn tag(key: &DocumentKey, ticket: TicketId, binding: &[u8; 32], side: Side) -> Tag {
    let parts = [b"callout peer ticket 1".as_slice(), side.letter(), binding, ticket.as_bytes()];
    let mut tag = Tag::default();
    tag.copy_from_slice(&cipher::keyed_hash(&key.0, &parts)[..16]);
    tag
}

/// Why this phone cannot show who it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoCertificate {
    /// The server has not said it yet: sync once.
    #[error("this phone has not been told by the server who it is")]
    None,
    /// This phone must sync, or its clock must be set.
    #[error("this phone's certificate: {0}")]
    NotValid(CertificateError),
    /// The server no longer admits this phone or its user.
    #[error("this phone is no longer admitted")]
    Revoked,
}

impl<S: Store> Replica<S> {
    /// What this phone shows to others, if it holds at this time.
    pub fn certificate(&self, now: DeviceTime) -> Result<DeviceCertificate, NoCertificate> {
        let device = &self.state.device;
        if device.standing != Standing::Active {
            return Err(NoCertificate::Revoked);
        }
        let certificate = DeviceCertificate::open(&device.certificate, &device.server_keys);
        let certificate = certificate.map_err(|_| NoCertificate::None)?;
        certificate.check_time(self.server_time(now)).map_err(NoCertificate::NotValid)?;
        Ok(certificate)
    }

    /// The server's time, as far as this phone knows it.
    pub(crate) fn server_time(&self, now: DeviceTime) -> ServerTime {
        self.state.device.skew.correct(now)
    }

    pub(crate) fn identity(&self) -> Identity {
        self.state.device.identity
    }

    pub(crate) fn signed_certificate(&self) -> &[u8] {
        &self.state.device.certificate
    }

    pub(crate) fn server_keys(&self) -> &[ServerKey] {
        &self.state.device.server_keys
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Result<DeviceSignature, SignError> {
        self.signer.sign(message)
    }

    /// The tickets held, each under the tag by which one end of this channel shows it. Only who has the ticket's document
    /// key can make the tag, or know it again.
    pub(crate) fn tags(&self, binding: &[u8; 32], side: Side) -> BTreeMap<Tag, TicketId> {
        let ours = self.state.tickets.values().filter(|ticket| ticket.leaving.is_none());
        // A ticket that has not come whole has no key yet.
        let known = ours.filter(|ticket| ticket.document_key.0 != [0; 32]);
        known.map(|ticket| (tag(&ticket.document_key, ticket.id, binding, side), ticket.id)).collect()
    }

    /// The batches about these tickets that the server has not acknowledged: this phone's own, and those that it carries
    /// for others than `peer`. Its own unsent work is sealed for this, and goes to the server in the same batches.
    pub(crate) fn hand_over(
        &mut self,
        tickets: &BTreeSet<TicketId>,
        peer: DeviceId,
        now: DeviceTime,
    ) -> Result<Vec<Sha256Hash>, SignError> {
        let mut state = self.state.clone();
        seal_batches(&mut state, &*self.signer, now)?;
        self.state = state;
        let carried = self.state.carried.values();
        let carried = carried.filter(|one| tickets.contains(&one.header.ticket) && one.header.device != peer);
        let mut carried: Vec<_> = carried.collect();
        carried.sort_by_key(|one| (one.header.device, one.header.session_nonce, one.header.dev_seq));
        let own = self.state.session.batches.values().filter(|sent| self.is_current(sent, tickets));
        Ok(own.map(|sent| sent.hash).chain(carried.into_iter().map(|one| one.hash)).collect())
    }

    /// Every change of it is still what this phone wants to say.
    fn is_current(&self, sent: &Sent, tickets: &BTreeSet<TicketId>) -> bool {
        let pending = self.state.pending_of(sent.ticket);
        let pending: BTreeSet<Sha256Hash> = pending.map(|pending| pending.change.hash).collect();
        tickets.contains(&sent.ticket) && sent.changes.iter().all(|change| pending.contains(change))
    }

    /// Those of the offered batches that are not here.
    pub(crate) fn wanted(&self, offered: &[Sha256Hash]) -> Vec<Sha256Hash> {
        let is_new = |hash: &&Sha256Hash| !self.state.carried.contains_key(hash);
        offered.iter().filter(is_new).copied().collect()
    }

    /// A batch that was offered, with the certificate of its author; none if it has been settled since.
    pub(crate) fn batch_to_hand_over(&self, hash: &Sha256Hash) -> Option<(Vec<u8>, Vec<u8>)> {
        if let Some(carried) = self.state.carried.get(hash) {
            return Some((carried.certificate.clone(), carried.batch.clone()));
        }
        let own = self.state.session.batches.values().find(|sent| sent.hash == *hash)?;
        Some((self.state.device.certificate.clone(), own.bytes.clone()))
    }

    /// Takes a batch about one of `shared`, durably, or says why not.
    pub(crate) fn take_from(
        &mut self,
        from: DeviceId,
        shared: &BTreeSet<TicketId>,
        (certificate, batch): (&[u8], &[u8]),
        now: DeviceTime,
    ) -> Result<Taken, NotTaken> {
        let author = DeviceCertificate::open(certificate, &self.state.device.server_keys)?;
        let ticket = crate::wire::Batch::decode(batch)?.claims()?.ticket;
        if !shared.contains(&ticket) {
            return Err(NotTaken::NotShared);
        }
        let server_now = self.server_time(now);
        self.work(|work| work.take_carried(batch, (&author, certificate), from, server_now))
    }
}
