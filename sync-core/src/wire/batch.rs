//! What a device did to one ticket, in order, under one signature.
//!
//! Only the header is signed; it names every change by its hash. The bytes that were signed are kept and passed on,
//! never encoded again. Batches of one opening of a store are numbered from 1 and chained by hash.

use prost::Message;

use crate::ids::{DeviceId, FactId, Nonce, Sha256Hash, TenantId, TicketId, UserId};
use crate::time::DeviceTime;
use crate::wire::{DeviceKey, DeviceSigner, SignError, WireError, decode, field, optional, proto};

/// A batch and all it carries, encoded, may be this large.
pub const MAX_BATCH_BYTES: usize = 1 << 20;

const DOMAIN: &[u8] = b"callout batch 1";

/// What a device claims about a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchHeader {
    pub tenant: TenantId,
    pub device: DeviceId,
    /// Who was signed in on the device, and is the author of every change in the batch.
    pub user: UserId,
    pub ticket: TicketId,
    /// The nonce of the actor that made the changes: that of the opening of the store in which they were made.
    pub actor_nonce: Nonce,
    /// The nonce of the opening of the store in which this batch was made; (device, session_nonce, dev_seq) names it.
    pub session_nonce: Nonce,
    /// The number of this batch within its session, from 1.
    pub dev_seq: u64,
    /// [`VerifiedBatch::hash`] of batch `dev_seq - 1`; none for the first.
    pub prev_batch_hash: Option<Sha256Hash>,
    /// The changes in order, each by its hash.
    pub change_hashes: Vec<Sha256Hash>,
    /// The heads of the document on the device after the last of the changes: what its user saw.
    pub heads: Vec<Sha256Hash>,
    /// The fact that each change adds, in the same order.
    pub fact_ids: Vec<FactId>,
    /// When the batch was signed, on the device's clock.
    pub signed_at: DeviceTime,
}

/// A batch as it travels and as it is kept: the signed bytes, the signature, the change chunks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    header: Vec<u8>,
    signature: Vec<u8>,
    changes: Vec<Vec<u8>>,
}

/// A batch whose header was signed by the key it was checked with, and whose changes are those the header names.
/// Whether that key may speak for that device, user and tenant is for the caller to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedBatch {
    claims: BatchHeader,
    batch: Batch,
}

/// Why a batch was not taken as a whole. `code` is stable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    #[error("the batch is larger than {MAX_BATCH_BYTES} bytes")]
    TooLarge,
    #[error("the batch does not parse: {0}")]
    Malformed(#[from] WireError),
    #[error("the batch is empty")]
    Empty,
    #[error("the batch header contradicts itself: {0}")]
    Contradiction(&'static str),
    #[error("the signature is not that of this device")]
    BadSignature,
    #[error("change {position} is not the one that was signed")]
    OtherChange { position: usize },
}

impl BatchError {
    /// The code that goes into a [`BatchRefusal`](crate::wire::BatchRefusal).
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge => "batch_too_large",
            Self::Malformed(_) => "batch_malformed",
            Self::Empty => "batch_empty",
            Self::Contradiction(_) => "batch_contradiction",
            Self::BadSignature => "bad_signature",
            Self::OtherChange { .. } => "other_change",
        }
    }
}

impl Batch {
    /// Signs a batch of these change chunks. `header` must name exactly these chunks, in this order.
    pub fn sign(header: &BatchHeader, changes: Vec<Vec<u8>>, signer: &dyn DeviceSigner) -> Result<Self, SignError> {
        let header = header.to_proto().encode_to_vec();
        let signature = signer.sign(&signed_bytes(&header))?.0.to_vec();
        Ok(Self { header, signature, changes })
    }

    /// Its bytes, as they travel and as they are kept for a resend.
    pub fn encode(&self) -> Vec<u8> {
        let Self { header, signature, changes } = self.clone();
        proto::Batch { header, signature, changes }.encode_to_vec()
    }

    /// Reads a batch; nothing in it has been checked yet.
    pub fn decode(bytes: &[u8]) -> Result<Self, BatchError> {
        if bytes.len() > MAX_BATCH_BYTES {
            return Err(BatchError::TooLarge);
        }
        let proto::Batch { header, signature, changes } = decode("batch", bytes)?;
        Ok(Self { header, signature, changes })
    }

    /// What the header says, before anybody has checked who says it: to find the key to check it with.
    pub fn claims(&self) -> Result<BatchHeader, BatchError> {
        let claims = BatchHeader::decode(&self.header)?;
        let contradiction = if claims.change_hashes.is_empty() {
            return Err(BatchError::Empty);
        } else if claims.change_hashes.len() != self.changes.len() {
            "it names another number of changes"
        } else if claims.fact_ids.len() != claims.change_hashes.len() {
            "it names another number of facts"
        } else if claims.dev_seq == 0 {
            "batches are numbered from 1"
        } else if (claims.dev_seq == 1) != claims.prev_batch_hash.is_none() {
            "all but the first batch name the one before"
        } else {
            return Ok(claims);
        };
        Err(BatchError::Contradiction(contradiction))
    }

    /// The batch, if `key` signed its header and the changes are the signed ones.
    pub fn verify(self, key: &DeviceKey) -> Result<VerifiedBatch, BatchError> {
        let claims = self.claims()?;
        if !BatchHeader::is_signed(&self.header, &self.signature, key) {
            return Err(BatchError::BadSignature);
        }
        for (position, (named, chunk)) in claims.change_hashes.iter().zip(&self.changes).enumerate() {
            if change_hash(chunk) != Some(*named) {
                return Err(BatchError::OtherChange { position });
            }
        }
        Ok(VerifiedBatch { claims, batch: self })
    }

