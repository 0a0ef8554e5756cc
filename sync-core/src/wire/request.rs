//! What a phone sends: its state in a few bytes, what it did, what it wishes.

use prost::Message;

use crate::ids::{DeviceId, IntentId, ServerEpoch, Sha256Hash, TicketId};
use crate::time::DeviceTime;
use crate::wire::{Cursor, WireError, decode, proto};

/// One request. Only `device` and `protocol` are always there; the rest may be empty.
#[derive(Debug, Clone, PartialEq)]
pub struct SyncRequest {
    /// [`PROTOCOL`](crate::wire::PROTOCOL) of the app.
    pub protocol: u32,
    pub app_version: String,
    pub device: DeviceId,
    /// Where the last page that was stored ended.
    pub cursor: Cursor,
    /// The server epoch that the phone knows; none before the first reply.
    pub server_epoch: Option<ServerEpoch>,
    pub device_time: DeviceTime,
    /// What is still only on the phone, so that a dispatcher sees it too.
    pub outstanding: Outstanding,
    /// How much the phone is willing to take in one reply.
    pub budget: Budget,
    /// Encoded [`Batch`](crate::wire::Batch)es, each to be read on its own: a damaged one must not spoil the rest.
    pub batches: Vec<Vec<u8>>,
    pub intents: Vec<Intent>,
    /// Asks the server to compare; see [`ScopeAnswer`](crate::wire::ScopeAnswer).
    pub scope: Option<ScopeDigest>,
    /// Every document held, after the server said that the scopes differ.
    pub held: Vec<HeldDocument>,
    /// Which reference rows the phone has.
    pub references: Vec<ReferenceVersion>,
    /// Blobs named in facts, of which the phone does not know yet that they are stored.
    pub awaiting_blobs: Vec<Sha256Hash>,
    /// Documents of the server that this phone could not open.
    pub unreadable: Vec<Unreadable>,
    /// After a new server epoch: what an earlier server had vouched for.
    pub returned: Vec<Returned>,
    /// So many of the batches, from the first, an earlier server had acknowledged. Their sessions are over, and may have
    /// gaps: what was neither admitted nor set aside was not kept.
    pub offered_again: u32,
    /// The device's certificate is missing or worn; see [`SyncReply::certificate`](crate::wire::SyncReply::certificate).
    pub wants_certificate: bool,
    /// Encoded batches of other devices, which this phone carries for them.
    pub couriered: Vec<Vec<u8>>,
}

/// What is still only on the phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outstanding {
    /// Changes the server has not acknowledged.
    pub unsent: u32,
    /// Age of the oldest of them, by the device's own clock.
    pub oldest_age_ms: i64,
    /// Refused changes that the user has not settled.
    pub drafts: u32,
    /// Blobs not known to be stored.
    pub blobs: u32,
}

/// The size of a page. Zero leaves it to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Budget {
    /// Bytes of items before compression; a page may go over it by one item.
    pub bytes: u32,
    pub documents: u32,
}

/// A wish without a document. The server decides; see [`intent`] for the kinds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    pub id: IntentId,
    pub kind: String,
    /// The ticket it is about, if any.
    pub ticket: Option<TicketId>,
    /// JSON, as the server's API takes it for this kind.
    pub payload: Vec<u8>,
    pub made_at: DeviceTime,
}

/// The kinds of [`Intent`] that exist so far.
pub mod intent {
    /// Take the ticket from the pool. Two takers: one wins, the other is told why.
    pub const TAKE: &str = "take";
    /// Make a new ticket.
    pub const CREATE_TICKET: &str = "create_ticket";
    /// Make a ticket that continues this one.
    pub const FOLLOW_UP: &str = "follow_up";
    /// Keep the fact in the payload (as [`Fact::to_bytes`](crate::document::Fact::to_bytes) gives it) in quarantine, for
    /// a dispatcher to see: its author's phone could not make it again. The intent's id is the fact's.
    pub const REVIEW: &str = "review";
}

/// A digest over everything held: see [`ScopeDigest::over`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScopeDigest {
    pub documents: u32,
    pub digest: Sha256Hash,
}

/// One document held and what it holds, in 24 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HeldDocument {
    pub ticket: TicketId,
    /// The first 8 bytes of SHA-256 over the sorted heads of what the server has admitted.
    pub heads: [u8; 8],
}

impl HeldDocument {
    /// Of a document with these admitted heads, in any order.
    pub fn new(ticket: TicketId, heads: &[Sha256Hash]) -> Self {
        let mut sorted = heads.to_vec();
        sorted.sort_unstable();
        let bytes: Vec<u8> = sorted.iter().flat_map(|head| head.0).collect();
        let mut prefix = [0; 8];
        prefix.copy_from_slice(&Sha256Hash::of(&bytes).0[..8]);
        Self { ticket, heads: prefix }
    }
}

impl ScopeDigest {
    /// Over these documents, in any order.
    pub fn over(mut held: Vec<HeldDocument>) -> Self {
        held.sort_unstable();
        let bytes: Vec<u8> = held.iter().flat_map(HeldDocument::encoded).collect();
        Self { documents: u32::try_from(held.len()).unwrap_or(u32::MAX), digest: Sha256Hash::of(&bytes) }
    }
}

/// A set of reference rows and its version; 0 if there is none yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferenceVersion {
    pub set: String,
    pub version: u64,
}

/// A document that would not open here, with what may help to see why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    pub ticket: TicketId,
    /// How often it was tried.
    pub failures: u32,
    pub detail: String,
    /// The bytes that did not open, cut to 64 KiB.
    pub sample: Vec<u8>,
}

/// A change or a document that the server once sent with its voucher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returned {
    pub ticket: TicketId,
    /// A change chunk; with a `document_key`, a whole document as an [`Enter`](crate::wire::Enter) brought it.
    pub bytes: Vec<u8>,
    pub document_key: Option<[u8; 32]>,
    pub voucher: Vec<u8>,
}

impl SyncRequest {
    /// A request that says nothing but who asks.
    pub fn new(device: DeviceId, device_time: DeviceTime) -> Self {
        Self {
            protocol: crate::wire::PROTOCOL,
            app_version: String::new(),
            device,
            cursor: Cursor::default(),
            server_epoch: None,
            device_time,
            outstanding: Outstanding::default(),
            budget: Budget::default(),
            batches: Vec::new(),
            intents: Vec::new(),
            scope: None,
            held: Vec::new(),
            references: Vec::new(),
            awaiting_blobs: Vec::new(),
            unreadable: Vec::new(),
            returned: Vec::new(),
            offered_again: 0,
            wants_certificate: false,
            couriered: Vec::new(),
        }
    }

    /// Its bytes, to be put into an envelope.
    pub fn encode(self) -> Vec<u8> {
        proto::SyncRequest::from(self).encode_to_vec()
    }

    /// Reads what an envelope held. Batches stay unread.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        decode::<proto::SyncRequest>("sync request", bytes)?.try_into()
    }
}
