//! Checks the receipts that a phone kept: that this server had these batches of this device, when, and what it made of
//! them. Needs nothing but the file, and the server's key if the reader knows it from elsewhere.

use std::collections::BTreeSet;
use std::fmt;

use chrono::{DateTime, SecondsFormat};
use sync_core::guard;
use sync_core::ids::{Sha256Hash, TicketId};
use sync_core::time::ServerTime;
use sync_core::wire::{Batch, BatchHeader, Receipt, ReceiptEntry, ReceiptFile, ServerKey, verdicts};

use super::bundle::BundleError;
use super::verify::{Check, write_checks};

/// What a file of receipts turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptReport {
    pub ticket: TicketId,
    /// The fingerprints of the keys that signed: SHA-256 of their 32 bytes.
    pub server_keys: BTreeSet<Sha256Hash>,
    pub checks: Vec<Check>,
    /// What the server said, receipt by receipt, in words.
    pub said: Vec<String>,
}

impl ReceiptReport {
    /// Nothing is wrong with it.
    pub fn holds(&self) -> bool {
        self.checks.iter().all(|check| check.faults.is_empty())
    }
}

/// Checks a file. Without a `known` key the keys in the file are believed, and it proves only that it is of one piece.
pub fn verify_receipts(bytes: &[u8], known: Option<ServerKey>) -> Result<ReceiptReport, BundleError> {
    let file = ReceiptFile::decode(bytes).map_err(|_| BundleError::NotABundle("the receipts do not read"))?;
    let signed = |entry: &ReceiptEntry| entry.receipt.verify(&known.unwrap_or(entry.receipt.by)).ok();
    let said: Vec<Option<Receipt>> = file.entries.iter().map(signed).collect();
    let numbered = || file.entries.iter().zip(&said).enumerate();
    let faults = |what: &str, wrong: Vec<usize>| wrong.iter().map(|at| format!("receipt {at} {what}")).collect();
    let unsigned = numbered().filter(|(_, (_, said))| said.is_none()).map(|(at, _)| at).collect();
    let elsewhere = |said: &&Receipt| said.ticket != file.ticket;
    let foreign = numbered().filter(|(_, (_, said))| said.as_ref().filter(elsewhere).is_some());
    let with_batch = || numbered().filter(|(_, (entry, _))| !entry.batch.is_empty());
    let others =
        with_batch().filter(|(_, (entry, said))| said.as_ref().is_some_and(|said| !is_for(said, &entry.batch)));
    let not_of_device = with_batch().filter(|(_, (entry, _))| {
        !Batch::decode(&entry.batch).is_ok_and(|batch| batch.verify(&file.device_key).is_ok())
    });
    let checks = vec![
        Check {
            what: "the server signed every receipt",
            count: file.entries.len(),
            faults: faults("is not signed by the server", unsigned),
        },
        Check {
            what: "they are receipts for work on this ticket",
            count: file.entries.len(),
            faults: faults("is for another ticket", foreign.map(|(at, _)| at).collect()),
        },
        Check {
            what: "each is for the batch beside it",
            count: with_batch().count(),
            faults: faults("is for another batch", others.map(|(at, _)| at).collect()),
        },
        Check {
            what: "the device signed each batch, with every change in it",
            count: with_batch().count(),
            faults: faults(
                "stands beside a batch that the device did not sign",
                not_of_device.map(|(at, _)| at).collect(),
            ),
        },
    ];
    let keys = file.entries.iter().map(|entry| Sha256Hash::of(&entry.receipt.by.to_bytes())).collect();
    let words = numbered().filter_map(|(at, (entry, said))| Some(in_words(at, entry, said.as_ref()?))).collect();
    Ok(ReceiptReport { ticket: file.ticket, server_keys: keys, checks, said: words })
}

/// Whether the server means this batch.
fn is_for(said: &Receipt, bytes: &[u8]) -> bool {
    let Ok(batch) = Batch::decode(bytes) else { return false };
    let Ok(claims) = batch.claims() else { return false };
    let BatchHeader { tenant, device, ticket, session_nonce, dev_seq, change_hashes, .. } = &claims;
    let is_whole = said.admitted as usize == change_hashes.len();
    batch.hash() == said.batch
        && (said.tenant, said.device, said.ticket) == (*tenant, *device, *ticket)
        && (said.session_nonce, said.dev_seq) == (*session_nonce, *dev_seq)
        // Of a refusal the receipt holds the hash of its reason, which stands in the reply; where there is none, nothing else
        // will do.
        && (!is_whole || said.verdicts == verdicts(change_hashes, said.admitted, &[]))
}

fn in_words(at: usize, entry: &ReceiptEntry, said: &Receipt) -> String {
    let chunks = Batch::decode(&entry.batch).map(|batch| batch.changes().to_vec()).unwrap_or_default();
    let kinds: Vec<String> = chunks
        .iter()
        .filter_map(|chunk| guard::check_chunk(chunk).ok())
        .map(|parsed| format!("{} {}", parsed.fact().body.kind_name(), parsed.fact().id))
        .collect();
    let position = said.position.map(|position| format!(", as change {} of the ticket", position.version));
    format!(
        "receipt {at}: had on {}, {} of {} changes admitted{}: {}",
        in_utc(said.received),
        said.admitted,
        if chunks.is_empty() { "?".to_owned() } else { chunks.len().to_string() },
        position.unwrap_or_default(),
        if kinds.is_empty() { "the batch is not here".to_owned() } else { kinds.join(", ") },
    )
}

fn in_utc(time: ServerTime) -> String {
    let time = DateTime::from_timestamp_millis(time.0).unwrap_or_default();
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

impl fmt::Display for ReceiptReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "receipts for ticket {}", self.ticket)?;
        self.server_keys.iter().try_for_each(|key| writeln!(f, "server key {key}"))?;
        write_checks(f, &self.checks)?;
        self.said.iter().try_for_each(|said| writeln!(f, "note   {said}"))?;
        write!(f, "{}", if self.holds() { "It holds." } else { "It does NOT hold." })
    }
}
