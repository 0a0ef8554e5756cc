//! Phones with tickets, and the pushes they will make: all of it is prepared before the clock runs.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, ensure};
use callout_server::boot::Database;
use callout_server::ledger::{By, Ledger, LedgerError, NewTicket, Vouching};
use callout_server::platform::clock::Clock;
use callout_server::platform::config::{Config, Limits, LogFormat, Oldest, Routing};
use callout_server::platform::random::Random;
use callout_server::platform::secret_file;
use callout_server::tenancy::{SystemEntry, TenantCtx, TenantTx};
use reqwest::{Method, header};
use serde_json::json;
use sync_core::document::seal::{self, DocumentKey, SealedAt};
use sync_core::document::{Actor as Author, Fact, Fields, GrantRole, TicketDoc};
use sync_core::ids::{FactId, Nonce, ServerEpoch, Sha256Hash, UserId, VisitId};
use sync_core::time::{DeviceTime, Hlc, ServerTime};
use sync_core::wire::envelope::{self, Effort};
use sync_core::wire::{Batch, BatchHeader, Cursor, Item, SyncReply, SyncRequest, signed};

use super::Settings;
use super::history::History;
use crate::actor::{Actor, EnrolledDevice, new_key};
use crate::phone::MEDIA_TYPE;
use crate::serve::Server;

/// Of everybody.
pub const PASSWORD: &str = "measure me well";
/// Tickets made in one transaction.
const AT_ONCE: usize = 50;
const MAX_BYTES: usize = 256 << 20;

/// The tenant that everything is measured in, from behind the server.
pub struct Backdoor {
    pub ctx: TenantCtx,
    pub ledger: Arc<Ledger>,
    pub admin: Actor,
    database: Database,
}

/// Many phones.
pub struct Fleet {
    pub phones: Vec<BenchPhone>,
}

/// One of them: no store, no link, nothing that would cost while it is measured.
pub struct BenchPhone {
    pub owner: Actor,
    pub device: EnrolledDevice,
    pub cursor: Cursor,
    held: Vec<Held>,
    next: usize,
    nonce: Nonce,
    dev_seq: u64,
    last_batch: Option<Sha256Hash>,
    hlc: Hlc,
}

struct Held {
    doc: TicketDoc,
    key: DocumentKey,
    visit: VisitId,
}

impl Backdoor {
    /// Makes a tenant of this name on the server's command line and opens the server's own database.
    pub async fn open(server: &Server, data: &Path, slug: &str) -> anyhow::Result<Self> {
        let email = format!("admin@{slug}.example");
        let arguments = [
            "admin",
            "create-tenant",
            "--slug",
            slug,
            "--name",
            slug,
            "--admin-email",
            &email,
            "--admin-name",
            "Admin",
        ];
        server.command(&arguments, &[("CALLOUT_ADMIN_PASSWORD", PASSWORD)]).await?;
        let http = reqwest::Client::builder().pool_max_idle_per_host(256).build()?;
        let admin = Actor::sign_in(&server.url, &http, &email, PASSWORD).await;
        let config = Config {
            data_dir: data.to_owned(),
            listen: ([127, 0, 0, 1], 0).into(),
            database_url: None,
            database_owner_url: None,
            database_connections: 4,
            signing_key_file: None,
            routing: Routing::default(),
            limits: Limits::default(),
            oldest: Oldest::default(),
            log_format: LogFormat::Pretty,
        };
        let database = Database::open(&config).await?;
        let now = Clock::system().now();
        let epoch = database.tenancy.server_epoch(ServerEpoch(Random.uuid(now)), false, now).await?;
        let ctx = database.tenancy.system(admin.tenant, SystemEntry::CommandLine);
        let vouching = Vouching::from_secret(&secret_file::read(&data.join("signing.key"))?);
        Ok(Self { ctx, ledger: Arc::new(Ledger::new(epoch, vouching)), admin, database })
    }

    /// Lets go of the database, which the server keeps running and could not stop otherwise.
    pub async fn close(self) -> anyhow::Result<()> {
        self.database.close().await
    }

