//! The server's word that it had a batch.

use super::Record;
use crate::ids::{Nonce, ServerEpoch, TicketId};
use crate::store::Table;
use crate::time::ServerTime;
use crate::wire::{ProvenReceipt, Receipt};

/// A receipt, kept as long as the batch.
#[derive(Debug, Clone)]
pub(in crate::replica) struct Kept {
    pub ticket: TicketId,
    pub epoch: ServerEpoch,
    pub session: Nonce,
    pub dev_seq: u64,
    pub given: ServerTime,
    pub receipt: ProvenReceipt,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::replica) struct ReceiptRow {
    #[prost(bytes = "vec", tag = "1")]
    receipt: Vec<u8>,
}

impl Kept {
    pub fn of(said: &Receipt, receipt: ProvenReceipt) -> Self {
        let (ticket, epoch, session, dev_seq) = (said.ticket, said.server_epoch, said.session_nonce, said.dev_seq);
        Self { ticket, epoch, session, dev_seq, given: said.given, receipt }
    }
}

impl Record for Kept {
    const TABLE: Table = Table::Receipt;
    type Stored = ReceiptRow;

    fn key(&self) -> Vec<u8> {
        let (ticket, epoch) = (self.ticket.as_bytes().as_slice(), self.epoch.as_bytes().as_slice());
        [ticket, epoch, &self.session.0, &self.dev_seq.to_be_bytes()].concat()
    }

    fn to_stored(&self) -> ReceiptRow {
        ReceiptRow { receipt: self.receipt.to_bytes() }
    }

    fn from_stored(_: &[u8], row: ReceiptRow) -> Option<Self> {
        let receipt = ProvenReceipt::from_bytes(&row.receipt).ok()?;
        let said = Receipt::from_bytes(&receipt.statement).ok()?;
        Some(Self::of(&said, receipt))
    }
}
