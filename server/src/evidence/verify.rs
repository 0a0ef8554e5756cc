//! Checks an evidence file by itself: who has it needs no server, no database and no network, and trusts nobody but the
//! key of the server, which he may know from elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{Read, Seek};

use sync_core::document::{Actor, FactBody, RawChange, TicketDoc};
use sync_core::ids::{DeviceId, Sha256Hash, TicketId, UserId};
use sync_core::time::ServerTime;
use sync_core::wire::{BatchHeader, DeviceKey, ServerKey, change_hash};

use super::bundle::{BundleError, ChangeEntry, FORMAT, Manifest, Reader, signed_bytes};
use super::verify_roots;
use crate::ledger::chain_link;
use crate::platform::hex;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What must hold, for a person.
    pub what: &'static str,
    /// How much of it was looked at.
    pub count: usize,
    /// What does not hold; nothing if all does.
    pub faults: Vec<String>,
}

/// What an evidence file turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub ticket: TicketId,
    pub number: String,
    /// The fingerprint of the key under which the server signed: SHA-256 of its 32 bytes.
    pub server_key: Sha256Hash,
    pub checks: Vec<Check>,
    /// Named by entries, and not in the file: still on a phone when it was made.
    pub missing_blobs: Vec<String>,
    /// What else the reader should know, and is no fault.
    pub notes: Vec<String>,
}

impl Report {
    /// Nothing is wrong with it. Blobs that were not handed in yet are no fault of what is there.
    pub fn holds(&self) -> bool {
        self.checks.iter().all(|check| check.faults.is_empty())
    }
}

/// The parts of a file, read.
struct Opened {
    manifest: Manifest,
    /// By the place in the manifest: what was signed, and what it says.
    batches: Vec<(Vec<u8>, Option<BatchHeader>)>,
    doc: Option<TicketDoc>,
}

/// Checks a file. `known` is the server's key where the reader knows it; without it, the key in the file is taken, and
/// proves only that the file is of one piece.
pub fn verify<R: Read + Seek>(file: R, known: Option<ServerKey>) -> Result<Report, BundleError> {
    let mut reader = Reader::open(file)?;
    let bytes = reader.need("evidence.json")?;
    let manifest: Manifest = serde_json::from_slice(&bytes)?;
    if manifest.format != FORMAT {
        return Err(BundleError::NotABundle("of another version"));
    }
    let key_bytes = reader.need("server.key")?;
    let key = ServerKey::from_bytes(&key_bytes).map_err(|_| BundleError::NotABundle("server.key"))?;
    let signature = reader.need("signature")?;
    let mut checks = vec![signed_by_the_server(&bytes, &signature, key, known)];
    let opened = open(&mut reader, manifest, &mut checks)?;
    checks.push(in_an_unbroken_chain(&opened));
    checks.push(signed_by_devices(&opened));
    checks.push(admitted(&opened));
    checks.push(as_the_customer_signed(&opened));
    let (blobs, missing_blobs) = blobs(&mut reader, &opened)?;
    checks.push(blobs);
    let (roots, notes) = verify_roots::check(&opened.manifest, known.unwrap_or(key));
    checks.extend(roots);
    let Manifest { ticket_id, number, .. } = opened.manifest;
    let (ticket, server_key) = (TicketId(ticket_id), Sha256Hash::of(&key_bytes));
    Ok(Report { ticket, number, server_key, checks, missing_blobs, notes })
}

fn signed_by_the_server(manifest: &[u8], signature: &[u8], key: ServerKey, known: Option<ServerKey>) -> Check {
    let mut faults = Vec::new();
    if known.is_some_and(|known| known != key) {
        faults.push("the key in the file is not that of the server".to_owned());
    }
    let signature: Option<&[u8; 64]> = signature.try_into().ok();
    if !signature.is_some_and(|signature| known.unwrap_or(key).has_signed(&signed_bytes(manifest), signature)) {
        faults.push("the signature is not over this manifest".to_owned());
    }
    Check { what: "the server signed the manifest", count: 1, faults }
}

