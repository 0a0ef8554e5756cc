//! Honest changes pass, forged ones are refused for what they are, and no mutant does harm.

mod mutants;

use std::collections::BTreeMap;

use automerge::legacy::{Key, ObjectId, Op, OpId, OpType};
use automerge::{ActorId, Automerge, Change, ExpandedChange, ObjType, ReadDoc, ScalarValue};
use uuid::Uuid;

use super::*;
use crate::document::{
    Actor, Core, Covers, DocumentError, Fact, FactBody, Fields, Quantity, Scalar, Sealed, TicketDoc, VisitPlan, key,
};
use crate::ids::*;
use crate::time::{DeviceTime, Hlc, ServerTime};

const TENANT: TenantId = TenantId(Uuid::from_u128(7));
const TICKET: TicketId = TicketId(Uuid::from_u128(1));
const VISIT: VisitId = VisitId(Uuid::from_u128(2));

fn desk() -> Actor {
    Actor::of_server(TICKET, ServerEpoch(Uuid::from_u128(9)))
}

fn phone() -> Actor {
    Actor::of_device(TENANT, DeviceId(Uuid::from_u128(5)), TICKET, Nonce([6; 16]))
}

fn sealed() -> Sealed {
    Sealed::from_bytes(vec![3; 60]).unwrap()
}

fn fact(id: u128, after: Vec<FactId>, body: FactBody) -> Fact {
    Fact {
        id: FactId(Uuid::from_u128(id)),
        visit: Some(VISIT),
        grant: Some(GrantId(Uuid::from_u128(3))),
        wall: DeviceTime(1_700_000_000_000),
        hlc: Hlc::default().tick(ServerTime(1_700_000_000_000)),
        after,
        place: Some(sealed()),
        body,
        extra: Fields::new(),
    }
}

/// One fact of many shapes.
fn bodies() -> Vec<FactBody> {
    let hash = Sha256Hash([4; 32]);
    vec![
        FactBody::CheckIn {},
        FactBody::Note { text: sealed(), corrects: Some(FactId(Uuid::from_u128(10))) },
        FactBody::PartUsed {
            part: PartId(Uuid::from_u128(8)),
            quantity: Quantity::new(2).unwrap(),
            serial: Some("SN-1".into()),
        },
        FactBody::Signature {
            shown_sha256: hash,
            covers: Covers::new([(FactId(Uuid::from_u128(10)), hash)]),
            strokes_sha256: hash,
            signer: sealed(),
        },
        FactBody::Unknown {
            kind: "sang_to_it".into(),
            fields: BTreeMap::from([("song".into(), "la".into()), ("loud".into(), Scalar::Bool(true))]),
        },
    ]
}

/// A ticket with one admitted fact of another phone.
fn a_ticket() -> TicketDoc {
    let core = Core {
        number: "T-1".into(),
        ticket_type: "repair".into(),
        title: sealed(),
        description: None,
        priority: 2,
        customer: None,
        site: None,
        asset: None,
        contact: None,
        respond_by: None,
        resolve_by: None,
        skills: BTreeMap::new(),
        duration_ms: 3_600_000,
        workflow: ("field_service".into(), 1),
        visits: BTreeMap::from([(VISIT, VisitPlan::default())]),
    };
    let (mut doc, _) = TicketDoc::create(desk(), TENANT, TICKET, &core).unwrap();
    doc.append_fact(Actor([1; 16]), &fact(10, vec![], FactBody::Accept {})).unwrap();
    doc
}

/// The bytes of the phone's change that adds this body to the ticket.
fn change_of(doc: &TicketDoc, body: FactBody) -> Vec<u8> {
    let after = vec![FactId(Uuid::from_u128(10))];
    doc.clone().append_fact(phone(), &fact(100, after, body)).unwrap().bytes
}

fn desk_edits(doc: &mut TicketDoc) {
    doc.server_edit::<DocumentError>(desk(), |edit| edit.set_core("priority", Some(&Scalar::Int(1)))).unwrap();
}

