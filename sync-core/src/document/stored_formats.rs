//! Stored formats are forever: what version 1 wrote still opens, and a fact's record never changes by a byte.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::ids::{GrantId, PartId, Sha256Hash, UserId};
use crate::testing::{ANA, Scene, VISIT, sealed, stamp, stored};
use crate::time::{DeviceTime, ServerTime};
use crate::{command, workflow::Status};

/// One body of each kind.
fn bodies() -> Vec<FactBody> {
    let hash = |byte| Sha256Hash([byte; 32]);
    let reason = || "no_access".to_owned();
    let grant = GrantId(Uuid::from_u128(5));
    let part = PartId(Uuid::from_u128(6));
    let earlier = FactId(Uuid::from_u128(7));
    let quantity = Quantity::new(2).unwrap();
    let side = |seen: Option<i64>, to| Some(Side { seen: seen.map(ServerTime), to: ServerTime(to) });
    let mime = "image/jpeg".to_owned();
    vec![
        FactBody::Accept {},
        FactBody::Decline { reason: reason() },
        FactBody::Depart {},
        FactBody::CheckIn {},
        FactBody::CheckOut {},
        FactBody::Start {},
        FactBody::Pause { reason: reason() },
        FactBody::Done { outcome: "solved".into(), solution: Some(sealed("new motor")) },
        FactBody::Verify {},
        FactBody::Close {},
        FactBody::Cancel { reason: reason() },
        FactBody::Reopen { reason: reason() },
        FactBody::Assign {
            grant,
            user: UserId(Uuid::from_u128(8)),
            start: Some(ServerTime(5)),
            end: Some(ServerTime(6)),
        },
        FactBody::Unassign { grant },
        FactBody::DeskEdit { path: "priority".into(), old: Some(Scalar::Int(2)), new: None },
        FactBody::Reschedule { start: side(Some(1), 2), end: side(None, -3) },
        FactBody::Note { text: sealed("seal worn"), corrects: Some(earlier) },
        FactBody::Answer { step: "earth".into(), value: sealed("1 ohm"), corrects: None },
        FactBody::PartUsed { part, quantity, serial: Some("SN-1".into()) },
        FactBody::PartRequest { part, quantity, note: None },
        FactBody::Labour { start: DeviceTime(-1), end: DeviceTime(i64::MAX) },
        FactBody::Blob { sha256: hash(1), size: 12_345, mime, role: "after".into(), step: None },
        FactBody::Signature {
            shown_sha256: hash(2),
            covers: Covers::new([(earlier, hash(3))]),
            strokes_sha256: hash(4),
            signer: sealed("Ms Ito"),
        },
        FactBody::Unknown { kind: "hologram".into(), fields: [("x".to_owned(), Scalar::Bool(true))].into() },
    ]
}

fn facts() -> Vec<Fact> {
    let fact = |(number, body): (usize, FactBody)| {
        let stamp = stamp(1_763_812_800_000 + number as i64, number as u64);
        Fact {
            id: stamp.id,
            visit: Some(VISIT),
            grant: Some(GrantId(Uuid::from_u128(5))),
            wall: stamp.wall,
            hlc: stamp.hlc,
            after: vec![FactId(Uuid::from_u128(1)), FactId(Uuid::from_u128(2))],
            place: Some(sealed("48.1,11.5")),
            body,
            extra: [("from_a_newer_app".to_owned(), Scalar::Str("kept".into()))].into(),
        }
    };
    // An unknown kind has no fields of its own, so nothing is beside them.
    let mut facts: Vec<Fact> = bodies().into_iter().enumerate().map(fact).collect();
    if let Some(unknown) = facts.last_mut() {
        unknown.extra.clear();
    }
    facts
}

/// A ticket worked offline, and its changes.
fn ticket() -> TicketDoc {
    let mut scene = Scene::new();
    scene.assign(ANA, GrantRole::Lead);
    let mut ana = scene.phone_of(ANA);
    ana.works(Status::InProgress);
    ana.does(|ticket, author, stamp| command::note(ticket, author, stamp, Some(VISIT), sealed("seal worn"), None));
    ana.completes();
    scene.desk(|ticket, author, stamp| command::cancel(ticket, author, stamp, None, "wrong".into()));
    scene.sync(&mut ana);
    scene.server
}

#[test]
fn every_kind_has_a_record_that_never_changes() {
    let kinds: Vec<Kind> = bodies().iter().map(FactBody::kind).collect();
    assert_eq!(kinds, Kind::ALL, "one body of each kind, in the order of the table");
    let lines = |facts: Vec<Fact>| -> String {
        let hex = |bytes: Vec<u8>| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        facts
            .iter()
            .map(|fact| format!("{} {} {}\n", fact.body.kind_name(), fact.content_hash(), hex(fact.to_bytes())))
            .collect()
    };
    let v1 = stored("v1.facts.txt", || lines(facts()).into_bytes());
    assert_eq!(String::from_utf8(v1).unwrap(), lines(facts()));
    for fact in facts() {
        assert_eq!(Fact::from_bytes(&fact.to_bytes()), Ok(fact));
    }
}

