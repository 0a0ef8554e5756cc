//! What a batch was answered, as it is kept for its repetitions: the same question gets the same answer for ever.

use sync_core::ids::ServerEpoch;
use sync_core::time::ServerTime;
use sync_core::wire::{Ack, Cursor, Reject, SyncReply};

use super::LedgerError;
use super::accept::Outcome;

/// The bytes to keep: a reply that holds this acknowledgement and these rejects alone.
pub fn write(ack: &Ack, rejects: &[Reject]) -> Vec<u8> {
    let mut reply = SyncReply::new(ServerEpoch(uuid::Uuid::nil()), Cursor::default(), ServerTime(0));
    reply.acks = vec![ack.clone()];
    reply.rejects = rejects.to_vec();
    reply.encode()
}

/// The outcome that was kept.
pub fn read(stored: &[u8]) -> Result<Outcome, LedgerError> {
    let reply = SyncReply::decode(stored).map_err(|_| LedgerError::Corrupt("a stored answer"))?;
    let ack = reply.acks.into_iter().next().ok_or(LedgerError::Corrupt("a stored answer"))?;
    Ok(Outcome::Answered { ack, rejects: reply.rejects })
}
