//! Bytes and requests of pulling: all of it at first, nothing, and a little. The same documents then go through
//! automerge-repo, where node is installed.

use std::path::Path;

use anyhow::{Context, bail};
use callout_server::platform::clock::Clock;
use callout_server::platform::random::Random;
use serde_json::Value;
use sync_core::ids::Nonce;
use sync_core::policy::Role;
use sync_core::replica::{Identity, Opening, Replica};
use sync_core::store::MemoryStore;
use sync_core::time::DeviceTime;

use super::fleet::{Backdoor, BenchPhone};
use crate::actor::new_key;
use crate::serve::Server;

/// One pull.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pull {
    pub requests: usize,
    /// Bodies of requests and answers together.
    pub bytes: usize,
}

/// What pulling costs.
#[derive(Debug, Clone)]
pub struct Pulled {
    pub tickets: usize,
    /// Changes in all documents, the server's own included.
    pub changes: usize,
    pub first: Pull,
    pub nothing_new: Pull,
    pub ten_changed: Pull,
    /// automerge-repo, for the same documents; or why there is no figure.
    pub peer: Result<Peer, String>,
}

/// What automerge-repo puts on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    pub first: (u64, u64),
    pub nothing_new: (u64, u64),
}

/// An engineer with so many tickets, each with so many changes from a phone of his, and then a second phone.
pub async fn measure(server: &Server, data: &Path, tickets: usize, history: usize) -> anyhow::Result<Pulled> {
    let behind = Backdoor::open(server, data, "first-sync").await?;
    let owner = behind.engineer("reader").await?;
    behind.tickets(tickets, owner.user).await?;
    let second = crate::Actor::sign_in(owner.base(), owner.http(), &owner.email, super::fleet::PASSWORD).await;
    let mut writer = BenchPhone::fetch(owner).await?;
    for at in 0..writer.ticket_count() {
        // In two sittings, as work is done.
        for _ in 0..2 {
            let batch = writer.batch(at, history / 2);
            writer.push_now(vec![batch]).await?;
        }
    }
    let mut reader = Reader::enrol(second).await?;
    let first = reader.pull().await?;
    let nothing_new = reader.pull().await?;
    let changed = (0..10.min(tickets)).map(|at| writer.batch(at, 1)).collect();
    writer.push_now(changed).await?;
    let ten_changed = reader.pull().await?;
    let documents = reader.documents()?;
    let changes = documents.iter().map(|(changes, _)| changes).sum();
    let peer = automerge_repo(&documents).await.map_err(|error| format!("{error:#}"));
    Ok(Pulled { tickets, changes, first, nothing_new, ten_changed, peer })
}

/// A phone with the app's own core, in memory, whose bytes are counted.
struct Reader {
    post: BenchPhone,
    replica: Replica<MemoryStore>,
}

impl Reader {
    async fn enrol(owner: crate::Actor) -> anyhow::Result<Self> {
        let device = owner.enrol(&new_key()).await;
        let opening = Opening {
            identity: Identity { tenant: owner.tenant, device: device.id, user: owner.user },
            role: Role::Engineer,
            server_keys: vec![device.server_key],
            app_version: "1.0.0".into(),
            session_nonce: Nonce(Random.bytes()),
        };
        let replica = Replica::open(MemoryStore::default(), Box::new(device.signer.clone()), opening)?;
        Ok(Self { post: BenchPhone::with_nothing(owner, device), replica })
    }

    async fn pull(&mut self) -> anyhow::Result<Pull> {
        let mut pull = Pull::default();
        loop {
            let now = DeviceTime(Clock::system().now_ms());
            let request = self.replica.poll_request(now)?.context("no request is under way")?;
            let answer = self.post.post(request.clone()).await?;
            pull.requests += 1;
            pull.bytes += request.len() + answer.len();
            if !self.replica.handle_reply(&answer, now, Nonce(Random.bytes()))?.has_more {
                return Ok(pull);
            }
        }
    }

    /// How many changes each document has, and the document as Automerge saves it.
    fn documents(&mut self) -> anyhow::Result<Vec<(usize, Vec<u8>)>> {
        let tickets: Vec<_> = self.replica.tickets().map(|ticket| ticket.ticket).collect();
        let now = DeviceTime(Clock::system().now_ms());
        let mut documents = Vec::with_capacity(tickets.len());
        for ticket in tickets {
            let saved = self
                .replica
                .look(ticket, now, |sight| (sight.ticket.doc.changes_since(&[]).len(), sight.ticket.doc.save()))?;
            documents.push(saved.context("a ticket")?);
        }
        Ok(documents)
    }
}

/// Has the same documents fetched from an automerge-repo server by an automerge-repo client.
async fn automerge_repo(documents: &[(usize, Vec<u8>)]) -> anyhow::Result<Peer> {
    let peer = Path::new("tests/bench/automerge-repo");
    if !peer.join("measure.mjs").is_file() {
        bail!("run from the top of the repository");
    }
    if !peer.join("node_modules").is_dir() {
        run("npm", &["ci", "--ignore-scripts", "--no-audit", "--no-fund"], peer).await?;
    }
    let directory = tempfile::tempdir()?;
    for (number, (_, document)) in documents.iter().enumerate() {
        std::fs::write(directory.path().join(format!("{number:04}.automerge")), document)?;
    }
    let printed = run("node", &["measure.mjs", &directory.path().display().to_string()], peer).await?;
    let line: Value = serde_json::from_str(printed.lines().last().unwrap_or_default())?;
    let visit = |name: &str| Some((line[name]["bytes"].as_u64()?, line[name]["messages"].as_u64()?));
    Ok(Peer { first: visit("first").context("no figure")?, nothing_new: visit("nothing_new").context("no figure")? })
}

async fn run(program: &str, arguments: &[&str], directory: &Path) -> anyhow::Result<String> {
    let output = tokio::process::Command::new(program).args(arguments).current_dir(directory).output().await;
    let output = output.with_context(|| format!("{program} is not installed"))?;
    if !output.status.success() {
        bail!("{program} failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
