//! The receipts of a ticket with the batches that they are for, in one file: what the owner of a phone takes along when it is
//! denied that the server had them. Whoever has the file and knows the server's key checks it offline.

use prost::Message;

use super::{DeviceKey, ProvenReceipt, WireError, decode, field};
use crate::ids::TicketId;

/// What such a file begins with.
pub const RECEIPT_FILE_MAGIC: &[u8; 4] = b"CLR1";
/// A month's work on one ticket is far less.
const MAX_ENTRIES: usize = 10_000;

/// Receipts with their batches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptFile {
    pub ticket: TicketId,
    /// Of the device that made the batches.
    pub device_key: DeviceKey,
    pub entries: Vec<ReceiptEntry>,
}

/// One receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptEntry {
    pub receipt: ProvenReceipt,
    /// The encoded batch; empty where the phone does not hold it any more.
    pub batch: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct FileRow {
    #[prost(bytes = "vec", tag = "1")]
    ticket: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    device_key: Vec<u8>,
    #[prost(message, repeated, tag = "3")]
    entries: Vec<EntryRow>,
}

#[derive(Clone, PartialEq, Message)]
struct EntryRow {
    #[prost(bytes = "vec", tag = "1")]
    receipt: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    batch: Vec<u8>,
}

impl ReceiptFile {
    pub fn encode(&self) -> Vec<u8> {
        let entry = |entry: &ReceiptEntry| EntryRow { receipt: entry.receipt.to_bytes(), batch: entry.batch.clone() };
        let row = FileRow {
            ticket: self.ticket.as_bytes().to_vec(),
            device_key: self.device_key.to_sec1(),
            entries: self.entries.iter().map(entry).collect(),
        };
        [RECEIPT_FILE_MAGIC.as_slice(), &row.encode_to_vec()].concat()
    }

    /// Reads a file; nothing in it has been checked.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let what = "receipt file";
        let not = || WireError::NotA { what, why: "it begins otherwise".to_owned() };
        let row: FileRow = decode(what, bytes.strip_prefix(RECEIPT_FILE_MAGIC).ok_or_else(not)?)?;
        if row.entries.len() > MAX_ENTRIES {
            return Err(WireError::TooMany { limit: MAX_ENTRIES });
        }
        let entry = |EntryRow { receipt, batch }: EntryRow| {
            Ok::<_, WireError>(ReceiptEntry { receipt: ProvenReceipt::from_bytes(&receipt)?, batch })
        };
        Ok(Self {
            ticket: field("ticket", &row.ticket, TicketId::from_slice)?,
            device_key: field("device_key", &row.device_key, DeviceKey::from_sec1)?,
            entries: row.entries.into_iter().map(entry).collect::<Result<_, _>>()?,
        })
    }
}
