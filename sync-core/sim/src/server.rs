//! A server in memory: real guard, policy, documents and signatures, a feed per user, receipts, a quarantine.
//!
//! What it lacks of the real one is SQL, tenants and people. Each file names the part of the server that it stands for.

mod push;
mod courier;
mod returned;
mod feed;
mod pool;

use std::collections::{BTreeMap, BTreeSet};

use sync_core::command::{self, Author, Refusal, Stamp, TicketView};
use sync_core::document::{
    Actor, Admission, Core, DocumentError, Effect, Ended, Fact, Grant, GrantRole, RawChange, Scalar, Sealed,
    ServerEdit, TicketDoc, Verdict, VisitPlan,
};
use sync_core::ids::*;
use sync_core::policy::{Origin, Role};
use sync_core::time::{DeviceTime, Hlc, ServerTime};
use sync_core::wire::*;
use sync_core::workflow::{Status, Workflow};

use feed::{FeedEvent, FeedRow};
use push::Receipt;

pub const TENANT: TenantId = TenantId(uuid::Uuid::from_u128(7));
pub const DOCUMENT_KEY: [u8; 32] = [5; 32];

/// A step of the checklist by which a run makes the policy deny a fact.
pub const FORBIDDEN: &str = "forbidden";

#[derive(Clone)]
pub struct Server {
    pub epoch: ServerEpoch,
    pub now: ServerTime,
    pub signer: ServerSigner,
    pub devices: BTreeMap<DeviceId, (UserId, DeviceKey)>,
    pub tickets: BTreeMap<TicketId, TicketDoc>,
    /// What each user may see.
    pub scope: BTreeMap<UserId, BTreeSet<TicketId>>,
    pub quarantine: BTreeMap<FactId, &'static str>,
    /// Facts that phones could not make again and handed in to be looked at.
    pub reviews: BTreeMap<FactId, Fact>,
    pub standing: BTreeMap<DeviceId, Standing>,
    /// Every change that ever came, by actor and number.
    pub numbered: BTreeMap<([u8; 16], u64), Sha256Hash>,
    /// Numbers that an actor has used for two changes.
    pub reused: Vec<String>,
    feed: Vec<FeedRow>,
    receipts: BTreeMap<(DeviceId, Nonce, u64), Receipt>,
    /// Changes that came in by another phone than their author's.
    pub brought_by_colleagues: usize,
    pub page_rows: usize,
    pub pool: pool::Pool,
    /// Says as little as the protocol allows: nothing of orphans, and no session may begin in its middle.
    pub is_terse: bool,
    made: u128,
    /// The server vouches for what it sends with a secret that survives a restore.
    secret: [u8; 32],
    /// Vouched changes that stand on others which have not come back yet.
    parked: BTreeMap<TicketId, Vec<RawChange>>,
}

impl Server {
    pub fn new(epoch: u128) -> Self {
        Self {
            epoch: ServerEpoch(uuid::Uuid::from_u128(epoch)),
            now: ServerTime(1_700_000_000_000),
            signer: ServerSigner::from_secret(&[1; 32]),
            devices: BTreeMap::new(),
            tickets: BTreeMap::new(),
            scope: BTreeMap::new(),
            quarantine: BTreeMap::new(),
            reviews: BTreeMap::new(),
            standing: BTreeMap::new(),
            numbered: BTreeMap::new(),
            reused: Vec::new(),
            feed: Vec::new(),
            receipts: BTreeMap::new(),
            brought_by_colleagues: 0,
            page_rows: 50,
            pool: pool::Pool::default(),
            is_terse: false,
            made: 0,
            secret: [9; 32],
            parked: BTreeMap::new(),
        }
    }

    /// A backup of `then` takes over: everything since is gone, but for what left the house.
    pub fn restored(&self, then: &Server, epoch: u128) -> Self {
        let mut server = then.clone();
        server.epoch = ServerEpoch(uuid::Uuid::from_u128(epoch));
        server.now = self.now;
        server.numbered.clone_from(&self.numbered);
        server.reused.clone_from(&self.reused);
        server.brought_by_colleagues = self.brought_by_colleagues;
        // Phones that were enrolled since are let in again by hand.
        server.devices.clone_from(&self.devices);
        server
    }

    pub fn create_ticket(&mut self, ticket: TicketId) {
        let visit = VisitId(ticket.0);
        let core = Core {
            number: format!("T-{}", self.tickets.len() + 1),
            ticket_type: "repair".into(),
            title: Sealed::from_bytes(vec![1; 50]).unwrap(),
            description: None,
            priority: 3,
            customer: None,
            site: None,
            asset: None,
            contact: None,
            respond_by: None,
            resolve_by: None,
            skills: BTreeMap::new(),
            duration_ms: 3_600_000,
            workflow: ("field_service".into(), 1),
            visits: BTreeMap::from([(visit, VisitPlan::default())]),
        };
        let (doc, _) = TicketDoc::create(self.actor(ticket), TENANT, ticket, &core).unwrap();
        self.tickets.insert(ticket, doc);
    }