#[test]
fn a_ticket_of_version_1_still_opens_and_still_says_the_same() {
    let snapshot = stored("v1.ticket", || ticket().save());
    let doc = TicketDoc::load_own(&snapshot).unwrap();
    let expected = ticket();
    assert_eq!(doc.heads(), expected.heads(), "and would be written with the same hashes today");
    assert_eq!(doc.facts().collect::<Vec<_>>(), expected.facts().collect::<Vec<_>>());
    assert_eq!(
        (doc.core(), doc.grants(), doc.admissions()),
        (expected.core(), expected.grants(), expected.admissions())
    );
    let state = doc.state(&crate::workflow::Workflow::field_service());
    assert_eq!(state.status, Status::Done);
    assert!(state.reviews.contains_key(&Flag::DoneThoughCancelled));
}

#[test]
fn a_change_of_version_1_still_applies() {
    let mut scene = Scene::new();
    scene.assign(ANA, GrantRole::Lead);
    let mut ana = scene.phone_of(ANA);
    ana.works(Status::Accepted);
    let made = ana.doc.changes_since(&scene.server.heads()).remove(0);
    let bytes = stored("v1.change", || made.bytes.clone());
    assert_eq!(bytes, made.bytes, "a phone writes the same bytes today");
    scene.server.apply_admitted([RawChange { hash: made.hash, bytes }]).unwrap();
    assert_eq!(scene.server.pending().map(|fact| fact.body.kind()).collect::<Vec<_>>(), [Kind::Accept]);
}

#[test]
fn a_known_kind_with_bad_fields_says_what_is_wrong() {
    let broken = |change: fn(&mut Fields, &mut Fields)| {
        let fact = facts().into_iter().find(|fact| fact.body.kind() == Kind::PartUsed).unwrap();
        let (mut entry, mut fields) = fact.to_fields();
        change(&mut entry, &mut fields);
        Fact::from_fields(fact.id, entry, fields).unwrap_err().to_string()
    };
    assert_eq!(broken(|_, fields| drop(fields.remove("part"))), "the fact's field \"part\" is missing");
    assert_eq!(
        broken(|_, fields| drop(fields.insert("quantity".into(), Scalar::Int(0)))),
        "the fact's field \"quantity\" is not between one and a million"
    );
    assert_eq!(
        broken(|entry, _| drop(entry.insert("status".into(), Scalar::Int(0)))),
        "a fact has no field \"status\""
    );
    assert_eq!(
        broken(|entry, _| {
            entry.remove("visit");
            entry.insert("k".into(), Scalar::Str("accept".into()));
        }),
        "a fact of kind \"accept\" names its visit"
    );
}

fn scalar() -> impl Strategy<Value = Scalar> {
    prop_oneof![
        any::<i64>().prop_map(Scalar::Int),
        ".{0,300}".prop_map(Scalar::Str),
        prop::collection::vec(any::<u8>(), 0..100).prop_map(Scalar::Bytes),
        any::<bool>().prop_map(Scalar::Bool),
    ]
}

/// A `review` intent brings a record of up to 8 MB: two bytes of it must not become sixty of ours, four million times.
#[test]
fn a_flood_of_empty_fields_is_refused_before_it_is_allocated() {
    let mut flood = vec![0x0a, 16];
    flood.extend([7; 16]);
    flood.extend([0x12, 0x00].repeat(1 << 20));
    assert_eq!(Fact::from_bytes(&flood), Err(crate::document::FactError::NotARecord));
}

proptest! {
    #[test]
    fn hostile_fields_never_panic_and_what_is_read_is_written_alike(
        which in 0..24usize,
        tampering in prop::collection::vec((any::<prop::sample::Index>(), prop::option::of(scalar())), 0..4),
    ) {
        let fact = facts().swap_remove(which);
        let (mut entry, mut fields) = fact.to_fields();
        let names: Vec<(bool, String)> =
            entry.keys().map(|name| (true, name.clone())).chain(fields.keys().map(|name| (false, name.clone()))).collect();
        for (index, scalar) in tampering {
            let (is_entry, name) = &names[index.index(names.len())];
            let map = if *is_entry { &mut entry } else { &mut fields };
            match scalar {
                Some(scalar) => map.insert(name.clone(), scalar),
                None => map.remove(name),
            };
        }
        if let Ok(read) = Fact::from_fields(fact.id, entry.clone(), fields.clone()) {
            prop_assert_eq!(read.to_fields(), (entry, fields));
            prop_assert_eq!(Fact::from_bytes(&read.to_bytes()), Ok(read));
        }
    }

    #[test]
    fn hostile_records_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Fact::from_bytes(&bytes);
    }
}