/// What passes is taken in; the document then saves, loads and has the same heads. `Err` is the code.
fn push(doc: &mut TicketDoc, raw: &[u8]) -> Result<FactId, &'static str> {
    let parsed = check_chunk(raw).map_err(|why| why.code())?;
    let checked = check_against(doc, parsed, phone()).map_err(|why| why.code())?;
    let id = checked.fact().id;
    doc.apply_checked(checked).unwrap();
    let reopened = TicketDoc::load_own(&doc.save()).unwrap();
    assert_eq!(reopened.heads(), doc.heads());
    assert_eq!(reopened.fact(id), doc.fact(id));
    let rebuilt = TicketDoc::from_changes(doc.changes_since(&[])).unwrap();
    assert_eq!(rebuilt.heads(), doc.heads());
    Ok(id)
}

/// The honest change, taken apart and put together again after `forge`.
fn forged(doc: &TicketDoc, forge: impl FnOnce(&mut ExpandedChange)) -> Vec<u8> {
    let honest = Change::from_bytes(change_of(doc, bodies().remove(1))).unwrap();
    let mut expanded = honest.decode();
    forge(&mut expanded);
    Change::from(expanded).raw_bytes().to_vec()
}

fn refusal(forge: impl FnOnce(&mut ExpandedChange)) -> &'static str {
    let mut doc = a_ticket();
    let raw = forged(&doc, forge);
    push(&mut doc, &raw).unwrap_err()
}

#[test]
fn honest_changes_pass_whatever_the_desk_did_meanwhile() {
    for body in bodies() {
        let mut doc = a_ticket();
        let raw = change_of(&doc, body.clone());
        desk_edits(&mut doc);
        let id = push(&mut doc, &raw).unwrap();
        assert_eq!(doc.fact(id).unwrap().body, body);
        assert_eq!(push(&mut doc, &raw), Err("already_there"));
    }
}

#[test]
fn what_a_change_says_of_itself_is_what_automerge_says() {
    let mut doc = a_ticket();
    let first = doc.append_fact(phone(), &fact(100, vec![], FactBody::Depart {})).unwrap();
    let second = doc.append_fact(phone(), &fact(101, vec![], FactBody::CheckIn {})).unwrap();
    let parsed = check_chunk(&second.bytes).unwrap();
    assert_eq!((parsed.actor(), parsed.seq(), parsed.hash()), (Some(phone()), 2, second.hash));
    assert_eq!(parsed.deps(), [first.hash]);
    assert_eq!(parsed.fact(), doc.fact(FactId(Uuid::from_u128(101))).unwrap());
}

#[test]
fn one_after_the_other_in_order_only() {
    let mut doc = a_ticket();
    let mut phones = doc.clone();
    let first = phones.append_fact(phone(), &fact(100, vec![], FactBody::Depart {})).unwrap();
    let second = phones.append_fact(phone(), &fact(101, vec![], FactBody::CheckIn {})).unwrap();
    assert_eq!(push(&mut doc, &second.bytes), Err("seq_gap"));
    push(&mut doc, &first.bytes).unwrap();
    push(&mut doc, &second.bytes).unwrap();
    assert_eq!(doc.heads(), phones.heads());
}

#[test]
fn an_actor_that_comes_twice_is_refused() {
    let mut doc = a_ticket();
    let mut copy = doc.clone();
    let one = doc.clone().append_fact(phone(), &fact(100, vec![], FactBody::Depart {})).unwrap();
    let other = copy.append_fact(phone(), &fact(101, vec![], FactBody::CheckIn {})).unwrap();
    push(&mut doc, &one.bytes).unwrap();
    assert_eq!(push(&mut doc, &other.bytes), Err("seq_reused"));
}

#[test]
fn the_header_must_be_what_the_document_says() {
    assert_eq!(refusal(|change| change.actor_id = ActorId::from([8; 16])), "forbidden_op");
    assert_eq!(refusal(|change| change.seq = 2), "seq_gap");
    assert_eq!(refusal(|change| change.deps = vec![automerge::ChangeHash([1; 32])]), "unknown_deps");
    assert_eq!(refusal(|change| change.deps = vec![]), "unknown_deps");
    assert_eq!(refusal(|change| change.time = 1), "extra_content");
    assert_eq!(refusal(|change| change.message = Some("hello".into())), "extra_content");
    assert_eq!(refusal(|change| change.extra_bytes = vec![1]), "extra_content");
    assert_eq!(refusal(|change| change.operations.clear()), "empty_change");
}