fn open<R: Read + Seek>(
    reader: &mut Reader<R>,
    manifest: Manifest,
    checks: &mut Vec<Check>,
) -> Result<Opened, BundleError> {
    let (mut changes, mut faults) = (Vec::new(), Vec::new());
    for entry in &manifest.changes {
        let name = format!("changes/{}", entry.version);
        let named = hex::decode_exactly(&entry.hash).map(Sha256Hash);
        match reader.get(&name)? {
            Some(bytes) if named.is_some() && change_hash(&bytes) == named => {
                changes.push(RawChange { hash: Sha256Hash::of(&bytes[8..]), bytes });
            }
            Some(_) => faults.push(format!("{name} is not the change of its hash")),
            None => faults.push(format!("{name} is missing")),
        }
    }
    checks.push(Check { what: "every change is the one of its hash", count: manifest.changes.len(), faults });
    let mut batches = Vec::new();
    for at in 0..manifest.batches.len() {
        let header = reader.get(&format!("headers/{at}"))?.unwrap_or_default();
        let claims = BatchHeader::decode(&header).ok();
        batches.push((header, claims));
    }
    let doc = TicketDoc::from_changes(changes);
    let is_it = |doc: &TicketDoc| (doc.tenant().0, doc.ticket().0) == (manifest.tenant_id, manifest.ticket_id);
    let faults = match &doc {
        Err(why) => vec![why.to_string()],
        Ok(doc) if !is_it(doc) => vec!["they are the document of another ticket".to_owned()],
        Ok(doc) if doc.core().number != manifest.number => vec!["the ticket has another number".to_owned()],
        Ok(_) => Vec::new(),
    };
    checks.push(Check { what: "the changes make the document of this ticket", count: 1, faults });
    Ok(Opened { manifest, batches, doc: doc.ok() })
}

fn in_an_unbroken_chain(opened: &Opened) -> Check {
    let mut faults = Vec::new();
    let mut link = Sha256Hash::of(opened.manifest.ticket_id.as_bytes());
    for (entry, version) in opened.manifest.changes.iter().zip(1..) {
        let hash = hex::decode_exactly(&entry.hash).map(Sha256Hash).unwrap_or(link);
        let (user, device) = (entry.user_id.map(UserId), entry.device_id.map(DeviceId));
        link = chain_link(link, hash, user, device, ServerTime(entry.received_at));
        if entry.version != version || hex::decode_exactly(&entry.chain_hash).map(Sha256Hash) != Some(link) {
            faults.push(format!("the chain breaks at change {version}"));
            break;
        }
    }
    Check { what: "nothing was left out, added or moved since", count: opened.manifest.changes.len(), faults }
}

/// Every change that a device wrote is one that this device signed, for this ticket, in the name of its user.
fn signed_by_devices(opened: &Opened) -> Check {
    let manifest = &opened.manifest;
    let keys: BTreeMap<_, _> = manifest
        .devices
        .iter()
        .filter_map(|device| {
            let key = DeviceKey::from_sec1(&hex::decode(&device.public_key)?).ok()?;
            Some((device.device_id, key))
        })
        .collect();
    let by_devices: Vec<&ChangeEntry> = manifest.changes.iter().filter(|change| change.device_id.is_some()).collect();
    let is_signed = |change: &ChangeEntry| {
        let (device, batch) = (change.device_id?, change.batch?);
        let (entry, (bytes, claims)) = (manifest.batches.get(batch)?, opened.batches.get(batch)?);
        let (key, claims) = (keys.get(&device)?, claims.as_ref()?);
        let signature = hex::decode(&entry.signature)?;
        let hash = hex::decode_exactly(&change.hash).map(Sha256Hash)?;
        let names_it = (claims.tenant.0, claims.ticket.0, claims.device.0)
            == (manifest.tenant_id, manifest.ticket_id, device)
            && Some(claims.user.0) == change.user_id
            && claims.change_hashes.contains(&hash);
        let actor = Actor::of_device(claims.tenant, claims.device, claims.ticket, claims.actor_nonce);
        let is_its_actor = opened.doc.as_ref()?.numbering_of(&hash).is_some_and(|(by, _)| by == actor);
        (names_it && is_its_actor && BatchHeader::is_signed(bytes, &signature, key)).then_some(())
    };
    let faults = by_devices.iter().filter(|change| is_signed(change).is_none());
    let faults =
        faults.map(|change| format!("change {} is not signed by the device it names", change.version)).collect();
    Check { what: "every change of a phone is signed by that phone", count: by_devices.len(), faults }
}

