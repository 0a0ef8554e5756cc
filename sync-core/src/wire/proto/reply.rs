//! What the server answers.

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::wire) struct SyncReply {
    #[prost(bytes = "vec", tag = "1")]
    pub server_epoch: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub cursor: Vec<u8>,
    #[prost(sint64, tag = "3")]
    pub server_time: i64,
    #[prost(message, repeated, tag = "4")]
    pub acks: Vec<Ack>,
    #[prost(message, repeated, tag = "5")]
    pub rejects: Vec<Reject>,
    #[prost(message, repeated, tag = "6")]
    pub deferred: Vec<Deferred>,
    #[prost(message, repeated, tag = "7")]
    pub refused_batches: Vec<BatchRefusal>,
    #[prost(message, repeated, tag = "8")]
    pub answers: Vec<IntentAnswer>,
    #[prost(message, repeated, tag = "9")]
    pub items: Vec<Item>,
    #[prost(bool, tag = "10")]
    pub more: bool,
    #[prost(message, optional, tag = "11")]
    pub upgrade_required: Option<Upgrade>,
    #[prost(uint32, tag = "12")]
    pub scope: u32,
    #[prost(uint32, tag = "13")]
    pub standing: u32,
    #[prost(uint32, tag = "14")]
    pub retry_after_ms: u32,
    #[prost(bytes = "vec", tag = "15")]
    pub server_keys: Vec<u8>,
    #[prost(bool, tag = "16")]
    pub feed_reset: bool,
    #[prost(uint32, tag = "17")]
    pub protocol: u32,
    #[prost(bytes = "vec", tag = "30")]
    pub certificate: Vec<u8>,
    #[prost(message, repeated, tag = "31")]
    pub refused_couriered: Vec<BatchRefusal>,
    /// Each an encoded statement, as it was signed.
    #[prost(bytes = "vec", repeated, tag = "50")]
    pub receipts: Vec<Vec<u8>>,
    #[prost(bytes = "vec", tag = "51")]
    pub receipts_signature: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::wire) struct Ack {
    #[prost(bytes = "vec", tag = "1")]
    pub session_nonce: Vec<u8>,
    #[prost(uint64, tag = "2")]
    pub dev_seq: u64,
    #[prost(uint32, tag = "3")]
    pub admitted: u32,
    #[prost(sint64, tag = "4")]
    pub received: i64,
    #[prost(bytes = "vec", tag = "5")]
    pub device: Vec<u8>,
    #[prost(uint64, tag = "50")]
    pub version: u64,
    #[prost(bytes = "vec", tag = "51")]
    pub link: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::wire) struct Reject {
    #[prost(bytes = "vec", tag = "1")]
    pub ticket: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub change: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub fact: Vec<u8>,
    #[prost(string, tag = "4")]
    pub code: String,
    #[prost(string, tag = "5")]
    pub rule: String,
    #[prost(string, tag = "6")]
    pub detail: String,
    /// 0 quarantined, 1 make again.
    #[prost(uint32, tag = "7")]
    pub outcome: u32,
    #[prost(bytes = "vec", tag = "8")]
    pub quarantine: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::wire) struct Deferred {
    #[prost(bytes = "vec", tag = "1")]
    pub session_nonce: Vec<u8>,
    #[prost(uint64, tag = "2")]
    pub dev_seq: u64,
    #[prost(uint64, tag = "3")]
    pub expected: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::wire) struct BatchRefusal {
    #[prost(uint32, tag = "1")]
    pub position: u32,
    #[prost(string, tag = "2")]
    pub code: String,
    #[prost(string, tag = "3")]
    pub detail: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::wire) struct IntentAnswer {
    #[prost(bytes = "vec", tag = "1")]
    pub id: Vec<u8>,
    /// 0 granted, 1 refused, 2 under way.
    #[prost(uint32, tag = "2")]
    pub outcome: u32,
    #[prost(string, tag = "3")]
    pub code: String,
    #[prost(string, tag = "4")]
    pub detail: String,
    #[prost(bytes = "vec", tag = "5")]
    pub ticket: Vec<u8>,
    #[prost(bytes = "vec", tag = "6")]
    pub payload: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::wire) struct Upgrade {
    #[prost(uint32, tag = "1")]
    pub min_protocol: u32,
    #[prost(string, tag = "2")]
    pub min_app_version: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::wire) struct Item {
    #[prost(oneof = "Body", tags = "1, 2, 3, 4, 5, 6, 7")]
    pub body: Option<Body>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(in crate::wire) enum Body {
    #[prost(message, tag = "1")]
    Enter(Enter),
    #[prost(message, tag = "2")]
    Delta(Delta),
    #[prost(message, tag = "3")]
    Leave(Leave),
    #[prost(message, tag = "4")]
    Reference(Reference),
    #[prost(message, tag = "5")]
    BlobStored(BlobStored),
    #[prost(message, tag = "6")]
    Notice(Notice),
    #[prost(message, tag = "7")]
    PoolCard(PoolCard),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::wire) struct Enter {
    #[prost(bytes = "vec", tag = "1")]
    pub ticket: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub snapshot: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub heads: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    pub document_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "5")]
    pub voucher: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::wire) struct Delta {
    #[prost(bytes = "vec", tag = "1")]
    pub ticket: Vec<u8>,
    #[prost(message, repeated, tag = "2")]
    pub changes: Vec<SyncedChange>,
    #[prost(bytes = "vec", tag = "3")]
    pub heads: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    pub document_key: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::wire) struct SyncedChange {
    #[prost(bytes = "vec", tag = "1")]
    pub bytes: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub voucher: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::wire) struct Leave {
    #[prost(bytes = "vec", tag = "1")]
    pub ticket: Vec<u8>,
    #[prost(string, tag = "2")]
    pub reason: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::wire) struct Reference {
    #[prost(string, tag = "1")]
    pub set: String,
    #[prost(uint64, tag = "2")]
    pub version: u64,
    #[prost(message, repeated, tag = "3")]
    pub rows: Vec<ReferenceRow>,
    #[prost(bool, tag = "4")]
    pub replaces_all: bool,
    #[prost(bool, tag = "40")]
    pub has_more: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::wire) struct ReferenceRow {
    #[prost(string, tag = "1")]
    pub key: String,
    #[prost(bytes = "vec", tag = "2")]
    pub value: Vec<u8>,
    #[prost(bool, tag = "3")]
    pub removed: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::wire) struct BlobStored {
    #[prost(bytes = "vec", tag = "1")]
    pub sha256: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::wire) struct Notice {
    #[prost(bytes = "vec", tag = "1")]
    pub fact: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub ticket: Vec<u8>,
    /// 0 waiting, 1 accepted, 2 rejected.
    #[prost(uint32, tag = "3")]
    pub decision: u32,
    #[prost(string, tag = "4")]
    pub code: String,
    #[prost(string, tag = "5")]
    pub note: String,
    #[prost(bytes = "vec", tag = "6")]
    pub quarantine: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::wire) struct PoolCard {
    #[prost(bytes = "vec", tag = "1")]
    pub ticket: Vec<u8>,
    #[prost(bool, tag = "2")]
    pub gone: bool,
    #[prost(bytes = "vec", tag = "3")]
    pub card: Vec<u8>,
}
