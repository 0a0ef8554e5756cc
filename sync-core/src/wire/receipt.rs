//! The server's word that it had a batch, for somebody else to read: later, offline, and against a server that denies it.
//!
//! A reply proves nothing to others: its signature covers everything in it, other people's work too, and the request that
//! it answers. So each acknowledgement comes with a statement of a few hundred bytes that stands alone, and all of one reply
//! are signed at once: Ed25519 over the root of a [Merkle tree](crate::merkle). One signature a reply, whatever it
//! acknowledges, and none where it acknowledges nothing; a statement with its path to the root is the proof.
//!
//! A statement names the batch by the hash of the header that the device signed, which names every change by its hash. So
//! who holds the batch holds the words, and the server's word for when it had them and what it made of each.

use prost::Message;

use crate::ids::{DeviceId, Nonce, ServerEpoch, Sha256Hash, TenantId, TicketId};
use crate::merkle;
use crate::time::ServerTime;
use crate::wire::batch::each;
use crate::wire::{Ack, BatchHeader, Reject, ServerKey, ServerSigner, WireError, decode, field, optional};

const DOMAIN: &[u8] = b"callout receipts 1\0";

/// What the server says of one batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    pub tenant: TenantId,
    pub device: DeviceId,
    pub ticket: TicketId,
    pub session_nonce: Nonce,
    pub dev_seq: u64,
    /// [`Batch::hash`](crate::wire::Batch::hash): of the header that the device signed.
    pub batch: Sha256Hash,
    /// So many of its changes, from the first, were admitted.
    pub admitted: u32,
    /// [`verdicts`] over what became of each change.
    pub verdicts: Sha256Hash,
    /// When the server first took it.
    pub received: ServerTime,
    /// The place in the ticket's chain that it had come to with this batch; none for a ticket that the server does not
    /// know.
    pub position: Option<ChainPosition>,
    pub server_epoch: ServerEpoch,
    /// When the server said so.
    pub given: ServerTime,
}

/// A place in the hash chain of a ticket's changes: the number of a change, and the link that covers it and all before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainPosition {
    pub version: u64,
    pub link: Sha256Hash,
}

/// The receipts of one reply, as they travel.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Receipts {
    pub statements: Vec<Vec<u8>>,
    /// Empty where there are none.
    pub signature: Vec<u8>,
}

/// A receipt with what proves it: the statement as it was signed, and its way to the root that the server signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvenReceipt {
    pub statement: Vec<u8>,
    /// Its place among the receipts of its reply, and how many those were.
    pub at: u64,
    pub count: u64,
    pub path: Vec<Sha256Hash>,
    pub signature: [u8; 64],
    /// The key that signed. Whose it is, the reader must know from elsewhere.
    pub by: ServerKey,
}

/// Receipts that are not the server's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a receipt is not signed by our server, or says something else than the reply")]
pub struct BadReceipt;

#[derive(Clone, PartialEq, Message)]
struct ReceiptRow {
    #[prost(bytes = "vec", tag = "1")]
    tenant: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    device: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    ticket: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    session_nonce: Vec<u8>,
    #[prost(uint64, tag = "5")]
    dev_seq: u64,
    #[prost(bytes = "vec", tag = "6")]
    batch: Vec<u8>,
    #[prost(uint32, tag = "7")]
    admitted: u32,
    #[prost(bytes = "vec", tag = "8")]
    verdicts: Vec<u8>,
    #[prost(sint64, tag = "9")]
    received: i64,
    #[prost(uint64, tag = "10")]
    version: u64,
    #[prost(bytes = "vec", tag = "11")]
    link: Vec<u8>,
    #[prost(bytes = "vec", tag = "12")]
    server_epoch: Vec<u8>,
    #[prost(sint64, tag = "13")]
    given: i64,
}

#[derive(Clone, PartialEq, Message)]
struct ProvenRow {
    #[prost(bytes = "vec", tag = "1")]
    statement: Vec<u8>,
    #[prost(uint64, tag = "2")]
    at: u64,
    #[prost(uint64, tag = "3")]
    count: u64,
    #[prost(bytes = "vec", tag = "4")]
    path: Vec<u8>,
    #[prost(bytes = "vec", tag = "5")]
    signature: Vec<u8>,
    #[prost(bytes = "vec", tag = "6")]
    by: Vec<u8>,
}

impl Receipt {
    /// Of a batch with this header, acknowledged so.
    pub fn of(
        (header, batch): (&BatchHeader, Sha256Hash),
        ack: &Ack,
        rejects: &[Reject],
        (server_epoch, given): (ServerEpoch, ServerTime),
    ) -> Self {
        Self {
            tenant: header.tenant,
            device: header.device,
            ticket: header.ticket,
            session_nonce: header.session_nonce,
            dev_seq: header.dev_seq,
            batch,
            admitted: ack.admitted,
            verdicts: verdicts(&header.change_hashes, ack.admitted, rejects),
            received: ack.received,
            position: ack.position,
            server_epoch,
            given,
        }
    }