fn admitted(opened: &Opened) -> Check {
    let (mut count, mut faults) = (0, Vec::new());
    if let Some(doc) = &opened.doc {
        count = doc.facts().count();
        faults = doc.pending().map(|fact| format!("entry {} was never admitted", fact.id)).collect();
    }
    Check { what: "the server wrote down what it made of every entry", count, faults }
}

/// What a customer signed for still reads as it did.
fn as_the_customer_signed(opened: &Opened) -> Check {
    let (mut count, mut faults) = (0, Vec::new());
    for fact in opened.doc.iter().flat_map(TicketDoc::facts) {
        let FactBody::Signature { covers, .. } = &fact.body else { continue };
        count += 1;
        for (entry, content) in covers.iter() {
            let stands = opened.doc.as_ref().and_then(|doc| doc.fact(entry)).map(|entry| entry.content_hash());
            if stands != Some(content) {
                faults
                    .push(format!("signature {} covers entry {entry}, which reads otherwise or is not there", fact.id));
            }
        }
    }
    Check { what: "what the customer signed for reads as it was shown", count, faults }
}

/// The bytes that entries name, and which of them are not here.
fn blobs<R: Read + Seek>(reader: &mut Reader<R>, opened: &Opened) -> Result<(Check, Vec<String>), BundleError> {
    let named = opened.doc.iter().flat_map(TicketDoc::facts).filter_map(|fact| match &fact.body {
        FactBody::Blob { sha256, .. } => Some(*sha256),
        FactBody::Signature { strokes_sha256, .. } => Some(*strokes_sha256),
        _ => None,
    });
    let named: BTreeSet<Sha256Hash> = named.collect();
    let claimed = |hash: &str| opened.manifest.blobs.iter().find(|blob| blob.sha256 == hash).map(|blob| blob.is_stored);
    let (mut faults, mut missing) = (Vec::new(), Vec::new());
    for sha256 in &named {
        let name = hex::encode(&sha256.0);
        match reader.get(&format!("blobs/{name}"))? {
            Some(bytes) if Sha256Hash::of(&bytes) == *sha256 => {}
            Some(_) => faults.push(format!("blobs/{name} is not what the entry names")),
            None if claimed(&name) == Some(false) => missing.push(name),
            None => faults.push(format!("blobs/{name} is missing")),
        }
    }
    Ok((Check { what: "photos and strokes are those that entries name", count: named.len(), faults }, missing))
}

/// Each check on a line, with what does not hold below it.
pub(super) fn write_checks(f: &mut fmt::Formatter<'_>, checks: &[Check]) -> fmt::Result {
    for Check { what, count, faults } in checks {
        writeln!(f, "{} {what} ({count})", if faults.is_empty() { "ok    " } else { "FAILED" })?;
        faults.iter().try_for_each(|fault| writeln!(f, "         {fault}"))?;
    }
    Ok(())
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "ticket {} ({})", self.number, self.ticket)?;
        writeln!(f, "server key {}", hex::encode(&self.server_key.0))?;
        write_checks(f, &self.checks)?;
        for blob in &self.missing_blobs {
            writeln!(f, "note   {blob} had not been handed in when the file was made")?;
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "note   {note}"))?;
        write!(f, "{}", if self.holds() { "It holds." } else { "It does NOT hold." })
    }
}
