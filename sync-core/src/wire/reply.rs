//! What the server answers. Only this, signed, turns "pending" into "synced".

use prost::Message;

use crate::ids::{DeviceId, FactId, IntentId, Nonce, ServerEpoch, Sha256Hash, TicketId};
use crate::time::ServerTime;
use crate::wire::{
    BatchHeader, ChainPosition, Cursor, Receipt, Receipts, ServerKey, ServerSigner, WireError, decode, proto,
};

/// One page of an answer. A phone stores all of it, with the cursor, in one transaction.
#[derive(Debug, Clone, PartialEq)]
pub struct SyncReply {
    pub server_epoch: ServerEpoch,
    /// Where the next request continues.
    pub cursor: Cursor,
    pub server_time: ServerTime,
    pub acks: Vec<Ack>,
    pub rejects: Vec<Reject>,
    pub deferred: Vec<Deferred>,
    pub refused_batches: Vec<BatchRefusal>,
    pub answers: Vec<IntentAnswer>,
    pub items: Vec<Item>,
    /// The feed goes on: ask again at once.
    pub more: bool,
    /// This app may push but is too old to be sent anything.
    pub upgrade_required: Option<Upgrade>,
    pub scope: Option<ScopeAnswer>,
    pub standing: Standing,
    /// Wait so long before the next request; zero leaves it to the phone.
    pub retry_after_ms: u32,
    /// Keys that sign replies from now on; empty when nothing changed.
    pub server_keys: Vec<ServerKey>,
    /// The cursor was of no use: the items start from nothing, and documents that no `enter` names are to be let go.
    pub feed_reset: bool,
    /// The newest version of the conversation that the server speaks.
    pub protocol: u32,
    /// A new certificate of this device, signed; empty if it asked for none, or is to have none. See
    /// [`DeviceCertificate`](crate::wire::DeviceCertificate).
    pub certificate: Vec<u8>,
    /// Batches of other devices that say nothing the server can act on, by their place among those carried. One that is
    /// neither acknowledged nor refused stands on work that is still to come: it is carried on.
    pub refused_couriered: Vec<BatchRefusal>,
    /// Proof of the acknowledgements, for others to read.
    pub receipts: Receipts,
}

/// A batch was taken. It need not be sent again, whatever became of the changes beyond `admitted`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ack {
    /// Whose batch; none means of the device that asked.
    pub device: Option<DeviceId>,
    pub session_nonce: Nonce,
    pub dev_seq: u64,
    /// So many changes of the batch, from its start, are admitted. The next one has a [`Reject`]; those after it are
    /// orphans, to be made again.
    pub admitted: u32,
    /// When the server first took it.
    pub received: ServerTime,
    /// The place in the ticket's chain that it had come to then.
    pub position: Option<ChainPosition>,
}

/// A change that was not admitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    pub ticket: TicketId,
    pub change: Sha256Hash,
    pub fact: FactId,
    /// Stable: a guard's or a policy's code.
    pub code: String,
    /// The rule of the policy, where one decided.
    pub rule: String,
    /// For a person.
    pub detail: String,
    pub outcome: RejectOutcome,
}

/// What becomes of a rejected change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RejectOutcome {
    /// Kept by the server, for its author and a dispatcher to see; made a draft on the phone.
    Quarantined { quarantine: Vec<u8> },
    /// Not judged, because what it was built on is not there: the phone makes the same fact again on the document as
    /// it is now.
    MakeAgain,
}

/// A batch came before the one it follows. Nothing became of it; send from `expected` on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deferred {
    pub session_nonce: Nonce,
    pub dev_seq: u64,
    pub expected: u64,
}

/// A batch that says nothing the server can act on: damaged, or signed by another key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchRefusal {
    /// Its place in the request.
    pub position: u32,
    pub code: String,
    pub detail: String,
}

/// What became of an intent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntentAnswer {
    pub id: IntentId,
    pub outcome: IntentOutcome,
    pub code: String,
    pub detail: String,
    /// The ticket that was made or taken.
    pub ticket: Option<TicketId>,
    pub payload: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntentOutcome {
    Granted,
    Refused,
    /// Not decided yet; the answer comes with a later reply.
    UnderWay,
}

/// One entry of the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    Enter(Enter),
    Delta(Delta),
    Leave {
        ticket: TicketId,
        reason: LeaveReason,
    },
    Reference(Reference),
    BlobStored {
        sha256: Sha256Hash,
    },
    Notice(Notice),
    PoolCard(PoolCard),
    /// Of a later version; skipped.
    Unknown,
}