    /// The bytes that are signed, and kept as they are.
    pub fn to_bytes(&self) -> Vec<u8> {
        let row = ReceiptRow {
            tenant: self.tenant.as_bytes().to_vec(),
            device: self.device.as_bytes().to_vec(),
            ticket: self.ticket.as_bytes().to_vec(),
            session_nonce: self.session_nonce.0.to_vec(),
            dev_seq: self.dev_seq,
            batch: self.batch.0.to_vec(),
            admitted: self.admitted,
            verdicts: self.verdicts.0.to_vec(),
            received: self.received.0,
            version: self.position.map_or(0, |position| position.version),
            link: self.position.map(|position| position.link.0.to_vec()).unwrap_or_default(),
            server_epoch: self.server_epoch.as_bytes().to_vec(),
            given: self.given.0,
        };
        row.encode_to_vec()
    }

    /// Reads a statement; who says it is for the caller to know.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WireError> {
        let row: ReceiptRow = decode("receipt", bytes)?;
        let link = optional("link", &row.link, Sha256Hash::from_slice)?;
        Ok(Self {
            tenant: field("tenant", &row.tenant, TenantId::from_slice)?,
            device: field("device", &row.device, DeviceId::from_slice)?,
            ticket: field("ticket", &row.ticket, TicketId::from_slice)?,
            session_nonce: field("session_nonce", &row.session_nonce, |bytes| bytes.try_into().map(Nonce))?,
            dev_seq: row.dev_seq,
            batch: field("batch", &row.batch, Sha256Hash::from_slice)?,
            admitted: row.admitted,
            verdicts: field("verdicts", &row.verdicts, Sha256Hash::from_slice)?,
            received: ServerTime(row.received),
            position: link.map(|link| ChainPosition { version: row.version, link }),
            server_epoch: field("server_epoch", &row.server_epoch, ServerEpoch::from_slice)?,
            given: ServerTime(row.given),
        })
    }
}

impl Receipts {
    /// Signs these.
    pub fn give(receipts: impl Iterator<Item = Receipt>, signer: &ServerSigner) -> Self {
        let statements: Vec<Vec<u8>> = receipts.map(|receipt| receipt.to_bytes()).collect();
        if statements.is_empty() {
            return Self::default();
        }
        let root = merkle::root(&leaves(&statements));
        let signature = signer.sign(&signed_bytes(root, statements.len() as u64)).to_vec();
        Self { statements, signature }
    }

    /// Each with its proof, if one of these keys signed them all.
    pub fn open(&self, keys: &[ServerKey]) -> Result<Vec<(Receipt, ProvenReceipt)>, BadReceipt> {
        if self.statements.is_empty() {
            return Ok(Vec::new());
        }
        let (leaves, count) = (leaves(&self.statements), self.statements.len() as u64);
        let signature: [u8; 64] = self.signature.as_slice().try_into().map_err(|_| BadReceipt)?;
        let signed = signed_bytes(merkle::root(&leaves), count);
        let by = *keys.iter().find(|key| key.has_signed(&signed, &signature)).ok_or(BadReceipt)?;
        let proven = self.statements.iter().enumerate().map(|(at, statement)| {
            let receipt = Receipt::from_bytes(statement).map_err(|_| BadReceipt)?;
            let path = merkle::path(&leaves, at).ok_or(BadReceipt)?;
            Ok((receipt, ProvenReceipt { statement: statement.clone(), at: at as u64, count, path, signature, by }))
        });
        proven.collect()
    }
}

impl ProvenReceipt {
    /// What it says, if the server of this key said it.
    pub fn verify(&self, key: &ServerKey) -> Result<Receipt, BadReceipt> {
        let root = merkle::climb(merkle::leaf(&self.statement), self.at, self.count, &self.path).ok_or(BadReceipt)?;
        if self.by != *key || !key.has_signed(&signed_bytes(root, self.count), &self.signature) {
            return Err(BadReceipt);
        }
        Receipt::from_bytes(&self.statement).map_err(|_| BadReceipt)
    }

    /// Its bytes, as they are kept and handed on.
    pub fn to_bytes(&self) -> Vec<u8> {
        let row = ProvenRow {
            statement: self.statement.clone(),
            at: self.at,
            count: self.count,
            path: self.path.iter().flat_map(|hash| hash.0).collect(),
            signature: self.signature.to_vec(),
            by: self.by.to_bytes().to_vec(),
        };
        row.encode_to_vec()
    }

    /// Reads them; nothing in it has been checked.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WireError> {
        let row: ProvenRow = decode("proven receipt", bytes)?;
        Ok(Self {
            statement: row.statement,
            at: row.at,
            count: row.count,
            path: each("path", &row.path, 32, Sha256Hash::from_slice)?,
            signature: field("signature", &row.signature, |bytes| bytes.try_into())?,
            by: field("by", &row.by, ServerKey::from_bytes)?,
        })
    }
}

