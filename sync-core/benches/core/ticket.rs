//! Tickets of any length, as the server keeps them: each thing said is a change, and its admission another.

use std::collections::{BTreeMap, BTreeSet};

use sync_core::document::{
    Actor, Admission, Core, DocumentError, DocumentKey, Effect, Fact, FactBody, Fields, Grant, GrantRole, Quantity,
    RawChange, Sealed, SealedAt, TicketDoc, Verdict, VisitPlan, seal,
};
use sync_core::ids::*;
use sync_core::time::{DeviceTime, Hlc, ServerTime, TimeWindow};
use sync_core::wire::{Batch, BatchHeader, SoftwareDeviceSigner};
use sync_core::workflow::Status;
use uuid::Uuid;

pub const TENANT: TenantId = TenantId(Uuid::from_u128(7));
pub const USER: UserId = UserId(Uuid::from_u128(0xa1));
pub const DEVICE: DeviceId = DeviceId(Uuid::from_u128(5));
pub const KEY: [u8; 32] = [3; 32];
pub const NOON: i64 = 1_763_812_800_000;
const TICKET: TicketId = TicketId(Uuid::from_u128(1));
const GRANT: GrantId = GrantId(Uuid::from_u128(3));
const NONCE: Nonce = Nonce([6; 16]);

/// The actor that [`say`] numbers changes by.
pub fn phone() -> Actor {
    Actor::of_device(TENANT, DEVICE, TICKET, NONCE)
}

/// A ticket with this id and so many changes, give or take one.
pub fn of(ticket: TicketId, changes: usize) -> TicketDoc {
    let window = TimeWindow::new(ServerTime(NOON), ServerTime(NOON + 3_600_000)).ok();
    let visit = VisitId(ticket.0);
    let core = Core {
        number: format!("T-{}", ticket.0.as_u128()),
        ticket_type: "repair".into(),
        title: sealed(ticket, None, "title", "street light out at the corner, third time this month"),
        description: None,
        priority: 2,
        customer: Some(CustomerId(Uuid::from_u128(11))),
        site: Some(SiteId(Uuid::from_u128(12))),
        asset: None,
        contact: None,
        respond_by: None,
        resolve_by: Some(ServerTime(NOON + 86_400_000)),
        skills: BTreeMap::from([("electrical".to_owned(), 2)]),
        duration_ms: 3_600_000,
        workflow: ("field_service".into(), 1),
        visits: BTreeMap::from([(visit, VisitPlan { window, pinned: false })]),
    };
    let (mut doc, _) = TicketDoc::create(desk(ticket), TENANT, ticket, &core).unwrap();
    let by = UserId(Uuid::from_u128(0xd15));
    let grant = Grant { id: GRANT, visit, user: USER, role: GrantRole::Lead, from: ServerTime(NOON), by, ended: None };
    doc.server_edit::<DocumentError>(desk(ticket), |edit| edit.add_grant(grant)).unwrap();
    for number in 0..changes.saturating_sub(2) / 2 {
        let fact = fact(&doc, number);
        doc.append_fact(Actor::of_device(TENANT, DEVICE, ticket, Nonce([1; 16])), &fact).unwrap();
        doc.server_edit::<DocumentError>(desk(ticket), |edit| {
            let effect = Effect { status: Status::InProgress, flags: BTreeSet::new(), window: None };
            let (n, received) = (edit.next_n(), ServerTime(NOON));
            edit.admit(fact.id, &Admission { n, verdict: Verdict::Allowed, effect, received })
        })
        .unwrap();
    }
    doc
}

pub fn with_changes(changes: usize) -> TicketDoc {
    of(TICKET, changes)
}

/// The phone says something on top of all there is.
pub fn say(doc: &mut TicketDoc, number: usize) -> RawChange {
    let fact = fact(doc, number);
    doc.append_fact(phone(), &fact).unwrap()
}

/// So many changes by the phone, one on top of the other.
pub fn changes_on(doc: &TicketDoc, count: usize) -> Vec<RawChange> {
    let mut doc = doc.clone();
    (0..count).map(|number| say(&mut doc, 500_000 + number)).collect()
}

/// These changes in one signed batch.
pub fn batch(changes: &[RawChange]) -> (Vec<u8>, SoftwareDeviceSigner) {
    let signer = SoftwareDeviceSigner::from_secret(&[3; 32]).unwrap();
    let header = BatchHeader {
        tenant: TENANT,
        device: DEVICE,
        user: USER,
        ticket: TICKET,
        actor_nonce: NONCE,
        session_nonce: NONCE,
        dev_seq: 1,
        prev_batch_hash: None,
        change_hashes: changes.iter().map(|change| change.hash).collect(),
        heads: changes.last().map(|change| change.hash).into_iter().collect(),
        fact_ids: (0..changes.len()).map(|number| id(500_000 + number)).collect(),
        signed_at: DeviceTime(NOON),
    };
    let chunks = changes.iter().map(|change| change.bytes.clone()).collect();
    (Batch::sign(&header, chunks, &signer).unwrap().encode(), signer)
}

fn desk(ticket: TicketId) -> Actor {
    Actor::of_server(ticket, ServerEpoch(Uuid::from_u128(9)))
}

fn id(number: usize) -> FactId {
    FactId(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 | number as u128))
}

fn sealed(ticket: TicketId, fact: Option<FactId>, field: &str, text: &str) -> Sealed {
    seal::seal(&DocumentKey(KEY), SealedAt { ticket, fact, field }, text.as_bytes())
}

/// What is said on a visit, over and over.
fn fact(doc: &TicketDoc, number: usize) -> Fact {
    let (ticket, id) = (doc.ticket(), id(number));
    let sealed = |field: &str, text: &str| sealed(ticket, Some(id), field, text);
    let body = match number % 10 {
        0 => FactBody::CheckIn {},
        1 => FactBody::Start {},
        2..=4 => FactBody::Answer { step: format!("step_{number}"), value: sealed("value", "230 V"), corrects: None },
        5 => FactBody::PartUsed {
            part: PartId(Uuid::from_u128(8)),
            quantity: Quantity::new(1).unwrap(),
            serial: Some(format!("SN-{number}")),
        },
        6 => FactBody::Blob {
            sha256: Sha256Hash::of(&number.to_be_bytes()),
            size: 200_000,
            mime: "image/jpeg".into(),
            role: "after".into(),
            step: None,
        },
        7 => FactBody::Pause { reason: "lunch".into() },
        _ => {
            let text = format!("replaced the lamp at the pole, {number} V, works again");
            FactBody::Note { text: sealed("text", &text), corrects: None }
        }
    };
    Fact {
        id,
        visit: Some(VisitId(ticket.0)),
        grant: Some(GRANT),
        wall: DeviceTime(NOON + number as i64),
        hlc: Hlc::default().tick(ServerTime(NOON + number as i64)),
        after: doc.frontier(),
        place: Some(sealed("place", "52.52000,13.40500")),
        body,
        extra: Fields::new(),
    }
}
