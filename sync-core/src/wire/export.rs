//! What a phone hands over when it is given up with work on it: a file that only the server opens.
//!
//! The key is agreed between a key made for this one file and the server's signing key, which every enrolled phone knows:
//! as points of the same curve they serve for both, safely where each use derives its own keys (Thormarker, "On using
//! the same key pair for Ed25519 and an X25519 based KEM", 2021). So there is no second server key to hand out, rotate
//! and lose. Within, the device has signed what it hands over.

use prost::Message;

use super::envelope::{self, Effort};
use super::{DeviceKey, DeviceSigner, ServerKey, ServerSigner, SignError, WireError, decode, field, optional};
use crate::cipher;
use crate::ids::{DeviceId, Sha256Hash, TenantId, TicketId, UserId};
use crate::time::DeviceTime;

/// What has not been settled with the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    pub tenant: TenantId,
    pub device: DeviceId,
    pub user: UserId,
    pub made_at: DeviceTime,
    pub entries: Vec<ExportedEntry>,
    /// The signed batches of what is unsent, as they would have been sent.
    pub batches: Vec<Vec<u8>>,
    /// Files that entries name and that the server is not known to have.
    pub awaited: Vec<Sha256Hash>,
}

/// One thing that somebody should see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportedEntry {
    pub ticket: Option<TicketId>,
    /// One of [`exported`].
    pub state: String,
    /// Why it was refused; what kind of wish it is.
    pub code: String,
    /// A fact; of a wish its payload; of a row that does not read, the row.
    pub payload: Vec<u8>,
}

/// The states of exported entries.
pub mod exported {
    pub const UNSENT: &str = "unsent";
    pub const DRAFT: &str = "draft";
    pub const WISH: &str = "wish";
    pub const SET_ASIDE: &str = "set_aside";
    /// A whole batch of another device, as its author signed it.
    pub const CARRIED: &str = "carried";
}

#[derive(Clone, PartialEq, Message)]
struct ExportRow {
    #[prost(bytes = "vec", tag = "1")]
    tenant: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    device: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    user: Vec<u8>,
    #[prost(sint64, tag = "4")]
    made_at: i64,
    #[prost(message, repeated, tag = "5")]
    entries: Vec<EntryRow>,
    #[prost(bytes = "vec", repeated, tag = "6")]
    batches: Vec<Vec<u8>>,
    #[prost(bytes = "vec", repeated, tag = "7")]
    awaited: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
struct EntryRow {
    #[prost(bytes = "vec", tag = "1")]
    ticket: Vec<u8>,
    #[prost(string, tag = "2")]
    state: String,
    #[prost(string, tag = "3")]
    code: String,
    #[prost(bytes = "vec", tag = "4")]
    payload: Vec<u8>,
}

/// Bytes that are no export for this server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    #[error("not an export of a phone")]
    NotAnExport,
    /// Made for another server, or changed since.
    #[error("it does not open with this server's key")]
    NotForUs,
    /// Not signed by the device that it claims to be from.
    #[error("the device has not signed it")]
    NotSigned,
    #[error(transparent)]
    Wire(#[from] WireError),
}

/// An opened export, of which only the claim is known who it is from.
#[derive(Debug)]
pub struct OpenedExport {
    claims: Export,
    signature: Vec<u8>,
    signed: Vec<u8>,
}

const MAGIC: &[u8; 4] = b"CLX1";
const DOMAIN: &[u8] = b"callout export 1";
const SIGNATURE_BYTES: usize = 64;
const KEY_BYTES: usize = 32;

impl Export {
    /// Signs and seals it for the server; `fresh` is 256 fresh random bits.
    pub fn seal(&self, signer: &dyn DeviceSigner, server: &ServerKey, fresh: &[u8; 32]) -> Result<Vec<u8>, SignError> {
        let body = self.to_row().encode_to_vec();
        let signature = signer.sign(&signed_bytes(&body))?;
        let (ephemeral, shared) = server.agree(fresh);
        let header = [MAGIC.as_slice(), &server.to_bytes(), &ephemeral].concat();
        let text = [signature.0.as_slice(), &envelope::pack(&body, Effort::Thorough)].concat();
        let sealed = cipher::seal(&key(&shared, &header), DOMAIN, &header, &text);
        Ok([header, sealed].concat())
    }

    /// Opens what was sealed for this server, at most `limit` bytes of it.
    pub fn open(bytes: &[u8], server: &ServerSigner, limit: usize) -> Result<OpenedExport, ExportError> {
        let split = bytes.split_at_checked(MAGIC.len() + 2 * KEY_BYTES).filter(|(header, _)| header.starts_with(MAGIC));
        let (header, sealed) = split.ok_or(ExportError::NotAnExport)?;
        let ephemeral = header[MAGIC.len() + KEY_BYTES..].try_into().map_err(|_| ExportError::NotAnExport)?;
        let shared = server.agree(ephemeral);
        // An ephemeral key of small order would make the key known to everybody.
        let is_agreed = shared != [0; 32] && header[MAGIC.len()..][..KEY_BYTES] == server.public_key().to_bytes();
        let text = cipher::open(&key(&shared, header), header, sealed).filter(|_| is_agreed);
        let text = text.ok_or(ExportError::NotForUs)?;
        let (signature, packed) = text.split_at_checked(SIGNATURE_BYTES).ok_or(ExportError::NotAnExport)?;
        let body = envelope::unpack(packed, limit).map_err(|_| ExportError::NotAnExport)?;
        let claims = Self::from_row(&decode("export", &body)?)?;
        Ok(OpenedExport { claims, signature: signature.to_vec(), signed: signed_bytes(&body) })
    }