    /// An engineer who can sign in.
    pub async fn engineer(&self, name: &str) -> anyhow::Result<Actor> {
        let email = format!("{name}@bench.example");
        let user = json!({ "email": email, "name": name, "role": "engineer", "password": PASSWORD });
        self.admin.post("/users", &user).await.expect(201);
        Ok(Actor::sign_in(self.admin.base(), self.admin.http(), &email, PASSWORD).await)
    }

    /// Makes so many tickets with one visit each, and gives them to an engineer.
    pub async fn tickets(&self, count: usize, to: UserId) -> anyhow::Result<()> {
        let mut left = count;
        while left > 0 {
            let some = left.min(AT_ONCE);
            let (ledger, now) = (Arc::clone(&self.ledger), ServerTime(Clock::system().now_ms()));
            let by = By::caller(&self.ctx);
            self.ctx
                .transact(async move |tx: &mut TenantTx| {
                    for number in 0..some {
                        let made = ledger.create(tx, a_ticket(number), None, now).await?;
                        let visit = made.visits[0];
                        ledger
                            .edit(tx, made.ticket, by, now, |desk| {
                                desk.assign(visit, to, GrantRole::Lead, None).map(|_| ())
                            })
                            .await?;
                    }
                    Ok::<_, LedgerError>(())
                })
                .await?;
            left -= some;
        }
        Ok(())
    }
}

fn a_ticket(number: usize) -> NewTicket {
    NewTicket {
        ticket_type: "bench".into(),
        title: format!("Street light {number} is out"),
        description: Some("The lamp in front of the house has been dark since Monday.".into()),
        priority: 3,
        customer: None,
        site: None,
        asset: None,
        contact: None,
        respond_by: None,
        resolve_by: None,
        skills: [("electrical".to_owned(), 2)].into(),
        duration_ms: 3_600_000,
        visits: vec![None],
    }
}

impl Fleet {
    /// Makes the tenant, the engineers, their tickets and their phones, and lets each phone fetch what is its own.
    pub async fn make(server: &Server, data: &Path, settings: &Settings) -> anyhow::Result<Self> {
        let behind = Backdoor::open(server, data, "bench").await?;
        let each = settings.tickets.div_ceil(settings.phones);
        let mut phones = Vec::with_capacity(settings.phones);
        for number in 0..settings.phones {
            let owner = behind.engineer(&format!("engineer{number}")).await?;
            behind.tickets(each, owner.user).await?;
            phones.push(BenchPhone::fetch(owner).await?);
        }
        behind.close().await?;
        Ok(Self { phones })
    }

    /// For each phone so many batches of so many changes, each to the next of its tickets.
    pub fn prepare(&mut self, batches: usize, changes: usize) -> Vec<Vec<Vec<u8>>> {
        let work = |phone: &mut BenchPhone| (0..batches).map(|_| phone.next_batch(changes)).collect();
        self.phones.iter_mut().map(work).collect()
    }
}

impl BenchPhone {
    /// Enrols and fetches everything.
    pub async fn fetch(owner: Actor) -> anyhow::Result<Self> {
        let device = owner.enrol(&new_key()).await;
        let mut phone = Self::with_nothing(owner, device);
        loop {
            let request = phone.request(Vec::new());
            let reply = phone.exchange(&request).await?;
            for item in reply.items {
                let Item::Enter(enter) = item else { continue };
                let doc = TicketDoc::arrived(&enter.snapshot, enter.ticket, &DocumentKey(enter.document_key))?;
                let visit = *doc.core().visits.keys().next().context("a visit")?;
                phone.held.push(Held { doc, key: DocumentKey(enter.document_key), visit });
            }
            phone.cursor = reply.cursor;
            if !reply.more {
                return Ok(phone);
            }
        }
    }

    /// A request with these batches, as it travels.
    pub fn request(&self, batches: Vec<Vec<u8>>) -> Vec<u8> {
        let now = DeviceTime(Clock::system().now_ms());
        let request = SyncRequest { batches, cursor: self.cursor.clone(), ..SyncRequest::new(self.device.id, now) };
        envelope::pack(&request.encode(), Effort::Quick)
    }

    /// One batch of notes to the next ticket.
    fn next_batch(&mut self, changes: usize) -> Vec<u8> {
        let at = self.next % self.held.len();
        self.next += 1;
        self.batch(at, History::Notes, 0..changes)
    }

