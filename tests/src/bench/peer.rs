//! The same tickets through automerge-repo, where node is installed, twice: as the very documents that we keep, sealed
//! texts and admissions and all; and as somebody would write them who has automerge-repo and nothing else: entries in a
//! map, text as plain strings, no seals, no grants, no admissions. And so through PouchDB, which has no history either.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sync_core::document::{Fact, Scalar};
use sync_core::replica::Sight;

/// One ticket in both forms.
pub struct Document {
    pub entries: usize,
    /// As Automerge saves it.
    saved: Vec<u8>,
    /// What it says, for people.
    plain: Value,
}

/// What a peer puts on the wire, and what it costs both ends.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Visit {
    pub bytes: u64,
    pub messages: u64,
    pub server_seconds: f64,
    pub client_seconds: f64,
}

/// As the scripts print it.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Peer {
    pub first: Visit,
    pub nothing_new: Visit,
    pub ten_changed: Visit,
}

/// automerge-repo with both forms, and PouchDB.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Peers {
    pub same_documents: Peer,
    pub plain: Peer,
    pub pouchdb: Peer,
}

/// Reads a ticket.
pub fn document(sight: &Sight<'_>) -> Document {
    let doc = sight.ticket.doc;
    let entries: Vec<Value> = doc.facts().map(|fact| entry(sight, fact)).collect();
    let core = doc.core();
    let text = |field: &str, sealed| sight.open(None, field, sealed);
    let plain = json!({
        "number": core.number,
        "type": core.ticket_type,
        "title": text("title", &core.title),
        "description": core.description.as_ref().and_then(|sealed| text("description", sealed)),
        "priority": core.priority,
        "duration_ms": core.duration_ms,
        "skills": core.skills,
        "visits": core.visits.keys().map(ToString::to_string).collect::<Vec<_>>(),
        "entries": entries,
    });
    Document { entries: entries.len(), saved: doc.save(), plain }
}

fn entry(sight: &Sight<'_>, fact: &Fact) -> Value {
    let mut shown = Map::new();
    shown.insert("id".into(), fact.id.to_string().into());
    shown.insert("kind".into(), fact.body.kind_name().into());
    shown.insert("at".into(), fact.wall.0.into());
    shown.insert("visit".into(), fact.visit.map(|visit| visit.to_string()).into());
    for (name, value) in fact.body.fields() {
        let value = match value {
            Scalar::Int(value) => value.into(),
            Scalar::Str(value) => value.into(),
            Scalar::Bool(value) => value.into(),
            Scalar::Bytes(bytes) => json!({ "bytes": bytes }),
        };
        shown.insert(name, value);
    }
    for (name, sealed) in fact.sealed() {
        shown.insert(name.to_owned(), sight.open(Some(fact.id), name, sealed).into());
    }
    Value::Object(shown)
}

/// Has the documents fetched from a server of each kind by a client of the same kind.
pub async fn measure(documents: &[Document]) -> anyhow::Result<Peers> {
    let (automerge, pouchdb) = (peer("automerge-repo").await?, peer("pouchdb").await?);
    let directory = tempfile::tempdir()?;
    let (same, plain) = (directory.path().join("same"), directory.path().join("plain"));
    std::fs::create_dir(&same)?;
    std::fs::create_dir(&plain)?;
    for (number, document) in documents.iter().enumerate() {
        std::fs::write(same.join(format!("{number:04}.automerge")), &document.saved)?;
    }
    let said: Vec<&Value> = documents.iter().map(|document| &document.plain).collect();
    let tickets = directory.path().join("tickets.json");
    std::fs::write(&tickets, serde_json::to_vec(&said)?)?;
    run("node", &["write-plain.mjs", &tickets.display().to_string(), &plain.display().to_string()], &automerge).await?;
    Ok(Peers {
        same_documents: visit(&automerge, &same).await?,
        plain: visit(&automerge, &plain).await?,
        pouchdb: visit(&pouchdb, &tickets).await?,
    })
}

/// The folder of a peer, with what it needs from npm.
async fn peer(name: &str) -> anyhow::Result<PathBuf> {
    let peer = Path::new("tests/bench").join(name);
    if !peer.join("measure.mjs").is_file() {
        bail!("run from the top of the repository");
    }
    if !peer.join("node_modules").is_dir() {
        // Not `npm ci`: some releases of npm refuse a lock file of theirs that names optional packages.
        run("npm", &["install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund"], &peer).await?;
    }
    Ok(peer)
}

async fn visit(peer: &Path, documents: &Path) -> anyhow::Result<Peer> {
    let printed = run("node", &["measure.mjs", &documents.display().to_string()], peer).await?;
    Ok(serde_json::from_str(printed.lines().last().unwrap_or_default())?)
}

async fn run(program: &str, arguments: &[&str], directory: &Path) -> anyhow::Result<String> {
    let output = tokio::process::Command::new(program).args(arguments).current_dir(directory).output().await;
    let output = output.with_context(|| format!("{program} is not installed"))?;
    if !output.status.success() {
        bail!("{program} failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
