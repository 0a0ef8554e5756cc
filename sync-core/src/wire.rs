//! What crosses the network between a phone and the server, and nothing else: bytes in, typed values out.
//!
//! One exchange is one `POST`: an [`envelope`] around a [`SyncRequest`], answered by a [`signed`] envelope around a
//! [`SyncReply`]. The messages are Protocol Buffers declared by hand; fields are only ever added. Decoders are total:
//! any bytes give a value or a [`WireError`], within a bound that the caller sets, and never panic.
//!
//! What a phone did travels in a [`Batch`], whose header is signed by the device and kept as the bytes that were
//! signed; [`Batch::verify`] is the only way to a [`VerifiedBatch`].

mod request;
mod reply;
mod batch;
mod keys;
mod certificate;
mod export;
mod receipt;
mod receipt_file;
pub mod envelope;
pub mod signed;
mod proto;
mod request_proto;
mod reply_proto;
#[cfg(test)]
mod tests;

pub use batch::{Batch, BatchError, BatchHeader, MAX_BATCH_BYTES, VerifiedBatch, change_hash};
pub use certificate::{
    CERTIFICATE_LEEWAY_MS, CERTIFICATE_LIFE_MS, CertificateError, DeviceCertificate, MAX_CERTIFICATE_BYTES,
};
pub use export::{Export, ExportError, ExportedEntry, OpenedExport, exported};
pub use keys::{
    DeviceKey, DeviceSignature, DeviceSigner, KeyError, ServerKey, ServerSigner, SignError, SoftwareDeviceSigner,
};
pub use receipt::{BadReceipt, ChainPosition, ProvenReceipt, Receipt, Receipts, verdicts};
pub use receipt_file::{RECEIPT_FILE_MAGIC, ReceiptEntry, ReceiptFile};
pub use reply::{
    Ack, BatchRefusal, Deferred, Delta, Enter, IntentAnswer, IntentOutcome, Item, LeaveReason, Notice, NoticeDecision,
    PoolCard, Reference, ReferenceRow, Reject, RejectOutcome, ScopeAnswer, Standing, SyncReply, SyncedChange, Upgrade,
};
pub use request::{
    Budget, HeldDocument, Intent, Outstanding, ReferenceVersion, Returned, ScopeDigest, SyncRequest, Unreadable, intent,
};

/// The version of the conversation. A server answers older ones; see [`SyncReply::upgrade_required`].
pub const PROTOCOL: u32 = 1;

/// A place in a server's feed: bytes that only the server reads. Empty before the first exchange.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cursor(pub Vec<u8>);

/// Bytes that are not what they should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Not the encoding of such a message.
    #[error("not a {what}: {why}")]
    NotA { what: &'static str, why: String },
    /// A field that must hold an id, a hash or a number of a certain kind does not.
    #[error("{field} is missing or malformed")]
    Field { field: &'static str },
    /// More entries than one message may have.
    #[error("more than {limit} entries in one message")]
    TooMany { limit: usize },
}

/// Entries (batches, items, …) that one message may have; more is an attack on memory, not a sync.
const MAX_ENTRIES: usize = 20_000;

/// Decodes one message, after counting its fields so that a few bytes cannot become many allocations.
pub(crate) fn decode<M: prost::Message + Default>(what: &'static str, bytes: &[u8]) -> Result<M, WireError> {
    let not = |why: prost::DecodeError| WireError::NotA { what, why: why.to_string() };
    let mut rest = bytes;
    let mut fields = 0;
    while !rest.is_empty() {
        let (tag, kind) = prost::encoding::decode_key(&mut rest).map_err(not)?;
        prost::encoding::skip_field(kind, tag, &mut rest, prost::encoding::DecodeContext::default()).map_err(not)?;
        fields += 1;
        if fields > MAX_ENTRIES {
            return Err(WireError::TooMany { limit: MAX_ENTRIES });
        }
    }
    M::decode(bytes).map_err(not)
}

/// A field that must be there: an id or a hash of exactly the right length.
pub(crate) fn field<T, E>(
    field: &'static str,
    bytes: &[u8],
    parse: impl FnOnce(&[u8]) -> Result<T, E>,
) -> Result<T, WireError> {
    parse(bytes).map_err(|_| WireError::Field { field })
}

/// A field that may be absent, which on the wire is no bytes.
fn optional<T, E>(
    name: &'static str,
    bytes: &[u8],
    parse: impl FnOnce(&[u8]) -> Result<T, E>,
) -> Result<Option<T>, WireError> {
    if bytes.is_empty() { Ok(None) } else { field(name, bytes, parse).map(Some) }
}
