//! The oracle: compares what phones were promised, as their own ledgers say, with what the server has, as the tables
//! of truth say. Whatever a phone called saved must be in a ticket or in quarantine, with the same words; whatever the
//! server acknowledged must be there as the very change it acknowledged; whatever blob was named must be known, and
//! where the server says that it has the bytes, they must have that digest.
//!
//! It reads as a superuser and believes no projection: facts are decoded from the stored changes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use sqlx::{PgConnection, Row};
use sync_core::document::Fact;
use sync_core::guard;
use sync_core::ids::Sha256Hash;

use crate::phone::{Entry, Outcome, PhoneLedger};

/// What the comparison came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    pub phones: usize,
    /// Facts that a phone called saved.
    pub saved: usize,
    /// Of these, in a ticket.
    pub admitted: usize,
    /// Of these, kept aside for a dispatcher.
    pub quarantined: usize,
    /// Blobs that facts name, and of how many the server has the bytes.
    pub blobs: usize,
    pub stored_blobs: usize,
    /// Every promise that was not kept. Empty, or it is a defect.
    pub lost: Vec<Loss>,
}

/// A promise that was not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// Whose ledger says so.
    pub ledger: String,
    /// The fact or blob.
    pub what: String,
    pub why: &'static str,
}

/// Compares the ledgers at these paths with the database, and with the directory of the blob store.
pub async fn check(
    database: &mut PgConnection,
    blobs: Option<&Path>,
    ledgers: &[impl AsRef<Path>],
) -> anyhow::Result<Verdict> {
    let server = Server::read(database).await?;
    let mut verdict = Verdict { phones: ledgers.len(), ..Verdict::default() };
    let (mut counted, mut named) = (BTreeSet::new(), BTreeSet::new());
    for path in ledgers {
        let path = path.as_ref();
        let mut lose = |what: &str, why| {
            verdict.lost.push(Loss { ledger: path.display().to_string(), what: what.to_owned(), why });
        };
        let (mut own, mut acked) = (BTreeSet::new(), BTreeMap::new());
        for entry in PhoneLedger::read(path)? {
            match entry {
                Entry::Saved { fact, content, blobs, .. } => {
                    match server.find(&fact) {
                        None => lose(&fact, "saved on the phone, and nowhere on the server"),
                        Some(found) if found.contents.contains(&content) => {}
                        Some(_) => lose(&fact, "on the server, but with other words"),
                    }
                    own.extend(blobs.into_iter().map(|blob| (blob, fact.clone())));
                    counted.insert(fact);
                }
                Entry::Sent { .. } => {}
                // A server restored from a backup may have said something else again: its last word counts.
                Entry::Acked { fact, change, outcome } => drop(acked.insert(fact, (change, outcome))),
            }
        }
        for (fact, (change, outcome)) in acked {
            let known = server.find(&fact);
            let is_kept = match outcome {
                Outcome::Admitted => known.is_some_and(|known| known.admitted_as.contains(&change)),
                Outcome::Quarantined => known.is_some_and(|known| known.is_quarantined || known.is_admitted()),
            };
            if !is_kept {
                lose(&fact, "acknowledged to the phone, and not there");
            }
        }
        for (blob, fact) in &own {
            if server.find(fact).is_some_and(|known| known.is_admitted() && !server.evidence.contains(blob)) {
                lose(blob, "a fact names it, and the server does not know of it");
            }
            if let (Some(directory), true) = (blobs, server.stored_blobs.contains(blob))
                && !has_bytes(directory, blob)
            {
                lose(blob, "said to be stored, and its bytes are not there");
            }
        }
        named.extend(own);
    }
    verdict.saved = counted.len();
    verdict.admitted = counted.iter().filter(|fact| server.find(fact).is_some_and(Known::is_admitted)).count();
    let is_aside = |known: &Known| known.is_quarantined && !known.is_admitted();
    verdict.quarantined = counted.iter().filter(|fact| server.find(fact).is_some_and(is_aside)).count();
    let digests: BTreeSet<&String> = named.iter().map(|(blob, _)| blob).collect();
    verdict.blobs = digests.len();
    verdict.stored_blobs = digests.iter().filter(|blob| server.stored_blobs.contains(**blob)).count();
    Ok(verdict)
}

/// What the server has, by the id of the fact.
#[derive(Default)]
struct Server {
    facts: BTreeMap<String, Known>,
    evidence: BTreeSet<String>,
    stored_blobs: BTreeSet<String>,
}

#[derive(Default)]
struct Known {
    /// The changes in the ticket that carry it: one, or the server has admitted a fact twice.
    admitted_as: BTreeSet<String>,
    is_quarantined: bool,
    /// What it says, wherever it stands.
    contents: BTreeSet<String>,
}

impl Known {
    fn is_admitted(&self) -> bool {
        !self.admitted_as.is_empty()
    }
}

impl Server {
    async fn read(database: &mut PgConnection) -> anyhow::Result<Self> {
        let mut server = Self::default();
        let admitted = "select bytes from ticket_change where device_id is not null";
        for row in sqlx::query(admitted).fetch_all(&mut *database).await? {
            if let Ok(change) = guard::check_chunk(row.get("bytes")) {
                let known = server.know(change.fact());
                known.admitted_as.insert(change.hash().to_string());
            }
        }
        for row in sqlx::query("select change_bytes from quarantine").fetch_all(&mut *database).await? {
            let bytes: &[u8] = row.get("change_bytes");
            // What a phone could not make again comes as the record of the fact alone.
            let fact = guard::check_chunk(bytes).map(|change| change.fact().clone()).ok();
            if let Some(fact) = fact.or_else(|| Fact::from_bytes(bytes).ok()) {
                server.know(&fact).is_quarantined = true;
            }
        }
        server.evidence = digests(database, "select sha256 from evidence").await?;
        server.stored_blobs = digests(database, "select sha256 from stored_blob").await?;
        Ok(server)
    }

    fn know(&mut self, fact: &Fact) -> &mut Known {
        let known = self.facts.entry(fact.id.to_string()).or_default();
        known.contents.insert(fact.content_hash().to_string());
        known
    }

    fn find(&self, fact: &str) -> Option<&Known> {
        self.facts.get(fact)
    }
}

async fn digests(database: &mut PgConnection, query: &'static str) -> anyhow::Result<BTreeSet<String>> {
    let rows = sqlx::query(query).fetch_all(database).await?;
    Ok(rows.iter().filter_map(|row| Some(Sha256Hash::from_slice(row.get("sha256")).ok()?.to_string())).collect())
}

/// Whether a file of this name somewhere below the directory has this digest.
fn has_bytes(directory: &Path, sha256: &str) -> bool {
    let Ok(entries) = std::fs::read_dir(directory) else { return false };
    entries.flatten().any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return has_bytes(&path, sha256);
        }
        let is_it = path.file_name().is_some_and(|name| name.to_string_lossy() == sha256);
        is_it && std::fs::read(&path).is_ok_and(|bytes| Sha256Hash::of(&bytes).to_string() == sha256)
    })
}
