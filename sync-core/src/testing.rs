//! What the tests of several modules share.

use std::collections::BTreeMap;
use std::path::Path;

use uuid::Uuid;

use crate::command::{self, Author, Refusal, Stamp, TicketView};
use crate::document::core::path;
use crate::document::{
    self, Actor, Admission, Core, DocumentError, DocumentKey, Effect, Ended, Fact, FactBody, Flag, Grant, GrantRole,
    Scalar, Sealed, SealedAt, ServerEdit, TicketDoc, TicketState, Verdict, VisitPlan, WindowEffect,
};
use crate::ids::*;
use crate::policy::{self, Origin, Role};
use crate::time::{DeviceTime, Hlc, ServerTime, TimeWindow};
use crate::workflow::{Status, Workflow};

/// Compares with this file of the crate; writes it if `UPDATE_GOLDEN` is set.
pub fn golden(name: &str, actual: &[u8]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, actual).unwrap();
    }
    let expected = std::fs::read(&path).unwrap_or_default();
    assert!(expected == actual, "{name} differs; if that is meant, test again with UPDATE_GOLDEN=1 and read the diff");
}

/// What a released version stored. It is written once, when there is none, and then only ever read: stored formats
/// are forever.
pub fn stored(name: &str, made: impl FnOnce() -> Vec<u8>) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if !path.exists() {
        std::fs::write(&path, made()).unwrap();
    }
    std::fs::read(&path).unwrap()
}

/// The visit of [`Scene`]'s ticket.
pub const VISIT: VisitId = VisitId(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0002));
/// Its ticket.
pub const TICKET: TicketId = TicketId(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001));

/// The key of its sealed texts.
pub const KEY: DocumentKey = DocumentKey([3; 32]);

/// A ticket at the server with a dispatcher, and the phones of engineers who come and go.
pub struct Scene {
    pub server: TicketDoc,
    pub workflow: Workflow,
    /// The server's clock.
    pub now: ServerTime,
    made: u64,
}

/// An engineer with a phone that is offline until it syncs.
pub struct Phone {
    pub doc: TicketDoc,
    pub author: Author,
    actor: Actor,
    number: u64,
    made: u64,
}

impl Scene {
    pub fn new() -> Self {
        let server = TicketDoc::create(server_actor(), TenantId(Uuid::nil()), TICKET, &core()).unwrap().0;
        Scene { server, workflow: Workflow::field_service(), now: ServerTime(NOON), made: 0 }
    }

    pub fn state(&self) -> TicketState {
        self.server.state(&self.workflow)
    }

    pub fn status(&self) -> Status {
        self.state().status
    }

    pub fn flags(&self) -> Vec<Flag> {
        self.state().reviews.into_keys().collect()
    }