    fn to_row(&self) -> ExportRow {
        let entry = |entry: &ExportedEntry| EntryRow {
            ticket: entry.ticket.map(|id| id.as_bytes().to_vec()).unwrap_or_default(),
            state: entry.state.clone(),
            code: entry.code.clone(),
            payload: entry.payload.clone(),
        };
        ExportRow {
            tenant: self.tenant.as_bytes().to_vec(),
            device: self.device.as_bytes().to_vec(),
            user: self.user.as_bytes().to_vec(),
            made_at: self.made_at.0,
            entries: self.entries.iter().map(entry).collect(),
            batches: self.batches.clone(),
            awaited: self.awaited.iter().map(|hash| hash.0.to_vec()).collect(),
        }
    }

    fn from_row(row: &ExportRow) -> Result<Self, WireError> {
        let entry = |entry: &EntryRow| {
            Ok(ExportedEntry {
                ticket: optional("ticket", &entry.ticket, TicketId::from_slice)?,
                state: entry.state.clone(),
                code: entry.code.clone(),
                payload: entry.payload.clone(),
            })
        };
        Ok(Self {
            tenant: field("tenant", &row.tenant, TenantId::from_slice)?,
            device: field("device", &row.device, DeviceId::from_slice)?,
            user: field("user", &row.user, UserId::from_slice)?,
            made_at: DeviceTime(row.made_at),
            entries: row.entries.iter().map(entry).collect::<Result<_, WireError>>()?,
            batches: row.batches.clone(),
            awaited: row
                .awaited
                .iter()
                .map(|hash| field("awaited", hash, Sha256Hash::from_slice))
                .collect::<Result<_, WireError>>()?,
        })
    }
}

impl OpenedExport {
    /// The device that claims to have made it: its key is to be looked up.
    pub fn claimed_device(&self) -> DeviceId {
        self.claims.device
    }

    /// What the device of this key hands over.
    pub fn verify(self, device: &DeviceKey) -> Result<Export, ExportError> {
        match device.has_signed(&self.signed, &self.signature) {
            true => Ok(self.claims),
            false => Err(ExportError::NotSigned),
        }
    }
}

fn key(shared: &[u8; 32], header: &[u8]) -> cipher::Key {
    cipher::derive(shared, &[DOMAIN, header].concat())
}

fn signed_bytes(body: &[u8]) -> Vec<u8> {
    [DOMAIN, &Sha256Hash::of(body).0].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::SoftwareDeviceSigner;
    use uuid::Uuid;

    fn export() -> Export {
        Export {
            tenant: TenantId(Uuid::from_u128(1)),
            device: DeviceId(Uuid::from_u128(2)),
            user: UserId(Uuid::from_u128(3)),
            made_at: DeviceTime(4),
            entries: vec![ExportedEntry {
                ticket: Some(TicketId(Uuid::from_u128(5))),
                state: exported::UNSENT.into(),
                code: String::new(),
                payload: b"Motor defekt".to_vec(),
            }],
            batches: vec![b"batch".to_vec()],
            awaited: vec![Sha256Hash([6; 32])],
        }
    }

    #[test]
    fn only_the_server_that_it_is_for_opens_it_and_sees_who_signed_it() {
        let (server, other) = (ServerSigner::from_secret(&[1; 32]), ServerSigner::from_secret(&[2; 32]));
        let device = SoftwareDeviceSigner::from_secret(&[3; 32]).unwrap();
        let sealed = export().seal(&device, &server.public_key(), &[9; 32]).unwrap();
        assert!(!sealed.windows(5).any(|bytes| bytes == b"Motor"));
        let open = |bytes: &[u8], server| Export::open(bytes, server, 1 << 20);
        assert_eq!(open(&sealed, &server).unwrap().claimed_device(), export().device);
        assert_eq!(open(&sealed, &server).unwrap().verify(&device.public_key()), Ok(export()));
        assert_eq!(open(&sealed, &other).map(drop), Err(ExportError::NotForUs));
        let stranger = SoftwareDeviceSigner::from_secret(&[4; 32]).unwrap().public_key();
        assert_eq!(open(&sealed, &server).unwrap().verify(&stranger), Err(ExportError::NotSigned));
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(open(&changed, &server).is_err(), "byte {at}");
            assert!(open(&sealed[..at], &server).is_err());
        }
        assert_ne!(sealed, export().seal(&device, &server.public_key(), &[8; 32]).unwrap());
    }

    #[test]
    fn a_key_that_everybody_could_agree_on_is_refused() {
        let server = ServerSigner::from_secret(&[1; 32]);
        let header = [MAGIC.as_slice(), &server.public_key().to_bytes(), &[0; 32]].concat();
        let sealed = cipher::seal(&key(&[0; 32], &header), DOMAIN, &header, &[0; 80]);
        let opened = Export::open(&[header, sealed].concat(), &server, 1 << 20);
        assert_eq!(opened.map(drop), Err(ExportError::NotForUs));
    }
}