    /// The desk gives the ticket's visit to an engineer, who may see it from now on.
    pub fn show(&mut self, ticket: TicketId, user: UserId) {
        if !self.scope.entry(user).or_default().insert(ticket) {
            return;
        }
        let (grant, now) = (GrantId(self.fresh()), self.now);
        let visit = VisitId(ticket.0);
        self.desk_says(
            ticket,
            |view, author, stamp| command::assign(view, author, stamp, visit, (grant, user), None),
            |edit| {
                let role = GrantRole::Lead;
                edit.add_grant(Grant { id: grant, visit, user, role, from: now, by: DESK, ended: None })
            },
        );
        self.feed.push(FeedRow { ticket, what: FeedEvent::Entered(user) });
    }

    /// The desk takes it back.
    pub fn hide(&mut self, ticket: TicketId, user: UserId) {
        if !self.scope.entry(user).or_default().remove(&ticket) {
            return;
        }
        let held = self.tickets[&ticket].grants().values().filter(|grant| grant.user == user && grant.ended.is_none());
        let (held, now): (Vec<GrantId>, _) = (held.map(|grant| grant.id).collect(), self.now);
        for grant in held {
            self.desk_says(
                ticket,
                |view, author, stamp| command::unassign(view, author, stamp, grant),
                |edit| edit.end_grant(grant, Ended { at: now, by: DESK }),
            );
        }
        self.feed.push(FeedRow { ticket, what: FeedEvent::Left(user) });
    }

    /// A fact of the desk with what it does, if the desk may say it.
    fn desk_says(
        &mut self,
        ticket: TicketId,
        say: impl FnOnce(&TicketView<'_>, &Author, Stamp) -> Result<Fact, Refusal>,
        more: impl FnOnce(&mut ServerEdit<'_>) -> Result<(), DocumentError>,
    ) {
        let (id, now, actor) = (FactId(self.fresh()), self.now, self.actor(ticket));
        let workflow = Workflow::field_service();
        let doc = self.tickets.get_mut(&ticket).unwrap();
        let author = Author { user: DESK, role: Role::Dispatcher, origin: Origin::Desk };
        let stamp = Stamp { id, wall: DeviceTime(now.0), hlc: Hlc::default().tick(now), place: None };
        let said = say(&TicketView::new(doc, &workflow, now), &author, stamp).ok();
        let change = doc.server_edit::<DocumentError>(actor, |edit| {
            if let Some(fact) = &said {
                edit.add_fact(fact)?;
                edit.admit(fact.id, &admission(edit.next_n(), now))?;
            }
            more(edit)
        });
        // What the desk may not say now makes no change.
        if let Ok(change) = change {
            self.publish(ticket, vec![change]);
        }
    }

    /// The desk calls the ticket off, checks it, closes it or opens it again, if it may.
    pub fn decide(&mut self, ticket: TicketId, which: usize) {
        let visit = Some(VisitId(ticket.0));
        self.desk_says(
            ticket,
            |view, author, stamp| match which % 5 {
                0 => command::cancel(view, author, stamp, None, "customer".into()),
                1 => command::cancel(view, author, stamp, visit, "customer".into()),
                2 => command::verify(view, author, stamp),
                3 => command::close(view, author, stamp),
                _ => command::reopen(view, author, stamp, None, "again".into()),
            },
            |_| Ok(()),
        );
    }

    /// An id that no other epoch of this server makes.
    fn fresh(&mut self) -> uuid::Uuid {
        self.made += 1;
        uuid::Uuid::from_u128(self.epoch.0.as_u128() << 64 | self.made)
    }

    /// The desk changes something of its own.
    pub fn edit(&mut self, ticket: TicketId, priority: i64) {
        let actor = self.actor(ticket);
        let doc = self.tickets.get_mut(&ticket).unwrap();
        let edit =
            doc.server_edit::<DocumentError>(actor, |edit| edit.set_core("priority", Some(&Scalar::Int(priority))));
        if let Ok(change) = edit {
            self.publish(ticket, vec![change]);
        }
    }

    /// The facts of a ticket that phones have said.
    pub fn said(&self, ticket: TicketId) -> usize {
        self.tickets[&ticket].facts().filter(|fact| !fact.body.kind().is_desk()).count()
    }

    fn publish(&mut self, ticket: TicketId, changes: Vec<RawChange>) {
        let heads = self.tickets[&ticket].heads();
        self.feed.push(FeedRow { ticket, what: FeedEvent::Changed { changes, heads } });
    }

    fn actor(&self, ticket: TicketId) -> Actor {
        Actor::of_server(ticket, self.epoch)
    }
}

fn admission(n: i64, received: ServerTime) -> Admission {
    let effect = Effect { status: Status::Created, flags: BTreeSet::new(), window: None };
    Admission { n, verdict: Verdict::Allowed, effect, received }
}

const DESK: UserId = UserId(uuid::Uuid::from_u128(0xde5c));