/// A ticket that the device may see from now on, whole. It replaces what the device had admitted of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enter {
    pub ticket: TicketId,
    /// The document as [`TicketDoc::to_travel`](crate::document::TicketDoc::to_travel) gives it.
    pub snapshot: Vec<u8>,
    pub heads: Vec<Sha256Hash>,
    /// Opens the sealed text of the ticket.
    pub document_key: [u8; 32],
    /// Lets the server know the document again, and who wrote what of it; opaque.
    pub voucher: Vec<u8>,
}

/// What was admitted to a ticket since the cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delta {
    pub ticket: TicketId,
    pub changes: Vec<SyncedChange>,
    /// The heads after them; others mean that something is missing and the phone asks for the whole.
    pub heads: Vec<Sha256Hash>,
    /// A new document key, if it changed.
    pub document_key: Option<[u8; 32]>,
}

/// An admitted change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncedChange {
    pub bytes: Vec<u8>,
    /// Lets the server know again what it had admitted, and who wrote it; opaque.
    pub voucher: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaveReason {
    Reassigned,
    Finished,
    /// The user lost access.
    Withdrawn,
    Other,
}

/// Rows of a set: sites, customers, articles (see [`crate::reference`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    pub set: String,
    pub version: u64,
    pub rows: Vec<ReferenceRow>,
    /// Rows not named here, or in the pages of the set that follow, are gone.
    pub replaces_all: bool,
    /// Another page of the set follows.
    pub has_more: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferenceRow {
    pub key: String,
    /// As the set defines it (see [`crate::reference`]); empty when removed.
    pub value: Vec<u8>,
    pub removed: bool,
}

/// News about a quarantined change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    pub fact: FactId,
    pub ticket: TicketId,
    pub decision: NoticeDecision,
    pub code: String,
    pub note: String,
    pub quarantine: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeDecision {
    Waiting,
    Accepted,
    Rejected,
}

/// A ticket that may be taken: a row of the set [`POOL`](crate::reference::POOL), whose head is in the same page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolCard {
    pub ticket: TicketId,
    /// It is not to be had any more.
    pub gone: bool,
    /// A [`Card`](crate::reference::Card); empty when gone.
    pub card: Vec<u8>,
}

/// The oldest app that is sent anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upgrade {
    pub min_protocol: u32,
    pub min_app_version: String,
}

/// The answer to a [`ScopeDigest`](crate::wire::ScopeDigest).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScopeAnswer {
    Same,
    /// Send every [`HeldDocument`](crate::wire::HeldDocument), and what differs is sent whole.
    Differs,
}

/// How the device stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Standing {
    #[default]
    Active,
    /// Revoked: what it still pushes is quarantined, it is sent nothing.
    PushOnly,
    /// Let go of everything once the server has all of it: entries, files, wishes, what is carried for others.
    Wipe,
}

impl SyncReply {
    /// A reply that brings nothing.
    pub fn new(server_epoch: ServerEpoch, cursor: Cursor, server_time: ServerTime) -> Self {
        Self {
            server_epoch,
            cursor,
            server_time,
            acks: Vec::new(),
            rejects: Vec::new(),
            deferred: Vec::new(),
            refused_batches: Vec::new(),
            answers: Vec::new(),
            items: Vec::new(),
            more: false,
            upgrade_required: None,
            scope: None,
            standing: Standing::Active,
            retry_after_ms: 0,
            server_keys: Vec::new(),
            feed_reset: false,
            protocol: crate::wire::PROTOCOL,
            certificate: Vec::new(),
            refused_couriered: Vec::new(),
            receipts: Receipts::default(),
        }
    }

    /// Adds a receipt for each acknowledgement of one of these batches, given as header and hash, all of them verified:
    /// the last thing before it is encoded.
    pub fn give_receipts(&mut self, batches: &[(BatchHeader, Sha256Hash)], signer: &ServerSigner) {
        let said = (self.server_epoch, self.server_time);
        let of = |ack: &Ack| {
            let named = |(header, _): &&(BatchHeader, Sha256Hash)| {
                ack.device.is_none_or(|device| device == header.device)
                    && (header.session_nonce, header.dev_seq) == (ack.session_nonce, ack.dev_seq)
            };
            let (header, hash) = batches.iter().find(named)?;
            Some(Receipt::of((header, *hash), ack, &self.rejects, said))
        };
        self.receipts = Receipts::give(self.acks.iter().filter_map(of), signer);
    }

    /// Its bytes, to be [sealed](crate::wire::signed::seal).
    pub fn encode(self) -> Vec<u8> {
        proto::SyncReply::from(self).encode_to_vec()
    }

    /// Reads what [`open`](crate::wire::signed::open) returned.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        decode::<proto::SyncReply>("sync reply", bytes)?.try_into()
    }
}