    /// What the next batch of the session names as the one before. The signature is not part of it.
    pub fn hash(&self) -> Sha256Hash {
        Sha256Hash::of(&self.header)
    }

    /// The header bytes that were signed.
    pub fn header_bytes(&self) -> &[u8] {
        &self.header
    }

    /// The signature over them.
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// The change chunks, in order.
    pub fn changes(&self) -> &[Vec<u8>] {
        &self.changes
    }
}

impl VerifiedBatch {
    /// Reads and verifies in one go.
    pub fn parse(bytes: &[u8], key: &DeviceKey) -> Result<Self, BatchError> {
        Batch::decode(bytes)?.verify(key)
    }

    /// What the device signed.
    pub fn header(&self) -> &BatchHeader {
        &self.claims
    }

    /// The signed bytes, to be kept.
    pub fn header_bytes(&self) -> &[u8] {
        &self.batch.header
    }

    /// The signature over them, to be kept.
    pub fn signature(&self) -> &[u8] {
        &self.batch.signature
    }

    /// See [`Batch::hash`].
    pub fn hash(&self) -> Sha256Hash {
        self.batch.hash()
    }

    /// Each change with its hash and the fact it claims to add.
    pub fn changes(&self) -> impl ExactSizeIterator<Item = (Sha256Hash, FactId, &[u8])> {
        let named = self.claims.change_hashes.iter().zip(&self.claims.fact_ids);
        named.zip(&self.batch.changes).map(|((hash, fact), chunk)| (*hash, *fact, chunk.as_slice()))
    }
}

/// The hash that names a plain change chunk, if its checksum agrees: SHA-256 over all that follows the checksum.
pub fn change_hash(chunk: &[u8]) -> Option<Sha256Hash> {
    let (checksum, hashed) = chunk.strip_prefix(&CHUNK_MAGIC)?.split_first_chunk::<4>()?;
    let hash = Sha256Hash::of(hashed);
    hash.0.starts_with(checksum).then_some(hash)
}

fn signed_bytes(header: &[u8]) -> Vec<u8> {
    [DOMAIN, header].concat()
}

impl BatchHeader {
    /// Reads what a device signed, as [`Batch::header_bytes`] kept it; nothing of it has been checked.
    pub fn decode(header: &[u8]) -> Result<Self, WireError> {
        Self::from_proto(decode("batch header", header)?)
    }

    /// Whether this key signed these header bytes.
    pub fn is_signed(header: &[u8], signature: &[u8], key: &DeviceKey) -> bool {
        key.has_signed(&signed_bytes(header), signature)
    }

    fn to_proto(&self) -> proto::BatchHeader {
        let hashes = |hashes: &[Sha256Hash]| hashes.iter().flat_map(|hash| hash.0).collect();
        proto::BatchHeader {
            tenant: self.tenant.as_bytes().to_vec(),
            device: self.device.as_bytes().to_vec(),
            user: self.user.as_bytes().to_vec(),
            ticket: self.ticket.as_bytes().to_vec(),
            actor_nonce: self.actor_nonce.0.to_vec(),
            session_nonce: self.session_nonce.0.to_vec(),
            dev_seq: self.dev_seq,
            prev_batch_hash: self.prev_batch_hash.map(|hash| hash.0.to_vec()).unwrap_or_default(),
            change_hashes: hashes(&self.change_hashes),
            heads: hashes(&self.heads),
            fact_ids: self.fact_ids.iter().flat_map(|id| *id.as_bytes()).collect(),
            signed_at: self.signed_at.0,
        }
    }

    fn from_proto(header: proto::BatchHeader) -> Result<Self, WireError> {
        let nonce = |bytes: &[u8]| bytes.try_into().map(Nonce);
        Ok(Self {
            tenant: field("tenant", &header.tenant, TenantId::from_slice)?,
            device: field("device", &header.device, DeviceId::from_slice)?,
            user: field("user", &header.user, UserId::from_slice)?,
            ticket: field("ticket", &header.ticket, TicketId::from_slice)?,
            actor_nonce: field("actor_nonce", &header.actor_nonce, nonce)?,
            session_nonce: field("session_nonce", &header.session_nonce, nonce)?,
            dev_seq: header.dev_seq,
            prev_batch_hash: optional("prev_batch_hash", &header.prev_batch_hash, Sha256Hash::from_slice)?,
            change_hashes: each("change_hashes", &header.change_hashes, 32, Sha256Hash::from_slice)?,
            heads: each("heads", &header.heads, 32, Sha256Hash::from_slice)?,
            fact_ids: each("fact_ids", &header.fact_ids, 16, FactId::from_slice)?,
            signed_at: DeviceTime(header.signed_at),
        })
    }
}

/// What every chunk of Automerge's storage format begins with.
const CHUNK_MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];

/// Many ids of one size, one after the other.
pub(super) fn each<T, E>(
    name: &'static str,
    bytes: &[u8],
    size: usize,
    parse: impl Fn(&[u8]) -> Result<T, E>,
) -> Result<Vec<T>, WireError> {
    if !bytes.len().is_multiple_of(size) {
        return Err(WireError::Field { field: name });
    }
    bytes.chunks_exact(size).map(|chunk| field(name, chunk, &parse)).collect()
}
