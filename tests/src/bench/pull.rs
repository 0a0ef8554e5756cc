//! Bytes and requests of pulling: all of it at first, nothing, and a little. The same content then goes through
//! automerge-repo and PouchDB ([`super::peer`]).

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use callout_server::platform::clock::Clock;
use callout_server::platform::random::Random;
use sync_core::ids::Nonce;
use sync_core::policy::Role;
use sync_core::replica::{Identity, Opening, Replica};
use sync_core::store::MemoryStore;
use sync_core::time::DeviceTime;

use super::fleet::{Backdoor, BenchPhone, PASSWORD};
use super::history::{ENTRIES, History};
use super::peer::{self, Document, Peers};
use super::processors::Processors;
use crate::actor::new_key;
use crate::serve::Server;

/// One pull.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pull {
    pub requests: usize,
    /// Bodies of requests and answers together.
    pub bytes: usize,
    /// Until the phone had stored it.
    pub took: Duration,
    /// Processor time of the server with its database, and of the phone; in steps of ten milliseconds.
    pub server: Duration,
    pub phone: Duration,
}

/// What pulling costs.
#[derive(Debug, Clone)]
pub struct Pulled {
    pub history: History,
    pub tickets: usize,
    /// Entries in all tickets.
    pub entries: usize,
    pub first: Pull,
    pub nothing_new: Pull,
    pub ten_changed: Pull,
    /// The peers, for the same content; or why there is no figure.
    pub peers: Result<Peers, String>,
}

/// An engineer with so many tickets, on each of which was said so much from a phone of his, and then a second phone.
pub async fn measure(server: &Server, data: &Path, tickets: usize, history: History) -> anyhow::Result<Pulled> {
    let slug = match history {
        History::Visit => "first-sync-visits",
        History::Notes => "first-sync-notes",
    };
    let behind = Backdoor::open(server, data, slug).await?;
    let owner = behind.engineer(&format!("reader-{slug}")).await?;
    behind.tickets(tickets, owner.user).await?;
    behind.close().await?;
    let second = crate::Actor::sign_in(owner.base(), owner.http(), &owner.email, PASSWORD).await;
    let mut writer = BenchPhone::fetch(owner).await?;
    for at in 0..writer.ticket_count() {
        // In two sittings, as work is done.
        for sitting in [0..ENTRIES / 2, ENTRIES / 2..ENTRIES] {
            let batch = writer.batch(at, history, sitting);
            writer.push_now(vec![batch]).await?;
        }
    }
    let mut reader = Reader::enrol(second).await?;
    let first = reader.pull(server).await?;
    let nothing_new = reader.pull(server).await?;
    let changed = (0..10.min(tickets)).map(|at| writer.batch(at, History::Notes, 0..1)).collect();
    let documents = reader.documents()?;
    writer.push_now(changed).await?;
    let ten_changed = reader.pull(server).await?;
    let entries = documents.iter().map(|document| document.entries).sum();
    let peers = peer::measure(&documents).await.map_err(|error| format!("{error:#}"));
    Ok(Pulled { history, tickets, entries, first, nothing_new, ten_changed, peers })
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

    async fn pull(&mut self, server: &Server) -> anyhow::Result<Pull> {
        let (mut pull, begun, processors) = (Pull::default(), Instant::now(), Processors::of(server)?);
        loop {
            let now = DeviceTime(Clock::system().now_ms());
            let request = self.replica.poll_request(now)?.context("no request is under way")?;
            let answer = self.post.post(request.clone()).await?;
            pull.requests += 1;
            pull.bytes += request.len() + answer.len();
            if !self.replica.handle_reply(&answer, now, Nonce(Random.bytes()))?.has_more {
                let (took, used) = (begun.elapsed(), processors.used()?);
                return Ok(Pull { took, server: used.server + used.postgres, phone: used.clients, ..pull });
            }
        }
    }

    fn documents(&mut self) -> anyhow::Result<Vec<Document>> {
        let tickets: Vec<_> = self.replica.tickets().map(|ticket| ticket.ticket).collect();
        let now = DeviceTime(Clock::system().now_ms());
        let mut documents = Vec::with_capacity(tickets.len());
        for ticket in tickets {
            documents.push(self.replica.look(ticket, now, peer::document)?.context("a ticket")?);
        }
        Ok(documents)
    }
}
