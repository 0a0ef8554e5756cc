//! What a phone asks.

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::wire) struct SyncRequest {
    #[prost(uint32, tag = "1")]
    pub protocol: u32,
    #[prost(string, tag = "2")]
    pub app_version: String,
    #[prost(bytes = "vec", tag = "3")]
    pub device: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    pub cursor: Vec<u8>,
    #[prost(bytes = "vec", tag = "5")]
    pub server_epoch: Vec<u8>,
    #[prost(sint64, tag = "6")]
    pub device_time: i64,
    #[prost(message, optional, tag = "7")]
    pub outstanding: Option<Outstanding>,
    #[prost(message, optional, tag = "8")]
    pub budget: Option<Budget>,
    /// Each one an encoded [`Batch`], kept apart so that a damaged one does not spoil the rest.
    #[prost(bytes = "vec", repeated, tag = "9")]
    pub batches: Vec<Vec<u8>>,
    #[prost(message, repeated, tag = "10")]
    pub intents: Vec<Intent>,
    #[prost(message, optional, tag = "11")]
    pub scope: Option<ScopeDigest>,
    /// Tickets with the first 8 bytes of the digest of their heads, 24 bytes each.
    #[prost(bytes = "vec", tag = "12")]
    pub held: Vec<u8>,
    #[prost(message, repeated, tag = "13")]
    pub references: Vec<ReferenceVersion>,
    #[prost(bytes = "vec", tag = "14")]
    pub awaiting_blobs: Vec<u8>,
    #[prost(message, repeated, tag = "15")]
    pub unreadable: Vec<Unreadable>,
    #[prost(message, repeated, tag = "16")]
    pub returned: Vec<Returned>,
    /// So many of the batches, from the first, an earlier server had acknowledged.
    #[prost(uint32, tag = "17")]
    pub offered_again: u32,
    #[prost(bool, tag = "30")]
    pub wants_certificate: bool,
    /// Encoded [`Batch`]es of other devices.
    #[prost(bytes = "vec", repeated, tag = "31")]
    pub couriered: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::wire) struct Outstanding {
    #[prost(uint32, tag = "1")]
    pub unsent: u32,
    #[prost(int64, tag = "2")]
    pub oldest_age_ms: i64,
    #[prost(uint32, tag = "3")]
    pub drafts: u32,
    #[prost(uint32, tag = "4")]
    pub blobs: u32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::wire) struct Budget {
    #[prost(uint32, tag = "1")]
    pub bytes: u32,
    #[prost(uint32, tag = "2")]
    pub documents: u32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::wire) struct Batch {
    #[prost(bytes = "vec", tag = "1")]
    pub header: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub signature: Vec<u8>,
    #[prost(bytes = "vec", repeated, tag = "3")]
    pub changes: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::wire) struct BatchHeader {
    #[prost(bytes = "vec", tag = "1")]
    pub tenant: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub device: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub user: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    pub ticket: Vec<u8>,
    #[prost(bytes = "vec", tag = "5")]
    pub actor_nonce: Vec<u8>,
    #[prost(bytes = "vec", tag = "6")]
    pub session_nonce: Vec<u8>,
    #[prost(uint64, tag = "7")]
    pub dev_seq: u64,
    #[prost(bytes = "vec", tag = "8")]
    pub prev_batch_hash: Vec<u8>,
    #[prost(bytes = "vec", tag = "9")]
    pub change_hashes: Vec<u8>,
    #[prost(bytes = "vec", tag = "10")]
    pub heads: Vec<u8>,
    #[prost(bytes = "vec", tag = "11")]
    pub fact_ids: Vec<u8>,
    #[prost(sint64, tag = "12")]
    pub signed_at: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::wire) struct Intent {
    #[prost(bytes = "vec", tag = "1")]
    pub id: Vec<u8>,
    #[prost(string, tag = "2")]
    pub kind: String,
    #[prost(bytes = "vec", tag = "3")]
    pub ticket: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    pub payload: Vec<u8>,
    #[prost(sint64, tag = "5")]
    pub made_at: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::wire) struct ScopeDigest {
    #[prost(uint32, tag = "1")]
    pub documents: u32,
    #[prost(bytes = "vec", tag = "2")]
    pub digest: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::wire) struct ReferenceVersion {
    #[prost(string, tag = "1")]
    pub set: String,
    #[prost(uint64, tag = "2")]
    pub version: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::wire) struct Unreadable {
    #[prost(bytes = "vec", tag = "1")]
    pub ticket: Vec<u8>,
    #[prost(uint32, tag = "2")]
    pub failures: u32,
    #[prost(string, tag = "3")]
    pub detail: String,
    #[prost(bytes = "vec", tag = "4")]
    pub sample: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::wire) struct Returned {
    #[prost(bytes = "vec", tag = "1")]
    pub ticket: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub bytes: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub voucher: Vec<u8>,
    /// Empty with a change; what opens it with a document.
    #[prost(bytes = "vec", tag = "4")]
    pub document_key: Vec<u8>,
}
