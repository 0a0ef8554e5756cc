//! Real tickets, and what an honest phone would say on them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use sync_core::document::{
    Actor, Admission, Core, DocumentError, DocumentKey, Effect, Fact, FactBody, Fields, Grant, GrantRole, Scalar,
    Sealed, SealedAt, TicketDoc, Verdict, VisitPlan, seal,
};
use sync_core::ids::*;
use sync_core::time::{DeviceTime, Hlc, ServerTime, TimeWindow};
use sync_core::workflow::Status;
use uuid::Uuid;

pub const TENANT: TenantId = TenantId(Uuid::from_u128(7));
pub const TICKET: TicketId = TicketId(Uuid::from_u128(1));
pub const VISIT: VisitId = VisitId(Uuid::from_u128(2));
pub const GRANT: GrantId = GrantId(Uuid::from_u128(3));
pub const DEVICE: DeviceId = DeviceId(Uuid::from_u128(5));
pub const USER: UserId = UserId(Uuid::from_u128(0xa1));
pub const KEY: DocumentKey = DocumentKey([3; 32]);
pub const NOON: i64 = 1_763_812_800_000;

/// A fact that another phone said first.
pub const FIRST: FactId = FactId(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_000a));

/// A ticket as a phone last saw it, and as the server has it when the phone's change comes.
#[derive(Debug)]
pub struct Ground {
    pub phones: TicketDoc,
    pub servers: TicketDoc,
}

/// The tickets that every hostile change is tried on.
pub fn grounds() -> &'static [Ground] {
    static GROUNDS: OnceLock<Vec<Ground>> = OnceLock::new();
    GROUNDS.get_or_init(|| {
        let young = a_ticket();
        let mut concurrent = young.clone();
        desk_edits(&mut concurrent);
        say(&mut concurrent, Actor([2; 16]), &fact(20, vec![FIRST], FactBody::CheckIn {}));
        let mut worked = young.clone();
        for (number, body) in [FactBody::Accept {}, FactBody::Depart {}, FactBody::CheckIn {}].into_iter().enumerate() {
            let after = worked.frontier();
            say(&mut worked, phone(), &fact(30 + number as u128, after, body));
        }
        let mut worked_on = worked.clone();
        desk_edits(&mut worked_on);
        vec![
            Ground { phones: young.clone(), servers: young.clone() },
            Ground { phones: young, servers: concurrent },
            Ground { phones: worked, servers: worked_on },
        ]
    })
}

/// A ticket with a grant and one admitted fact of another phone.
fn a_ticket() -> TicketDoc {
    let window = TimeWindow::new(ServerTime(NOON), ServerTime(NOON + 3_600_000));
    let core = Core {
        number: "T-1".into(),
        ticket_type: "repair".into(),
        title: sealed(None, "title", "the lift is stuck"),
        description: Some(sealed(None, "description", "between the second floor and the third")),
        priority: 2,
        customer: Some(CustomerId(Uuid::from_u128(11))),
        site: None,
        asset: None,
        contact: None,
        respond_by: None,
        resolve_by: Some(ServerTime(NOON + 86_400_000)),
        skills: BTreeMap::from([("lift/hydraulic".to_owned(), 2)]),
        duration_ms: 3_600_000,
        workflow: ("field_service".into(), 1),
        visits: BTreeMap::from([(VISIT, VisitPlan { window: window.ok(), pinned: false })]),
    };
    let (mut doc, _) = TicketDoc::create(desk(), TENANT, TICKET, &core).unwrap();
    let grant = Grant {
        id: GRANT,
        visit: VISIT,
        user: USER,
        role: GrantRole::Lead,
        from: ServerTime(NOON),
        by: UserId(Uuid::from_u128(0xd15)),
        ended: None,
    };
    doc.server_edit::<DocumentError>(desk(), |edit| edit.add_grant(grant)).unwrap();
    let text = sealed(Some(FIRST), "text", "ring at the back door");
    let note = Fact { id: FIRST, ..fact(0, vec![], FactBody::Note { text, corrects: None }) };
    say(&mut doc, Actor([1; 16]), &note);
    doc
}

fn desk_edits(doc: &mut TicketDoc) {
    doc.server_edit::<DocumentError>(desk(), |edit| edit.set_core("priority", Some(&Scalar::Int(1)))).unwrap();
}

/// A phone says it and the server admits it.
fn say(doc: &mut TicketDoc, actor: Actor, fact: &Fact) {
    doc.append_fact(actor, fact).unwrap();
    doc.server_edit::<DocumentError>(desk(), |edit| {
        let effect = Effect { status: Status::Created, flags: BTreeSet::new(), window: None };
        let (n, received) = (edit.next_n(), ServerTime(NOON));
        edit.admit(fact.id, &Admission { n, verdict: Verdict::Allowed, effect, received })
    })
    .unwrap();
}

/// The server's actor.
pub fn desk() -> Actor {
    Actor::of_server(TICKET, ServerEpoch(Uuid::from_u128(9)))
}

/// The actor whose changes are judged.
pub fn phone() -> Actor {
    Actor::of_device(TENANT, DEVICE, TICKET, Nonce([6; 16]))
}

/// A fact with everything that a fact can have.
pub fn fact(number: u128, after: Vec<FactId>, body: FactBody) -> Fact {
    let id = FactId(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 | number));
    Fact {
        id,
        visit: Some(VISIT),
        grant: Some(GRANT),
        wall: DeviceTime(NOON),
        hlc: Hlc::default().tick(ServerTime(NOON)),
        after,
        place: Some(sealed(Some(id), "place", "52.5,13.4")),
        body,
        extra: Fields::new(),
    }
}

pub fn sealed(fact: Option<FactId>, field: &str, text: &str) -> Sealed {
    seal::seal(&KEY, SealedAt { ticket: TICKET, fact, field }, text.as_bytes())
}

/// The chunk of the change by which the phone says this on this ground.
pub fn honest(ground: &Ground, body: FactBody) -> Vec<u8> {
    let mut doc = ground.phones.clone();
    let after = doc.frontier();
    doc.append_fact(phone(), &fact(100, after, body)).unwrap().bytes
}
