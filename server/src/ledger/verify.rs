//! What can be checked of a push without the database, on a blocking thread: form, signature, and every change by itself.

use sync_core::guard::{self, GuardError, ParsedChange};
use sync_core::wire::{Batch, BatchError, BatchRefusal, VerifiedBatch};

use super::documents::BatchKey;
use super::{LedgerError, Phone};

/// A batch, signed by its author's device, with each of its changes parsed or refused by itself.
pub struct Checked {
    /// Its place in the request.
    pub position: u32,
    /// The device that signed it: the one that pushes, or one for which it is carried.
    pub author: Phone,
    pub brought: Brought,
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

/// How a batch came here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Brought {
    /// By its author, in its turn.
    InTurn,
    /// By its author, after an earlier server had acknowledged it: earlier ones of its session may be missing for ever.
    Again,
    /// By another device, in any order. What it stands on, its author is expected to bring, or is not any more.
    Couriered { is_waited_for: bool },
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
    let Push { batches, offered_again } = pushed;
    let unchecked = batches.into_iter().zip(0..).map(|(bytes, position)| {
        let brought = if position < offered_again { Brought::Again } else { Brought::InTurn };
        Unchecked { position, author: phone.clone(), brought, bytes }
    });
    verify_each(unchecked.collect()).await
}

/// A batch, and whose it should be.
pub struct Unchecked {
    pub position: u32,
    pub author: Phone,
    pub brought: Brought,
    pub bytes: Vec<u8>,
}

/// The same of batches by several devices.
pub async fn verify_each(batches: Vec<Unchecked>) -> Result<Vec<Pushed>, LedgerError> {
    if batches.is_empty() {
        return Ok(Vec::new());
    }
    tokio::task::spawn_blocking(move || {
        batches.into_iter().map(|batch| check(batch).map(std::sync::Arc::new)).collect()
    })
    .await
    .map_err(|_| LedgerError::Corrupt("a pushed batch"))
}

fn check(unchecked: Unchecked) -> Result<Checked, BatchRefusal> {
    let Unchecked { position, author: phone, brought, bytes } = unchecked;
    let refused = |error: &BatchError| BatchRefusal { position, code: error.code().into(), detail: error.to_string() };
    let batch = Batch::decode(&bytes).map_err(|error| refused(&error))?;
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
    Ok(Checked { position, author: phone, brought, signed, changes })
}
