//! The server's word for what it had: taken in with each acknowledgement, kept as long as the work itself, and handed out to
//! whoever is denied it.

use super::rows::Record;
use super::rows::receipt::Kept;
use super::rows::work::Retained;
use super::state::{InFlight, Offered, State};
use crate::ids::TicketId;
use crate::replica::Replica;
use crate::store::{Store, StoreError, StoreTx, Table};
use crate::wire::{BadReceipt, Batch, Receipt, ReceiptEntry, ReceiptFile, SyncReply, verdicts};

impl<S: Store> Replica<S> {
    /// The server's receipts for this user's work on a ticket, with the batches that they are for, as a file that `callout
    /// verify` checks with nothing but the server's key. Nothing that is older than 30 days is in it.
    pub fn receipts(&mut self, ticket: TicketId) -> Result<Vec<u8>, StoreError> {
        let tx = self.store.begin()?;
        let mut entries = Vec::new();
        for (key, value) in tx.sift(Table::Receipt, ticket.as_bytes())?.rows {
            let Ok(kept) = Kept::read(&key, &value) else { continue };
            let batch = tx.get(Table::Retained, &Retained::key_of(kept.session, kept.dev_seq))?;
            let batch = batch.and_then(|row| Retained::read(&Retained::key_of(kept.session, kept.dev_seq), &row).ok());
            entries.push(ReceiptEntry { receipt: kept.receipt, batch: batch.map(|row| row.batch).unwrap_or_default() });
        }
        Ok(ReceiptFile { ticket, device_key: self.signer.public_key(), entries }.encode())
    }
}

/// The receipts for work of this device. A reply whose receipts are not the server's word, or not for what was sent and
/// answered, is no reply of our server.
pub(super) fn open(state: &State, in_flight: &InFlight, reply: &SyncReply) -> Result<Vec<Kept>, BadReceipt> {
    let mut kept = Vec::new();
    for (said, receipt) in reply.receipts.open(&state.device.server_keys)? {
        if said.device != state.device.identity.device {
            continue;
        }
        if let Some(bytes) = sent(state, in_flight, &said) {
            is_for(&said, &bytes, reply)?;
            kept.push(Kept::of(&said, receipt));
        }
    }
    Ok(kept)
}

/// The batch that a receipt is about, as it was sent.
fn sent(state: &State, in_flight: &InFlight, said: &Receipt) -> Option<Vec<u8>> {
    let session = &state.session;
    if said.session_nonce == session.nonce {
        return Some(session.batches.get(&said.dev_seq)?.bytes.clone());
    }
    in_flight.batches.iter().find_map(|offered| match offered {
        Offered::Again(row) if (row.session, row.dev_seq) == (said.session_nonce, said.dev_seq) => {
            Some(row.batch.clone())
        }
        _ => None,
    })
}

/// Whether the receipt says of this batch what the reply says.
fn is_for(said: &Receipt, bytes: &[u8], reply: &SyncReply) -> Result<(), BadReceipt> {
    let batch = Batch::decode(bytes).map_err(|_| BadReceipt)?;
    let claims = batch.claims().map_err(|_| BadReceipt)?;
    let is_its = |ack: &&crate::wire::Ack| (ack.session_nonce, ack.dev_seq) == (said.session_nonce, said.dev_seq);
    let ack = reply.acks.iter().find(is_its).ok_or(BadReceipt)?;
    let is_so = said.batch == batch.hash()
        && (said.tenant, said.ticket) == (claims.tenant, claims.ticket)
        && (said.admitted, said.received) == (ack.admitted, ack.received)
        && said.verdicts == verdicts(&claims.change_hashes, ack.admitted, &reply.rejects);
    if is_so { Ok(()) } else { Err(BadReceipt) }
}