    /// The dispatcher does this.
    pub fn desk(&mut self, verb: impl FnOnce(&TicketView<'_>, &Author, Stamp) -> Result<Fact, Refusal>) -> Fact {
        let fact = self.try_desk(verb).unwrap();
        self.write(&fact, |_| Ok(()));
        fact
    }

    pub fn try_desk(
        &mut self,
        verb: impl FnOnce(&TicketView<'_>, &Author, Stamp) -> Result<Fact, Refusal>,
    ) -> Result<Fact, Refusal> {
        let stamp = self.stamp();
        verb(&TicketView::new(&self.server, &self.workflow, self.now), &dispatcher(), stamp)
    }

    /// The visit goes to this engineer.
    pub fn assign(&mut self, user: UserId, role: GrantRole) -> GrantId {
        let id = GrantId(Uuid::from_u128(0x6000 + u128::from(self.made)));
        let fact = self
            .try_desk(|ticket, author, stamp| command::assign(ticket, author, stamp, VISIT, (id, user), None))
            .unwrap();
        let grant = Grant { id, visit: VISIT, user, role, from: self.now, by: dispatcher().user, ended: None };
        self.write(&fact, |edit| edit.add_grant(grant));
        id
    }

    pub fn unassign(&mut self, grant: GrantId) -> Fact {
        let fact = self.try_desk(|ticket, author, stamp| command::unassign(ticket, author, stamp, grant)).unwrap();
        let ended = Ended { at: self.now, by: dispatcher().user };
        self.write(&fact, |edit| edit.end_grant(grant, ended));
        fact
    }

    pub fn phone_of(&self, user: UserId) -> Phone {
        let nonce = Nonce([user.as_bytes()[15]; 16]);
        let actor = Actor::of_device(TenantId(Uuid::nil()), DeviceId(user.0), TICKET, nonce);
        let author = Author { user, role: Role::Engineer, origin: Origin::Phone };
        Phone { doc: self.server.clone(), author, actor, number: u64::from(user.as_bytes()[15]) << 32, made: 0 }
    }

    /// The phone pushes what it has and pulls what there is.
    pub fn sync(&mut self, phone: &mut Phone) {
        for change in phone.doc.changes_since(&self.server.heads()) {
            self.server.apply_admitted([change]).unwrap();
            let pending: Vec<Fact> = self.server.pending().cloned().collect();
            for fact in pending {
                self.admit(&fact, phone.author);
            }
        }
        phone.doc.apply_admitted(self.server.changes_since(&phone.doc.heads())).unwrap();
    }

    fn admit(&mut self, fact: &Fact, author: Author) {
        let grant = policy::standing(&self.server, fact, author.user, &self.workflow, self.now);
        let position = policy::Standing { role: author.role, origin: author.origin, grant };
        let (verdict, policy_flag) = match policy::judge(position, fact.body.kind()) {
            policy::Verdict::Allow => (Verdict::Allowed, None),
            policy::Verdict::AllowFlagged(Flag::UnknownKind) => (Verdict::Inert, Some(Flag::UnknownKind)),
            policy::Verdict::AllowFlagged(flag) => (Verdict::Flagged, Some(flag)),
            policy::Verdict::Deny(rule) => panic!("the scene has no quarantine: {rule}"),
        };
        let state = self.state();
        let wish = match fact.body {
            FactBody::Reschedule { start, end } => {
                let window = self.server.core().visits[&fact.visit.unwrap()].window;
                Some(document::reschedule(window, start, end))
            }
            _ => None,
        };
        let flags = state.flags_of(fact.id).into_iter().chain(policy_flag).collect();
        let window = wish.map(|wish| wish.err().unwrap_or(WindowEffect::Applied));
        let (received, status) = (self.now, state.status);
        self.server
            .server_edit::<DocumentError>(server_actor(), |edit| {
                let n = edit.next_n();
                if let Some(Ok(window)) = wish {
                    let visit = fact.visit.unwrap();
                    edit.set_core(&path::visit_start(visit), Some(&Scalar::Int(window.start().0)))?;
                    edit.set_core(&path::visit_end(visit), Some(&Scalar::Int(window.end().0)))?;
                }
                edit.admit(fact.id, &Admission { n, verdict, effect: Effect { status, flags, window }, received })
            })
            .unwrap();
    }

    fn write(&mut self, fact: &Fact, more: impl FnOnce(&mut ServerEdit<'_>) -> Result<(), DocumentError>) {
        let state = self.server.state_with(&self.workflow, std::slice::from_ref(fact));
        let effect = Effect { status: state.status, flags: state.flags_of(fact.id), window: None };
        let received = self.now;
        self.server
            .server_edit::<DocumentError>(server_actor(), |edit| {
                edit.add_fact(fact)?;
                more(edit)?;
                let n = edit.next_n();
                edit.admit(fact.id, &Admission { n, verdict: Verdict::Allowed, effect, received })
            })
            .unwrap();
    }

    fn stamp(&mut self) -> Stamp {
        self.made += 1;
        stamp(self.now.0 + self.made as i64, self.made)
    }
}

impl Phone {
    /// The engineer does this.
    pub fn does(&mut self, verb: impl FnOnce(&TicketView<'_>, &Author, Stamp) -> Result<Fact, Refusal>) -> Fact {
        let fact = self.tries(verb).unwrap();
        self.doc.append_fact(self.actor, &fact).unwrap();
        fact
    }

    pub fn tries(
        &mut self,
        verb: impl FnOnce(&TicketView<'_>, &Author, Stamp) -> Result<Fact, Refusal>,
    ) -> Result<Fact, Refusal> {
        self.made += 1;
        let stamp = stamp(NOON + 60_000 * self.made as i64, self.number + self.made);
        verb(&TicketView::new(&self.doc, &Workflow::field_service(), ServerTime(NOON)), &self.author, stamp)
    }

    /// Accept, depart, check in, start, as far as `until`.
    pub fn works(&mut self, until: Status) {
        type Verb = fn(&TicketView<'_>, &Author, Stamp, VisitId) -> Result<Fact, Refusal>;
        let steps: [(Status, Verb); 4] = [
            (Status::Accepted, command::accept),
            (Status::EnRoute, command::depart),
            (Status::OnSite, command::check_in),
            (Status::InProgress, command::start),
        ];
        for (status, verb) in steps {
            self.does(|ticket, author, stamp| verb(ticket, author, stamp, VISIT));
            if status == until {
                return;
            }
        }
    }

    /// Another device's fact comes in, not admitted yet.
    pub fn hears(&mut self, fact: &Fact) {
        let actor = Actor::of_device(TenantId(Uuid::nil()), DeviceId(fact.id.0), TICKET, Nonce([1; 16]));
        self.doc.append_fact(actor, fact).unwrap();
    }

    pub fn completes(&mut self) -> Fact {
        self.does(|ticket, author, stamp| {
            command::complete(ticket, author, stamp, VISIT, "solved".into(), Some(sealed("new motor")))
        })
    }

    pub fn state(&self) -> TicketState {
        self.doc.state(&Workflow::field_service())
    }
}

pub fn dispatcher() -> Author {
    Author { user: UserId(Uuid::from_u128(0xd15)), role: Role::Dispatcher, origin: Origin::Desk }
}

pub fn server_actor() -> Actor {
    Actor::of_server(TICKET, ServerEpoch(Uuid::from_u128(0xe)))
}

/// Text that nobody opens: sealed for no field there is, as version 1 of the stored formats has it.
pub fn sealed(text: &str) -> Sealed {
    let at = SealedAt { ticket: TICKET, fact: None, field: "any" };
    document::seal::seal_with(&KEY, [text.len() as u8; 24], at, text.as_bytes())
}

/// Text in its place in a fact.
pub fn sealed_at(fact: FactId, field: &str, text: &str) -> Sealed {
    document::seal::seal(&KEY, SealedAt { ticket: TICKET, fact: Some(fact), field }, text.as_bytes())
}

pub fn stamp(ms: i64, number: u64) -> Stamp {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&number.to_be_bytes());
    Stamp { id: FactId::fresh(ms, random), wall: DeviceTime(ms), hlc: Hlc::default().tick(ServerTime(ms)), place: None }
}

pub fn core() -> Core {
    let window = TimeWindow::new(ServerTime(NOON), ServerTime(NOON + 3_600_000)).unwrap();
    Core {
        number: "T-1".into(),
        ticket_type: "repair".into(),
        title: sealed("the lift is stuck"),
        description: None,
        priority: 2,
        customer: Some(CustomerId(Uuid::from_u128(11))),
        site: Some(SiteId(Uuid::from_u128(12))),
        asset: None,
        contact: None,
        respond_by: None,
        resolve_by: Some(ServerTime(NOON + 86_400_000)),
        skills: BTreeMap::from([("lift/hydraulic".to_owned(), 2)]),
        duration_ms: 3_600_000,
        workflow: ("field_service".into(), 1),
        visits: BTreeMap::from([(VISIT, VisitPlan { window: Some(window), pinned: false })]),
    }
}

pub const NOON: i64 = 1_763_812_800_000;
pub const ANA: UserId = UserId(Uuid::from_u128(0xa1));
pub const BEN: UserId = UserId(Uuid::from_u128(0xb2));