/// What became of each change of a batch, in one hash: admitted, refused with a code, or neither, because it was made upon a
/// refused one.
pub fn verdicts(changes: &[Sha256Hash], admitted: u32, rejects: &[Reject]) -> Sha256Hash {
    let mut said = Vec::new();
    for (at, change) in changes.iter().enumerate() {
        said.extend(change.0);
        let code = rejects.iter().find(|reject| reject.change == *change).map(|reject| reject.code.as_bytes());
        let (verdict, code) = match code {
            _ if at < admitted as usize => (b'a', &b""[..]),
            Some(code) => (b'r', code),
            None => (b'o', &b""[..]),
        };
        said.push(verdict);
        said.extend((code.len() as u64).to_be_bytes());
        said.extend(code);
    }
    Sha256Hash::of(&said)
}

fn leaves(statements: &[Vec<u8>]) -> Vec<Sha256Hash> {
    statements.iter().map(|statement| merkle::leaf(statement)).collect()
}

fn signed_bytes(root: Sha256Hash, count: u64) -> Vec<u8> {
    [DOMAIN, &count.to_be_bytes(), &root.0].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn receipt(n: u128) -> Receipt {
        Receipt {
            tenant: TenantId(Uuid::from_u128(1)),
            device: DeviceId(Uuid::from_u128(2)),
            ticket: TicketId(Uuid::from_u128(n)),
            session_nonce: Nonce([3; 16]),
            dev_seq: 4,
            batch: Sha256Hash([5; 32]),
            admitted: 6,
            verdicts: Sha256Hash([7; 32]),
            received: ServerTime(8),
            position: (n != 1).then_some(ChainPosition { version: 9, link: Sha256Hash([10; 32]) }),
            server_epoch: ServerEpoch(Uuid::from_u128(11)),
            given: ServerTime(12),
        }
    }

    #[test]
    fn each_receipt_of_a_reply_is_proven_by_itself() {
        let (server, other) = (ServerSigner::from_secret(&[1; 32]), ServerSigner::from_secret(&[2; 32]));
        for count in 0..=9_u128 {
            let receipts = Receipts::give((0..count).map(receipt), &server);
            let keys = [other.public_key(), server.public_key()];
            let opened = receipts.open(&keys).unwrap();
            assert_eq!(opened.len() as u128, count);
            for (n, (said, proven)) in (0..).zip(opened) {
                assert_eq!((&said, proven.verify(&server.public_key())), (&receipt(n), Ok(receipt(n))));
                assert_eq!(proven.verify(&other.public_key()), Err(BadReceipt));
                assert_eq!(ProvenReceipt::from_bytes(&proven.to_bytes()), Ok(proven.clone()));
                let elsewhere = ProvenReceipt { at: proven.at + 1, ..proven.clone() };
                assert_eq!(elsewhere.verify(&server.public_key()), Err(BadReceipt));
                let of_more = ProvenReceipt { count: proven.count + 1, ..proven.clone() };
                assert_eq!(of_more.verify(&server.public_key()), Err(BadReceipt));
                for at in 0..proven.statement.len() {
                    let mut forged = proven.clone();
                    forged.statement[at] ^= 1;
                    assert_eq!(forged.verify(&server.public_key()), Err(BadReceipt), "byte {at}");
                }
            }
            assert_eq!(receipts.open(&keys[..1]).is_ok(), count == 0);
            let mut fewer = receipts.clone();
            if fewer.statements.pop().is_some() && count > 1 {
                assert_eq!(fewer.open(&keys), Err(BadReceipt));
            }
        }
    }

    /// What was signed is kept for ever, and must read.
    #[test]
    fn the_statement_of_today_does_not_change() {
        for (n, digest) in [(1, "f1e7f2085270aed5"), (2, "1daf009805c996c3")] {
            let bytes = receipt(n).to_bytes();
            assert_eq!(Sha256Hash::of(&bytes).to_string()[..16], *digest);
            assert_eq!(Receipt::from_bytes(&bytes), Ok(receipt(n)));
        }
    }

    #[test]
    fn a_verdict_cannot_be_read_as_another() {
        let changes = [Sha256Hash([1; 32]), Sha256Hash([2; 32]), Sha256Hash([3; 32])];
        let reject = |change: usize, code: &str| Reject {
            ticket: TicketId(Uuid::nil()),
            change: changes[change],
            fact: crate::ids::FactId(Uuid::nil()),
            code: code.into(),
            rule: String::new(),
            detail: String::new(),
            outcome: crate::wire::RejectOutcome::MakeAgain,
        };
        let all = [
            verdicts(&changes, 3, &[]),
            verdicts(&changes, 2, &[]),
            verdicts(&changes, 2, &[reject(2, "denied")]),
            verdicts(&changes, 2, &[reject(2, "deniedo")]),
            verdicts(&changes, 1, &[reject(1, "denied")]),
            verdicts(&changes, 1, &[reject(1, "denied"), reject(2, "denied")]),
            verdicts(&changes[..2], 1, &[reject(1, "denied")]),
            verdicts(&[], 0, &[]),
        ];
        for (at, one) in all.iter().enumerate() {
            assert!(!all[..at].contains(one), "{at}");
        }
        assert_eq!(verdicts(&changes, 2, &[reject(0, "denied")]), verdicts(&changes, 2, &[]), "admitted is admitted");
    }
}
