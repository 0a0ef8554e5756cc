//! What was entered and signed: what counts, what is told with it.

use super::*;

#[test]
fn a_note_to_a_closed_ticket_comes_in_late_and_work_is_reviewed() {
    let mut scene = Scene::new();
    scene.assign(ANA, GrantRole::Lead);
    scene.assign(BEN, GrantRole::Crew);
    let (mut ana, mut ben) = (scene.phone_of(ANA), scene.phone_of(BEN));
    ana.works(Status::InProgress);
    ana.completes();
    scene.sync(&mut ana);
    note(&mut ana, "seal is worn too");
    ben.works(Status::InProgress);
    scene.desk(command::verify);
    scene.desk(command::close);
    scene.sync(&mut ana);
    assert_eq!((scene.status(), scene.flags()), (Status::Closed, vec![Flag::LateEntry]));
    assert_eq!(scene.state().entries.notes.len(), 1);
    scene.sync(&mut ben);
    assert_eq!(scene.status(), Status::Closed);
    assert!(scene.flags().contains(&Flag::WorkUnseen));
}

#[test]
fn two_devices_that_check_in_give_two_labour_logs() {
    let mut scene = Scene::new();
    scene.assign(ANA, GrantRole::Lead);
    let mut phone = scene.phone_of(ANA);
    phone.works(Status::EnRoute);
    scene.sync(&mut phone);
    let mut tablet = scene.phone_of(ANA);
    let first = phone.does(|ticket, author, stamp| command::check_in(ticket, author, stamp, VISIT));
    let other = crate::testing::stamp(NOON + 5, 999);
    let second = tablet.tries(|ticket, author, _| command::check_in(ticket, author, other, VISIT)).unwrap();
    let state = phone.doc.state_with(&scene.workflow, std::slice::from_ref(&second));
    assert_eq!(state.labour.len(), 2);
    assert_eq!((state.status, state.reviews.len()), (Status::OnSite, 0));
    phone.hears(&second);
    let done = phone.does(|ticket, author, stamp| command::check_out(ticket, author, stamp, VISIT));
    let ends: Vec<_> = phone.state().labour.iter().map(|log| (log.start, log.end)).collect();
    assert!(ends.contains(&(first.wall, Some(done.wall))));
    assert!(ends.contains(&(second.wall, Some(done.wall))));
}

#[test]
fn a_signature_stands_and_says_when_a_new_one_is_needed() {
    let mut scene = Scene::new();
    scene.assign(ANA, GrantRole::Lead);
    let mut ana = scene.phone_of(ANA);
    ana.works(Status::InProgress);
    let said = note(&mut ana, "replaced the motor");
    let signing = command::Signing {
        shown_sha256: crate::ids::Sha256Hash::of(b"report"),
        shown: vec![said],
        strokes_sha256: crate::ids::Sha256Hash::of(b"strokes"),
        signer: sealed("Ms Ito"),
    };
    let signature = ana.does(|ticket, author, stamp| command::sign(ticket, author, stamp, VISIT, signing)).id;
    assert_eq!(ana.state().signatures[0].standing, SignatureStanding::Stands);
    let edit = scene.desk(|ticket, author, stamp| {
        let edit = command::FieldEdit {
            path: "title".into(),
            seen: ticket.doc.core_fields().get("title").cloned(),
            to: Some(Scalar::Bytes(sealed("the lift door is stuck").as_bytes().to_vec())),
        };
        command::edit(ticket, author, stamp, edit).map(|(fact, _)| fact)
    });
    scene.sync(&mut ana);
    assert_eq!(scene.state().signatures[0].standing, SignatureStanding::NeedsNew(vec![edit.id]));
    assert_eq!(scene.state().reviews[&Flag::SignatureOutdated], BTreeSet::from([signature, edit.id]));
    ana.does(|ticket, author, stamp| {
        command::note(ticket, author, stamp, Some(VISIT), sealed("two motors"), Some(said))
    });
    let SignatureStanding::NeedsNew(changes) = &ana.state().signatures[0].standing else { panic!() };
    assert_eq!(changes.len(), 2);
    assert_eq!(ana.state().reviews[&Flag::SignatureOutdated].len(), 3, "the signature, and both");
}

#[test]
fn what_the_signer_had_seen_outdates_nothing() {
    let mut scene = Scene::new();
    scene.assign(ANA, GrantRole::Lead);
    scene.desk(|ticket, author, stamp| {
        let (seen, to) = (Some(Scalar::Int(2)), Some(Scalar::Int(1)));
        let edit = command::FieldEdit { path: "priority".into(), seen, to };
        command::edit(ticket, author, stamp, edit).map(|(fact, _)| fact)
    });
    let mut ana = scene.phone_of(ANA);
    ana.works(Status::InProgress);
    let first = note(&mut ana, "one motor");
    let said = ana.does(|ticket, author, stamp| {
        command::note(ticket, author, stamp, Some(VISIT), sealed("two motors"), Some(first))
    });
    let signing = command::Signing {
        shown_sha256: crate::ids::Sha256Hash::of(b"report"),
        shown: vec![said.id],
        strokes_sha256: crate::ids::Sha256Hash::of(b"strokes"),
        signer: sealed("Ms Ito"),
    };
    ana.does(|ticket, author, stamp| command::sign(ticket, author, stamp, VISIT, signing));
    assert_eq!(ana.state().signatures[0].standing, SignatureStanding::Stands);
    assert_eq!(ana.state().reviews, BTreeMap::new());
}