/// Moves a change to other operation counters, its own references included.
fn shift(change: &mut ExpandedChange, by: u64) {
    let own = change.actor_id.clone();
    for op in &mut change.operations {
        if let ObjectId::Id(id) = &mut op.obj
            && id.1 == own
        {
            id.0 += by;
        }
    }
    change.start_op = change.start_op.saturating_add(by);
}

#[test]
fn an_operation_counter_that_leaps_is_refused() {
    assert_eq!(refusal(|change| shift(change, 1)), "wrong_start_op");
    assert_eq!(refusal(|change| shift(change, u64::from(u32::MAX) - 100)), "malformed_change");
    let mut doc = a_ticket();
    let raw = forged(&doc, |change| {
        // Built on the first change alone, it claims counters that the other phone has used.
        let first = a_ticket().changes_since(&[])[0].hash;
        change.deps = vec![automerge::ChangeHash(first.0)];
    });
    assert_eq!(push(&mut doc, &raw), Err("wrong_start_op"));
}

#[test]
fn a_change_by_somebody_else_is_refused() {
    let mut doc = a_ticket();
    let raw = doc.clone().append_fact(Actor([8; 16]), &fact(100, vec![], FactBody::Depart {})).unwrap();
    assert_eq!(push(&mut doc, &raw.bytes), Err("other_actor"));
}

#[test]
fn only_one_fact_and_only_under_facts() {
    let doc = a_ticket();
    let in_core = |change: &mut ExpandedChange| {
        let (_, core) = doc.automerge().get(automerge::ROOT, "core").unwrap().unwrap();
        let automerge::ObjId::Id(counter, actor, _) = core else { unreachable!() };
        change.operations[0].obj = ObjectId::Id(OpId(counter, actor));
    };
    assert_eq!(refusal(in_core), "outside_facts");
    assert_eq!(refusal(|change| change.operations[0].obj = ObjectId::Root), "forbidden_op");
    assert_eq!(refusal(|change| change.operations[0].key = Key::Map("surprise".into())), "not_one_fact");
    assert_eq!(refusal(|change| change.operations.push(change.operations[0].clone())), "not_one_fact");
    let taken = key::of(&Uuid::from_u128(10));
    assert_eq!(refusal(|change| change.operations[0].key = Key::Map(taken.into())), "key_taken");
    // A third map, inside the inner one.
    assert_eq!(
        refusal(|change| {
            let inner = change.operations.iter().position(|op| op.key == Key::Map("p".into())).unwrap();
            let mut deeper = change.operations[inner].clone();
            deeper.obj = ObjectId::Id(OpId(change.start_op.get() + inner as u64, change.actor_id.clone()));
            change.operations.push(deeper);
        }),
        "not_one_fact"
    );
}

#[test]
fn every_map_and_every_value_is_the_new_facts_own() {
    let doc = a_ticket();
    let (_, core) = doc.automerge().get(automerge::ROOT, "core").unwrap().unwrap();
    let automerge::ObjId::Id(counter, actor, _) = core else { unreachable!() };
    let core = || ObjectId::Id(OpId(counter, actor.clone()));
    let inner =
        |change: &ExpandedChange| change.operations.iter().position(|op| op.key == Key::Map("p".into())).unwrap();
    assert_eq!(
        refusal(|change| {
            let at = inner(change);
            change.operations[at].key = Key::Map("q".into());
        }),
        "not_one_fact",
        "the inner map under another name"
    );
    assert_eq!(
        refusal(|change| {
            let at = inner(change);
            change.operations[at].obj = core();
        }),
        "not_one_fact",
        "the inner map somewhere else"
    );
    assert_eq!(refusal(|change| change.operations[1].obj = core()), "forbidden_op", "a field of the fact");
    assert_eq!(refusal(|change| change.operations.last_mut().unwrap().obj = core()), "forbidden_op", "one of its body");
    assert_eq!(
        refusal(|change| {
            let at = inner(change);
            let (own, start) = (change.actor_id.clone(), change.start_op.get());
            change.operations.truncate(at + 1);
            assert_eq!(change.operations[at].obj, ObjectId::Id(OpId(start, own)));
        }),
        "not_one_fact",
        "an inner map with nothing in it"
    );
}