    /// A signed batch of entries to one ticket.
    pub fn batch(&mut self, at: usize, history: History, entries: std::ops::Range<usize>) -> Vec<u8> {
        let now = DeviceTime(Clock::system().now_ms());
        let (tenant, user, nonce) = (self.owner.tenant, self.owner.user, self.nonce);
        let held = &mut self.held[at];
        let ticket = held.doc.ticket();
        let author = Author::of_device(tenant, self.device.id, ticket, nonce);
        let (mut hashes, mut facts, mut chunks) = (Vec::new(), Vec::new(), Vec::new());
        for number in entries {
            self.hlc = self.hlc.tick(ServerTime(now.0));
            let fact = an_entry(held, user, now, self.hlc, history, number);
            let change = held.doc.append_fact(author, &fact).expect("a fact of our own");
            hashes.push(change.hash);
            facts.push(fact.id);
            chunks.push(change.bytes);
        }
        let header = BatchHeader {
            tenant,
            device: self.device.id,
            user,
            ticket,
            actor_nonce: nonce,
            session_nonce: nonce,
            dev_seq: self.dev_seq,
            prev_batch_hash: self.last_batch,
            change_hashes: hashes,
            heads: held.doc.heads(),
            fact_ids: facts,
            signed_at: now,
        };
        let batch = Batch::sign(&header, chunks, &self.device.signer).expect("a signature");
        self.dev_seq += 1;
        self.last_batch = Some(batch.hash());
        batch.encode()
    }

    /// A phone that holds nothing and only carries what others say.
    pub fn with_nothing(owner: Actor, device: EnrolledDevice) -> Self {
        let (held, cursor) = (Vec::new(), Cursor::default());
        let (nonce, hlc) = (Nonce(Random.bytes()), Hlc::default());
        Self { owner, device, cursor, held, next: 0, nonce, dev_seq: 1, last_batch: None, hlc }
    }

    /// Pushes these batches and makes sure that all of them were taken.
    pub async fn push_now(&self, batches: Vec<Vec<u8>>) -> anyhow::Result<()> {
        let (sent, request) = (batches.len(), self.request(batches));
        let reply = self.exchange(&request).await?;
        ensure!(reply.acks.len() == sent && reply.rejects.is_empty(), "not all was taken: {reply:?}");
        Ok(())
    }

    /// Moves its cursor to where nothing is new.
    pub async fn catch_up(&mut self) -> anyhow::Result<()> {
        loop {
            let request = self.request(Vec::new());
            let reply = self.exchange(&request).await?;
            self.cursor = reply.cursor;
            if !reply.more && reply.items.is_empty() {
                return Ok(());
            }
        }
    }

    /// How many tickets it has.
    pub fn ticket_count(&self) -> usize {
        self.held.len()
    }

    /// Posts a request; the answer as it came.
    pub async fn post(&self, request: Vec<u8>) -> anyhow::Result<Vec<u8>> {
        let post = self.owner.request(Method::POST, "/sync").header(header::CONTENT_TYPE, MEDIA_TYPE).body(request);
        Ok(post.send().await?.error_for_status()?.bytes().await?.to_vec())
    }

    /// What the server said, after its signature.
    pub fn read(&self, body: &[u8], request: &[u8]) -> anyhow::Result<SyncReply> {
        let opened = signed::open(body, Sha256Hash::of(request), &[self.device.server_key], MAX_BYTES)?;
        Ok(SyncReply::decode(&opened)?)
    }

    /// Posts and reads.
    pub async fn exchange(&self, request: &[u8]) -> anyhow::Result<SyncReply> {
        self.read(&self.post(request.to_vec()).await?, request)
    }
}

fn an_entry(held: &Held, user: UserId, now: DeviceTime, hlc: Hlc, history: History, number: usize) -> Fact {
    let (id, ticket) = (FactId::fresh(now.0, Random.bytes()), held.doc.ticket());
    let seal =
        |field: &str, text: &str| seal::seal(&held.key, SealedAt { ticket, fact: Some(id), field }, text.as_bytes());
    let grant = held.doc.grants().values().find(|grant| grant.user == user).map(|grant| grant.id);
    Fact {
        id,
        visit: Some(held.visit),
        grant,
        wall: now,
        hlc,
        after: held.doc.frontier(),
        place: None,
        body: history.entry(number, now, seal),
        extra: Fields::new(),
    }
}
