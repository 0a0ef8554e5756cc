use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::*;
use crate::document::{Effect, FactBody, GrantRole, Scalar, Sealed, Verdict, VisitPlan, core::path};
use crate::ids::{Nonce, ServerEpoch, UserId, VisitId};
use crate::time::{DeviceTime, Hlc, ServerTime, TimeWindow};
use crate::workflow::Status;

const TICKET: TicketId = TicketId(Uuid::from_u128(1));
const VISIT: VisitId = VisitId(Uuid::from_u128(2));
const ANA: UserId = UserId(Uuid::from_u128(3));

fn desk() -> Actor {
    Actor::of_server(TICKET, ServerEpoch(Uuid::from_u128(9)))
}

fn phone() -> Actor {
    Actor::of_device(TenantId(Uuid::nil()), crate::ids::DeviceId(Uuid::from_u128(5)), TICKET, Nonce([6; 16]))
}

fn core() -> Core {
    let window = TimeWindow::new(ServerTime(1_000), ServerTime(2_000)).unwrap();
    Core {
        number: "T-1".into(),
        ticket_type: "repair".into(),
        title: Sealed::from_bytes(vec![1; 40]).unwrap(),
        description: None,
        priority: 2,
        customer: None,
        site: None,
        asset: None,
        contact: None,
        respond_by: None,
        resolve_by: Some(ServerTime(9_000)),
        skills: BTreeMap::from([("lift/hydraulic".to_owned(), 2)]),
        duration_ms: 3_600_000,
        workflow: ("field_service".into(), 1),
        visits: BTreeMap::from([(VISIT, VisitPlan { window: Some(window), pinned: false })]),
    }
}

fn fact(id: u128, after: Vec<FactId>, body: FactBody) -> Fact {
    Fact {
        id: FactId(Uuid::from_u128(id)),
        visit: Some(VISIT),
        grant: None,
        wall: DeviceTime(id as i64),
        hlc: Hlc::default(),
        after,
        place: None,
        body,
        extra: Fields::new(),
    }
}

#[test]
fn what_is_written_reads_back_from_a_snapshot_and_from_changes() {
    let (mut doc, first) = TicketDoc::create(desk(), TenantId(Uuid::nil()), TICKET, &core()).unwrap();
    assert_eq!(*doc.core(), core());
    let mut changes = vec![first];
    let note = Sealed::from_bytes(vec![2; 50]).unwrap();
    let said = fact(10, vec![], FactBody::Note { text: note, corrects: None });
    changes.push(doc.append_fact(phone(), &said).unwrap());
    let grant = Grant {
        id: GrantId(Uuid::from_u128(20)),
        visit: VISIT,
        user: ANA,
        role: GrantRole::Lead,
        from: ServerTime(5),
        by: ANA,
        ended: None,
    };
    let before_grant = doc.heads();
    let admission = Admission {
        n: 1,
        verdict: Verdict::Allowed,
        effect: Effect { status: Status::Created, flags: BTreeSet::new(), window: None },
        received: ServerTime(7),
    };
    changes.push(
        doc.server_edit::<DocumentError>(desk(), |edit| {
            edit.add_grant(grant)?;
            edit.admit(said.id, &admission)?;
            edit.set_core("priority", Some(&Scalar::Int(1)))
        })
        .unwrap(),
    );
    assert_eq!(doc.pending().count(), 0);
    assert_eq!(doc.frontier(), vec![said.id]);
    assert!(doc.grants_at(&before_grant).unwrap().is_empty());
    assert!(doc.fact_exists_at(said.id, &before_grant));
    assert!(!doc.fact_exists_at(said.id, &[changes[0].hash]));

    let reopened = TicketDoc::load_own(&doc.save()).unwrap();
    let rebuilt = TicketDoc::from_changes(changes.iter().rev().cloned()).unwrap();
    for copy in [&reopened, &rebuilt] {
        assert_eq!(copy.heads(), doc.heads());
        assert_eq!(copy.facts().collect::<Vec<_>>(), doc.facts().collect::<Vec<_>>());
        assert_eq!((copy.core(), copy.grants(), copy.admissions()), (doc.core(), doc.grants(), doc.admissions()));
        assert_eq!(copy.core().priority, 1);
        assert_eq!((copy.ticket(), copy.tenant()), (TICKET, TenantId(Uuid::nil())));
    }
    assert_eq!(doc.changes_since(&[]), changes);
    assert_eq!(doc.changes_since(&before_grant), changes[2..]);

    let mut late = TicketDoc::from_changes([changes[0].clone()]).unwrap();
    assert!(matches!(late.apply_admitted([changes[2].clone()]), Err(DocumentError::MissingPast(1))));
    assert_eq!(late.changes_since(&[]).len(), 1);
    late.apply_admitted(changes.clone()).unwrap();
    assert_eq!((late.heads(), late.grants()), (doc.heads(), doc.grants()));
}

#[test]
fn changes_carry_no_time_and_no_message() {
    let (mut doc, _) = TicketDoc::create(desk(), TenantId(Uuid::nil()), TICKET, &core()).unwrap();
    doc.append_fact(phone(), &fact(10, vec![], FactBody::Accept {})).unwrap();
    for change in doc.automerge.get_changes(&[]) {
        assert_eq!((change.timestamp(), change.message(), change.extra_bytes()), (0, None, &[][..]));
    }
}

#[test]
fn a_failed_edit_leaves_the_document_as_it_was() {
    let (mut doc, _) = TicketDoc::create(desk(), TenantId(Uuid::nil()), TICKET, &core()).unwrap();
    let before = (doc.heads(), doc.save());
    let backwards = doc.server_edit::<DocumentError>(desk(), |edit| {
        edit.set_core(&path::visit_start(VISIT), Some(&Scalar::Int(5_000)))
    });
    assert!(matches!(backwards, Err(DocumentError::Field(_))));
    assert!(matches!(doc.server_edit::<DocumentError>(desk(), |_| Ok(())), Err(DocumentError::EmptyEdit)));
    assert_eq!((doc.heads(), doc.save()), before);
    let accept = fact(10, vec![], FactBody::Accept {});
    doc.append_fact(phone(), &accept).unwrap();
    assert!(matches!(doc.append_fact(phone(), &accept), Err(DocumentError::FactExists(_))));
}