#[test]
fn nothing_is_overwritten_or_deleted_and_no_other_types_exist() {
    let server = desk().id();
    let with_last = |edit: fn(&mut Op)| refusal(move |change| edit(change.operations.last_mut().unwrap()));
    assert_eq!(with_last(|op| op.action = OpType::Delete), "forbidden_op");
    assert_eq!(with_last(|op| op.action = OpType::Increment(1)), "forbidden_op");
    assert_eq!(with_last(|op| op.action = OpType::Make(ObjType::List)), "forbidden_op");
    assert_eq!(with_last(|op| op.action = OpType::Make(ObjType::Text)), "forbidden_op");
    assert_eq!(with_last(|op| op.action = OpType::Put(ScalarValue::F64(1.0))), "forbidden_op");
    assert_eq!(with_last(|op| op.action = OpType::Put(ScalarValue::counter(1))), "forbidden_op");
    assert_eq!(with_last(|op| op.action = OpType::Put(ScalarValue::Timestamp(1))), "forbidden_op");
    assert_eq!(with_last(|op| op.action = OpType::Put(ScalarValue::Uint(1))), "forbidden_op");
    assert_eq!(with_last(|op| op.action = OpType::Put(ScalarValue::Null)), "forbidden_op");
    assert_eq!(with_last(|op| op.insert = true), "forbidden_op");
    assert_eq!(with_last(|op| op.key = Key::head()), "forbidden_op");
    assert_eq!(
        refusal(|change| change.operations[0].pred = vec![OpId(5, server)].into()),
        "forbidden_op",
        "an overwrite"
    );
    assert_eq!(refusal(|change| change.operations.push(change.operations[1].clone())), "forbidden_op", "twice");
}

#[test]
fn a_fact_is_well_formed_or_refused() {
    let rename = |from: &'static str, to: &'static str| {
        refusal(move |change| {
            let op = change.operations.iter_mut().find(|op| op.key == Key::Map(from.into())).unwrap();
            op.key = Key::Map(to.into());
        })
    };
    assert_eq!(rename("k", "kk"), "bad_fact");
    assert_eq!(rename("wall", "clock"), "bad_fact");
    assert_eq!(rename("text", "texture"), "bad_fact");
    assert_eq!(rename("after", "before"), "bad_fact");
    assert_eq!(
        refusal(|change| {
            let op = change.operations.iter_mut().find(|op| op.key == Key::Map("text".into())).unwrap();
            op.action = OpType::Put(ScalarValue::Int(1));
        }),
        "bad_fact"
    );
    let mut doc = a_ticket();
    let ghost = vec![FactId(Uuid::from_u128(77))];
    let raw = doc.clone().append_fact(phone(), &fact(100, ghost, FactBody::Depart {})).unwrap();
    assert_eq!(push(&mut doc, &raw.bytes), Err("unknown_after"));
}

#[test]
fn what_was_seen_must_have_been_there_for_the_author() {
    let mut doc = a_ticket();
    let before = doc.heads();
    let mut phones = doc.clone();
    // The desk's note comes after the phone lost contact, yet the phone claims to have seen it.
    let desk_note = fact(50, vec![], FactBody::Note { text: sealed(), corrects: None });
    doc.server_edit::<DocumentError>(desk(), |edit| edit.add_fact(&desk_note)).unwrap();
    let raw = phones.append_fact(phone(), &fact(100, vec![desk_note.id], FactBody::Depart {})).unwrap();
    assert_eq!(
        before,
        Change::from_bytes(raw.bytes.clone()).unwrap().deps().iter().map(|dep| Sha256Hash(dep.0)).collect::<Vec<_>>()
    );
    assert_eq!(push(&mut doc, &raw.bytes), Err("unknown_after"));
}

#[test]
fn not_even_a_document_of_ours_passes_as_a_change() {
    let doc = a_ticket();
    assert_eq!(check_chunk(&doc.save()).unwrap_err(), GuardError::NotAChange);
    let mut long = Automerge::new().with_actor(phone().id());
    let mut tx = long.transaction();
    for n in 0..300 {
        automerge::transaction::Transactable::put(&mut tx, automerge::ROOT, format!("{n}"), "x".repeat(100)).unwrap();
    }
    tx.commit();
    let compressed = long.get_last_local_change().unwrap().bytes().to_vec();
    assert_eq!(check_chunk(&compressed).unwrap_err(), GuardError::NotAChange);
}
