//! Wishes, blobs, reference rows, and what the server vouched for.

use super::Record;
use crate::ids::{FactId, IntentId, ServerEpoch, Sha256Hash, TicketId};
use crate::store::Table;
use crate::time::{DeviceTime, ServerTime};
use crate::wire::{Intent, IntentOutcome};

/// A wish, and the answer if there is one.
#[derive(Debug, Clone, PartialEq)]
pub struct Wish {
    pub intent: Intent,
    pub answer: Option<WishAnswer>,
}

/// What the server made of a wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WishAnswer {
    pub outcome: IntentOutcome,
    pub code: String,
    pub detail: String,
    /// The ticket that was made or taken.
    pub ticket: Option<TicketId>,
}

/// A blob that a fact names, until the server has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwaitedBlob {
    pub sha256: Sha256Hash,
    pub ticket: TicketId,
    pub fact: FactId,
    /// In bytes; 0 if the fact does not say.
    pub size: i64,
    pub mime: String,
    /// How often the server had the whole of it and found other bytes than the fact names.
    pub refusals: u32,
}

impl AwaitedBlob {
    /// The bytes on this device are not those that the fact names: sending them again is of no use, and the user must see
    /// it. Once may have been the way; twice is the file.
    pub fn is_corrupt(&self) -> bool {
        self.refusals >= 2
    }
}

/// What the server sent with its voucher, to be shown to it again should it lose it.
#[derive(Debug, Clone)]
pub(in crate::replica) struct Vouched {
    pub ticket: TicketId,
    pub bytes: Vec<u8>,
    /// With a whole document: what opens it.
    pub document_key: Option<[u8; 32]>,
    pub voucher: Vec<u8>,
    pub received: ServerTime,
    pub epoch: ServerEpoch,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::replica) struct WishRow {
    #[prost(string, tag = "1")]
    kind: String,
    #[prost(bytes = "vec", tag = "2")]
    ticket: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    payload: Vec<u8>,
    #[prost(sint64, tag = "4")]
    made_at: i64,
    /// 0 none, 1 granted, 2 refused, 3 under way.
    #[prost(uint32, tag = "5")]
    outcome: u32,
    #[prost(string, tag = "6")]
    code: String,
    #[prost(string, tag = "7")]
    detail: String,
    #[prost(bytes = "vec", tag = "8")]
    answer_ticket: Vec<u8>,
}

impl Record for Wish {
    const TABLE: Table = Table::Intent;
    type Stored = WishRow;

    fn key(&self) -> Vec<u8> {
        self.intent.id.as_bytes().to_vec()
    }

    fn to_stored(&self) -> WishRow {
        let ticket = |ticket: Option<TicketId>| ticket.map(|id| id.as_bytes().to_vec()).unwrap_or_default();
        let answer = self.answer.clone();
        WishRow {
            kind: self.intent.kind.clone(),
            ticket: ticket(self.intent.ticket),
            payload: self.intent.payload.clone(),
            made_at: self.intent.made_at.0,
            outcome: match answer.as_ref().map(|answer| answer.outcome) {
                None => 0,
                Some(IntentOutcome::Granted) => 1,
                Some(IntentOutcome::Refused) => 2,
                Some(IntentOutcome::UnderWay) => 3,
            },
            answer_ticket: ticket(answer.as_ref().and_then(|answer| answer.ticket)),
            code: answer.as_ref().map(|answer| answer.code.clone()).unwrap_or_default(),
            detail: answer.map(|answer| answer.detail).unwrap_or_default(),
        }
    }

    fn from_stored(key: &[u8], row: WishRow) -> Option<Self> {
        let ticket = |bytes: &[u8]| (!bytes.is_empty()).then(|| TicketId::from_slice(bytes)).transpose().ok();
        let outcome = match row.outcome {
            0 => None,
            1 => Some(IntentOutcome::Granted),
            2 => Some(IntentOutcome::Refused),
            _ => Some(IntentOutcome::UnderWay),
        };
        let answer_ticket = ticket(&row.answer_ticket)?;
        Some(Self {
            intent: Intent {
                id: IntentId::from_slice(key).ok()?,
                kind: row.kind,
                ticket: ticket(&row.ticket)?,
                payload: row.payload,
                made_at: DeviceTime(row.made_at),
            },
            answer: outcome.map(|outcome| WishAnswer {
                outcome,
                code: row.code,
                detail: row.detail,
                ticket: answer_ticket,
            }),
        })
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::replica) struct BlobRow {
    #[prost(bytes = "vec", tag = "1")]
    ticket: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    fact: Vec<u8>,
    #[prost(int64, tag = "3")]
    size: i64,
    #[prost(string, tag = "4")]
    mime: String,
    #[prost(uint32, tag = "5")]
    refusals: u32,
}

impl Record for AwaitedBlob {
    const TABLE: Table = Table::Blob;
    type Stored = BlobRow;

    fn key(&self) -> Vec<u8> {
        self.sha256.0.to_vec()
    }

    fn to_stored(&self) -> BlobRow {
        BlobRow {
            ticket: self.ticket.as_bytes().to_vec(),
            fact: self.fact.as_bytes().to_vec(),
            size: self.size,
            mime: self.mime.clone(),
            refusals: self.refusals,
        }
    }

    fn from_stored(key: &[u8], row: BlobRow) -> Option<Self> {
        Some(Self {
            sha256: Sha256Hash::from_slice(key).ok()?,
            ticket: TicketId::from_slice(&row.ticket).ok()?,
            fact: FactId::from_slice(&row.fact).ok()?,
            size: row.size,
            mime: row.mime,
            refusals: row.refusals,
        })
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::replica) struct VouchedRow {
    #[prost(bytes = "vec", tag = "1")]
    ticket: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    bytes: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    voucher: Vec<u8>,
    #[prost(sint64, tag = "4")]
    received: i64,
    #[prost(bytes = "vec", tag = "5")]
    epoch: Vec<u8>,
    #[prost(bytes = "vec", tag = "6")]
    document_key: Vec<u8>,
}

impl Record for Vouched {
    const TABLE: Table = Table::Voucher;
    type Stored = VouchedRow;

    fn key(&self) -> Vec<u8> {
        Sha256Hash::of(&self.bytes).0.to_vec()
    }

    fn to_stored(&self) -> VouchedRow {
        VouchedRow {
            ticket: self.ticket.as_bytes().to_vec(),
            bytes: self.bytes.clone(),
            voucher: self.voucher.clone(),
            received: self.received.0,
            epoch: self.epoch.as_bytes().to_vec(),
            document_key: self.document_key.map(Vec::from).unwrap_or_default(),
        }
    }

    fn from_stored(_: &[u8], row: VouchedRow) -> Option<Self> {
        Some(Self {
            ticket: TicketId::from_slice(&row.ticket).ok()?,
            bytes: row.bytes,
            voucher: row.voucher,
            received: ServerTime(row.received),
            epoch: ServerEpoch::from_slice(&row.epoch).ok()?,
            document_key: match row.document_key.is_empty() {
                true => None,
                false => Some(row.document_key.try_into().ok()?),
            },
        })
    }
}
