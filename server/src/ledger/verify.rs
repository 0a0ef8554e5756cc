//! What can be checked of a push without the database, on a blocking thread: form, signature, and every change by itself.

use sync_core::guard::{self, GuardError, ParsedChange};
use sync_core::wire::{Batch, BatchError, BatchRefusal, VerifiedBatch};

use super::documents::BatchKey;
use super::{LedgerError, Phone};

/// A batch of this device, signed by it, with each of its changes parsed or refused by itself.
pub struct Checked {
    /// Its place in the request.
    pub position: u32,
    /// An earlier server had acknowledged it.
    pub is_again: bool,
    pub signed: VerifiedBatch,
    pub changes: Vec<Result<ParsedChange, GuardError>>,
}

impl Checked {
    /// What names the batch.
    pub fn key(&self) -> BatchKey {
        let header = self.signed.header();
        let dev_seq = i64::try_from(header.dev_seq).unwrap_or(i64::MAX);
        BatchKey { device: header.device, session: header.session_nonce, dev_seq }
    }
}

/// The batches of one request.
#[derive(Debug, Default)]
pub struct Push {
    pub batches: Vec<Vec<u8>>,
    /// So many of them, from the first, an earlier server had acknowledged.
    pub offered_again: u32,
}

/// What a pushed batch turned out to be.
pub type Pushed = Result<std::sync::Arc<Checked>, BatchRefusal>;

/// Checks every batch of a request. Nothing here panics on hostile bytes; if the guard had a fault, it would cost the
/// request, not the process.
pub async fn verify(pushed: Push, phone: &Phone) -> Result<Vec<Pushed>, LedgerError> {
    let Push { batches: pushed, offered_again } = pushed;
    if pushed.is_empty() {
        return Ok(Vec::new());
    }
    let phone = phone.clone();
    tokio::task::spawn_blocking(move || {
        pushed
            .iter()
            .zip(0..)
            .map(|(bytes, position)| check(bytes, position, position < offered_again, &phone).map(std::sync::Arc::new))
            .collect()
    })
    .await
    .map_err(|_| LedgerError::Corrupt("a pushed batch"))
}

fn check(bytes: &[u8], position: u32, is_again: bool, phone: &Phone) -> Result<Checked, BatchRefusal> {
    let refused = |error: &BatchError| BatchRefusal { position, code: error.code().into(), detail: error.to_string() };
    let batch = Batch::decode(bytes).map_err(|error| refused(&error))?;
    let claims = batch.claims().map_err(|error| refused(&error))?;
    if (claims.tenant, claims.device, claims.user) != (phone.tenant, phone.device, phone.user) {
        return Err(BatchRefusal {
            position,
            code: "other_device".into(),
            detail: "the batch is of another device, user or company than the one that is signed in".into(),
        });
    }
    let signed = batch.verify(&phone.key).map_err(|error| refused(&error))?;
    let changes = signed.changes().map(|(_, _, chunk)| guard::check_chunk(chunk)).collect();
    Ok(Checked { position, is_again, signed, changes })
}