#[test]
fn what_was_entered_is_listed_and_what_was_corrected_is_not() {
    let mut scene = Scene::new();
    scene.assign(ANA, GrantRole::Lead);
    let mut ana = scene.phone_of(ANA);
    ana.works(Status::InProgress);
    let (part, quantity) = (crate::ids::PartId(uuid::Uuid::nil()), crate::document::Quantity::new(1).unwrap());
    let wrong = note(&mut ana, "one motor");
    let right = ana
        .does(|ticket, author, stamp| command::note(ticket, author, stamp, Some(VISIT), sealed("two"), Some(wrong)))
        .id;
    let answer =
        ana.does(|ticket, author, stamp| command::answer(ticket, author, stamp, VISIT, "earth".into(), sealed("0.3")));
    let used =
        ana.does(|ticket, author, stamp| command::use_part(ticket, author, stamp, VISIT, (part, quantity), None));
    let requested = ana.does(|ticket, author, stamp| {
        command::request_part(ticket, author, stamp, Some(VISIT), (part, quantity), None)
    });
    let photo = ana.does(|ticket, author, stamp| {
        let (sha256, mime, role) = (crate::ids::Sha256Hash::of(b"photo"), "image/jpeg".into(), "after".into());
        let photo = command::Attachment { sha256, size: 5, mime, role, step: None };
        command::attach(ticket, author, stamp, Some(VISIT), photo)
    });
    let labour = ana.does(|ticket, author, stamp| {
        let at = |minute: i64| crate::time::DeviceTime(NOON - 60_000 * minute);
        command::record_labour(ticket, author, stamp, VISIT, at(60), at(30))
    });
    let entries = ana.state().entries;
    assert_eq!((entries.notes, entries.answers), (vec![right], [("earth".to_owned(), vec![answer.id])].into()));
    assert_eq!((entries.parts_used, entries.part_requests), (vec![used.id], vec![requested.id]));
    assert_eq!((entries.evidence, entries.unknown), (vec![photo.id], vec![]));
    let by_hand = ana.state().labour.into_iter().find(|log| log.fact == labour.id).map(|log| (log.start.0, log.end));
    assert_eq!(by_hand, Some((NOON - 3_600_000, Some(crate::time::DeviceTime(NOON - 1_800_000)))));
}

#[test]
fn two_answers_to_one_step_are_both_kept() {
    let mut scene = Scene::new();
    scene.assign(ANA, GrantRole::Lead);
    scene.assign(BEN, GrantRole::Crew);
    let (mut ana, mut ben) = (scene.phone_of(ANA), scene.phone_of(BEN));
    let answer = |phone: &mut Phone, value| {
        phone
            .does(|ticket, author, stamp| command::answer(ticket, author, stamp, VISIT, "earth".into(), sealed(value)))
            .id
    };
    let first = answer(&mut ana, "1 ohm");
    let better = answer(&mut ana, "2 ohm");
    let other = answer(&mut ben, "30 ohm");
    assert_eq!(ana.state().entries.answers["earth"], [better]);
    scene.sync(&mut ben);
    scene.sync(&mut ana);
    scene.sync(&mut ben);
    assert_eq!(scene.state().entries.answers["earth"], [other, better]);
    assert!(scene.server.fact(first).is_some());
    let last = answer(&mut ben, "3 ohm");
    assert_eq!(ben.state().entries.answers["earth"], [last]);
}

#[test]
fn what_an_older_server_did_not_understand_is_not_listed_among_what_counts() {
    let mut scene = Scene::new();
    scene.assign(ANA, GrantRole::Lead);
    let mut ana = scene.phone_of(ANA);
    ana.works(Status::Accepted);
    let said = note(&mut ana, "a kind that it did not know");
    scene.server.apply_admitted(ana.doc.changes_since(&scene.server.heads())).unwrap();
    let (received, effect) = (scene.now, Effect { status: Status::Accepted, flags: [].into(), window: None });
    let admit = |edit: &mut ServerEdit<'_>| {
        let n = edit.next_n();
        edit.admit(said, &Admission { n, verdict: Verdict::Inert, effect, received })
    };
    scene.server.server_edit::<DocumentError>(server_actor(), admit).unwrap();
    assert_eq!(scene.state().entries, Entries::default());
}
