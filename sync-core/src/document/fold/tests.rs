//! The stories of `concurrency`, told with a server and phones.

use super::*;
use crate::command;
use crate::document::admission::WindowEffect;
use crate::document::{DocumentError, Effect, GrantRole, Scalar, ServerEdit, Side};
use crate::testing::{ANA, BEN, NOON, Phone, Scene, VISIT, sealed, server_actor};
use crate::time::{ServerTime, TimeWindow};
use crate::workflow::{MoveRule, Party};

fn note(phone: &mut Phone, text: &str) -> FactId {
    phone.does(|ticket, author, stamp| command::note(ticket, author, stamp, Some(VISIT), sealed(text), None)).id
}

#[test]
fn a_ticket_goes_from_created_to_closed() {
    let mut scene = Scene::new();
    assert_eq!(scene.status(), Status::Created);
    scene.assign(ANA, GrantRole::Lead);
    assert_eq!(scene.status(), Status::Assigned);
    let mut ana = scene.phone_of(ANA);
    for status in [Status::Accepted, Status::EnRoute, Status::OnSite, Status::InProgress] {
        let mut ana = scene.phone_of(ANA);
        ana.works(status);
        assert_eq!((ana.state().status, ana.state().visits[&VISIT].status), (status, status));
    }
    ana.works(Status::InProgress);
    assert_eq!(ana.state().pending, 4);
    assert!(ana.state().visits[&VISIT].crew[0].is_present);
    ana.completes();
    assert!(!ana.state().visits[&VISIT].crew[0].is_present);
    scene.sync(&mut ana);
    assert_eq!((scene.status(), ana.state().status, ana.state().pending), (Status::Done, Status::Done, 0));
    scene.desk(command::verify);
    assert_eq!(scene.status(), Status::Verified);
    scene.desk(command::close);
    assert_eq!((scene.status(), scene.flags()), (Status::Closed, vec![]));
    scene.desk(|ticket, author, stamp| command::reopen(ticket, author, stamp, None, "again".into()));
    assert_eq!(scene.status(), Status::Assigned);
}

#[test]
fn done_offline_stands_though_the_desk_cancelled() {
    let mut scene = Scene::new();
    scene.assign(ANA, GrantRole::Lead);
    let mut ana = scene.phone_of(ANA);
    ana.works(Status::InProgress);
    let done = ana.completes().id;
    let cancel = scene.desk(|ticket, author, stamp| command::cancel(ticket, author, stamp, None, "wrong".into())).id;
    assert_eq!(scene.status(), Status::Cancelled);
    scene.sync(&mut ana);
    assert_eq!(scene.status(), Status::Done);
    assert_eq!(scene.state().reviews[&Flag::DoneThoughCancelled], BTreeSet::from([done, cancel]));
    assert!(scene.server.admissions()[&done].effect.flags.contains(&Flag::DoneThoughCancelled));
    assert!(scene.state().needs_review());
    scene.desk(command::verify);
    assert_eq!((scene.status(), scene.flags()), (Status::Verified, vec![]), "a decision settles the review");
    assert!(!scene.state().needs_review());
}

#[test]
fn cancelled_beats_an_engineer_on_the_way_but_not_one_on_site() {
    for (until, expected, flag) in [
        (Status::Accepted, Status::Cancelled, Flag::TurnBack),
        (Status::EnRoute, Status::Cancelled, Flag::TurnBack),
        (Status::OnSite, Status::OnSite, Flag::WorkedThoughCancelled),
        (Status::InProgress, Status::InProgress, Flag::WorkedThoughCancelled),
    ] {
        let mut scene = Scene::new();
        scene.assign(ANA, GrantRole::Lead);
        let mut ana = scene.phone_of(ANA);
        ana.works(until);
        scene.desk(|ticket, author, stamp| command::cancel(ticket, author, stamp, None, "wrong".into()));
        scene.sync(&mut ana);
        assert_eq!(scene.status(), expected, "{until}");
        assert_eq!(scene.flags(), [flag], "{until}");
        if expected != Status::Cancelled {
            ana.does(|ticket, author, stamp| command::check_out(ticket, author, stamp, VISIT));
            assert_eq!(ana.state().status, Status::Cancelled, "who leaves in sight of it leaves a cancelled visit");
        }
    }
}

#[test]
fn a_cancellation_in_sight_of_the_work_simply_stands() {
    let mut scene = Scene::new();
    scene.assign(ANA, GrantRole::Lead);
    let mut ana = scene.phone_of(ANA);
    ana.works(Status::InProgress);
    scene.sync(&mut ana);
    scene.desk(|ticket, author, stamp| command::cancel(ticket, author, stamp, None, "budget".into()));
    assert_eq!((scene.status(), scene.flags()), (Status::Cancelled, vec![]));
    assert!(scene.state().visits[&VISIT].crew[0].is_present, "he is still there, and can still leave");
    scene.sync(&mut ana);
    ana.does(|ticket, author, stamp| command::check_out(ticket, author, stamp, VISIT));
    scene.sync(&mut ana);
    assert_eq!((scene.status(), scene.flags()), (Status::Cancelled, vec![]));
}

#[test]
fn whoever_checked_in_stays_though_the_visit_was_given_to_another() {
    let mut scene = Scene::new();
    let to_ana = scene.assign(ANA, GrantRole::Lead);
    let mut ana = scene.phone_of(ANA);
    ana.works(Status::OnSite);
    scene.unassign(to_ana);
    let to_ben = scene.assign(BEN, GrantRole::Lead);
    scene.sync(&mut ana);
    let state = scene.state();
    assert_eq!(state.status, Status::OnSite);
    assert!(state.reviews.contains_key(&Flag::ReassignedOnSite));
    assert_eq!(state.member(to_ana).map(|ana| (ana.status, ana.is_present)), Some((Status::OnSite, true)));
    assert_eq!(state.member(to_ben).map(|ben| (ben.status, ben.is_present)), Some((Status::Assigned, false)));
    assert_eq!(state.present().collect::<Vec<_>>(), [ANA]);
    assert_eq!(state.visits[&VISIT].engineers().count(), 2);

    // Ana knows by now, and may finish what she does there until she leaves.
    note(&mut ana, "handed over");
    ana.does(|ticket, author, stamp| command::check_out(ticket, author, stamp, VISIT));
    scene.sync(&mut ana);
    assert_eq!(scene.status(), Status::Assigned, "now it is Ben's turn");
    assert_eq!(scene.state().visits[&VISIT].engineers().map(|member| member.user).collect::<Vec<_>>(), [BEN]);
    let late = ana.tries(|ticket, author, stamp| command::check_in(ticket, author, stamp, VISIT));
    assert_eq!(late, Err(command::Refusal::Denied(crate::policy::Rule::NotAssigned)));
}

#[test]
fn a_reassigned_engineer_on_the_way_is_told_to_turn_back() {
    let mut scene = Scene::new();
    let to_ana = scene.assign(ANA, GrantRole::Lead);
    let mut ana = scene.phone_of(ANA);
    ana.works(Status::EnRoute);
    scene.unassign(to_ana);
    scene.assign(BEN, GrantRole::Lead);
    scene.sync(&mut ana);
    assert_eq!((scene.status(), scene.flags()), (Status::Assigned, vec![Flag::TurnBack, Flag::GrantEnded]));
}

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
fn start_moved_on_the_phone_and_end_moved_at_the_desk_both_stay() {
    let mut scene = Scene::new();
    scene.assign(ANA, GrantRole::Lead);
    let mut ana = scene.phone_of(ANA);
    let (start, end) = (ServerTime(NOON + 600_000), ServerTime(NOON + 7_200_000));
    let wish =
        ana.does(|ticket, author, stamp| command::reschedule(ticket, author, stamp, VISIT, (Some(start), None))).id;
    let wished = TimeWindow::new(start, ServerTime(NOON + 3_600_000)).unwrap();
    assert_eq!(ana.state().visits[&VISIT].window, Some(wished), "until admitted it shows for its author");
    scene.desk(|ticket, author, stamp| {
        let path = crate::document::core::path::visit_end(VISIT);
        let edit = command::FieldEdit { path, seen: Some(Scalar::Int(NOON + 3_600_000)), to: Some(Scalar::Int(end.0)) };
        command::edit(ticket, author, stamp, edit).map(|(fact, flag)| {
            assert_eq!(flag, None);
            fact
        })
    });
    scene.sync(&mut ana);
    let both = TimeWindow::new(start, end).unwrap();
    assert_eq!(scene.state().visits[&VISIT].window, Some(both));
    assert_eq!(ana.state().visits[&VISIT].window, Some(both));
    assert_eq!(scene.server.admissions()[&wish].effect.window, Some(WindowEffect::Applied));
}

#[test]
fn a_side_that_changed_meanwhile_keeps_the_wish_aside() {
    let (was, now) = (ServerTime(10), ServerTime(20));
    let window = TimeWindow::new(now, ServerTime(100)).ok();
    let wish = |seen, to| Some(Side { seen, to: ServerTime(to) });
    assert_eq!(reschedule(window, wish(Some(was), 30), None), Err(WindowEffect::Stale));
    assert_eq!(reschedule(window, wish(Some(now), 300), None), Err(WindowEffect::Backwards));
    assert_eq!(reschedule(None, wish(None, 30), None), Err(WindowEffect::Backwards));
    assert_eq!(
        reschedule(None, wish(None, 30), wish(None, 40)),
        Ok(TimeWindow::new(ServerTime(30), ServerTime(40)).unwrap())
    );
    assert_eq!(reschedule(window, wish(Some(was), 20), None), Ok(window.unwrap()), "both wanted the same");
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
fn a_crew_works_side_by_side_and_the_lead_ends_the_visit() {
    let mut scene = Scene::new();
    scene.assign(ANA, GrantRole::Lead);
    let (mut ana, to_ben) = (scene.phone_of(ANA), scene.assign(BEN, GrantRole::Crew));
    let mut ben = scene.phone_of(BEN);
    ana.works(Status::InProgress);
    scene.sync(&mut ana);
    ben.works(Status::Accepted);
    scene.sync(&mut ben);
    assert_eq!(scene.status(), Status::InProgress, "Ben's accepting takes nothing from Ana's work");
    assert_eq!(scene.state().member(to_ben).map(|ben| ben.status), Some(Status::Accepted));
    ben.does(|ticket, author, stamp| command::check_in(ticket, author, stamp, VISIT));
    ana.completes();
    scene.sync(&mut ben);
    scene.sync(&mut ana);
    assert_eq!((scene.status(), scene.flags()), (Status::Done, vec![Flag::StillWorking]));
    assert!(scene.state().member(to_ben).is_some_and(|ben| ben.is_present));
    scene.sync(&mut ben);
    ben.does(|ticket, author, stamp| command::check_out(ticket, author, stamp, VISIT));
    scene.sync(&mut ben);
    assert_eq!(scene.status(), Status::Done);
}

#[test]
fn an_inert_fact_changes_nothing_but_still_links_what_surrounds_it() {
    let mut scene = Scene::new();
    scene.assign(ANA, GrantRole::Lead);
    let mut ana = scene.phone_of(ANA);
    ana.works(Status::Accepted);
    let strange = ana.does(|ticket, author, stamp| {
        command::depart(ticket, author, stamp, VISIT).map(|fact| Fact {
            body: FactBody::Unknown { kind: "hologram".into(), fields: [("x".to_owned(), Scalar::Int(1))].into() },
            ..fact
        })
    });
    ana.does(|ticket, author, stamp| command::depart(ticket, author, stamp, VISIT));
    scene.sync(&mut ana);
    assert_eq!(scene.server.admissions()[&strange.id].verdict, Verdict::Inert);
    assert_eq!(scene.server.fact(strange.id), Some(&strange));
    assert_eq!((scene.status(), scene.state().entries.unknown), (Status::EnRoute, vec![strange.id]));
}

#[test]
fn a_visit_cancelled_by_itself_is_not_reopened_with_its_ticket() {
    let mut scene = Scene::new();
    let cancel = |scene: &mut Scene, visit| {
        scene.desk(|ticket, author, stamp| command::cancel(ticket, author, stamp, visit, "wrong".into()));
    };
    let reopen = |scene: &mut Scene, visit| {
        scene.desk(|ticket, author, stamp| command::reopen(ticket, author, stamp, visit, "again".into()));
    };
    cancel(&mut scene, Some(VISIT));
    assert_eq!(scene.status(), Status::Created, "the ticket needs another visit");
    cancel(&mut scene, None);
    assert_eq!(scene.status(), Status::Cancelled);
    assert_eq!(scene.flags(), [], "to call off what is off already is nothing to look at");
    reopen(&mut scene, None);
    assert_eq!((scene.status(), scene.state().visits[&VISIT].status), (Status::Created, Status::Cancelled));
    reopen(&mut scene, Some(VISIT));
    assert_eq!(scene.state().visits[&VISIT].status, Status::Created);
}

#[test]
fn who_is_given_a_visit_that_is_done_does_not_open_it_again() {
    let mut scene = Scene::new();
    let (from, to) = (vec![Status::Done], Status::Assigned);
    let (by, needs) = (vec![Party::Dispatcher], Vec::new());
    scene.workflow.rules.push(MoveRule { verb: Move::Assign, from, to, by, needs });
    scene.assign(ANA, GrantRole::Lead);
    let mut ana = scene.phone_of(ANA);
    ana.works(Status::InProgress);
    ana.completes();
    scene.sync(&mut ana);
    let to_ben = scene.assign(BEN, GrantRole::Crew);
    assert_eq!((scene.status(), scene.flags()), (Status::Done, vec![]));
    assert_eq!(scene.state().member(to_ben).map(|ben| ben.status), Some(Status::Done));
}

#[test]
fn a_decision_in_sight_of_one_of_two_settles_nothing() {
    let mut scene = Scene::new();
    scene.assign(ANA, GrantRole::Lead);
    let mut ana = scene.phone_of(ANA);
    ana.works(Status::InProgress);
    ana.completes();
    scene.desk(|ticket, author, stamp| command::cancel(ticket, author, stamp, None, "wrong".into()));
    scene.desk(|ticket, author, stamp| command::reopen(ticket, author, stamp, None, "right".into()));
    scene.sync(&mut ana);
    assert!(scene.flags().contains(&Flag::DoneThoughCancelled), "{:?}", scene.flags());
}

#[test]
fn a_server_that_knows_more_says_where_the_ticket_stands_until_somebody_moves_it() {
    let mut scene = Scene::new();
    scene.assign(ANA, GrantRole::Lead);
    let mut ana = scene.phone_of(ANA);
    let strange = ana.does(|ticket, author, stamp| {
        command::accept(ticket, author, stamp, VISIT)
            .map(|fact| Fact { body: FactBody::Unknown { kind: "hologram".into(), fields: [].into() }, ..fact })
    });
    assert_eq!(ana.state().status, Status::Assigned);
    scene.server.apply_admitted(ana.doc.changes_since(&scene.server.heads())).unwrap();
    let (received, effect) = (scene.now, Effect { status: Status::Paused, flags: [].into(), window: None });
    let admit = |edit: &mut ServerEdit<'_>| {
        let n = edit.next_n();
        edit.admit(strange.id, &Admission { n, verdict: Verdict::Allowed, effect, received })
    };
    scene.server.server_edit::<DocumentError>(server_actor(), admit).unwrap();
    assert_eq!(scene.status(), Status::Paused);
    scene.sync(&mut ana);
    assert_eq!(ana.state().status, Status::Paused);
    ana.works(Status::Accepted);
    assert_eq!(ana.state().status, Status::Accepted);
}

#[test]
fn what_one_engineer_did_is_not_outdone_by_another() {
    let mut scene = Scene::new();
    scene.assign(BEN, GrantRole::Lead);
    scene.assign(ANA, GrantRole::Crew);
    let (mut ana, mut ben) = (scene.phone_of(ANA), scene.phone_of(BEN));
    ana.works(Status::InProgress);
    let known: BTreeSet<FactId> = ben.doc.facts().map(|fact| fact.id).collect();
    let hers: Vec<Fact> = ana.doc.facts().filter(|fact| !known.contains(&fact.id)).cloned().collect();
    hers.iter().for_each(|fact| ben.hears(fact));
    ben.works(Status::InProgress);
    ben.completes();
    let cancel = scene.desk(|ticket, author, stamp| command::cancel(ticket, author, stamp, None, "wrong".into()));
    ben.hears(&cancel);
    let started = hers.iter().find(|fact| matches!(fact.body, FactBody::Start {})).unwrap();
    assert!(ben.state().reviews[&Flag::WorkedThoughCancelled].contains(&started.id));
}

#[test]
fn who_is_expected_when_stands_in_the_assignment_itself() {
    let mut scene = Scene::new();
    let grant = crate::ids::GrantId(uuid::Uuid::from_u128(0x77));
    let slot = TimeWindow::new(ServerTime(NOON + 60_000), ServerTime(NOON + 120_000)).unwrap();
    // Its record has not arrived yet.
    scene.desk(|ticket, author, stamp| command::assign(ticket, author, stamp, VISIT, (grant, BEN), Some(slot)));
    let state = scene.state();
    let member = state.member(grant).unwrap();
    assert_eq!((member.user, member.slot, member.role), (BEN, Some(slot), None));
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

#[test]
fn who_had_seen_what_is_known_of_long_tickets_too() {
    let mut scene = Scene::new();
    scene.assign(BEN, GrantRole::Lead);
    scene.assign(ANA, GrantRole::Crew);
    let (mut ana, mut ben) = (scene.phone_of(ANA), scene.phone_of(BEN));
    for phone in [&mut ana, &mut ben] {
        for _ in 0..70 {
            note(phone, "one of many");
        }
    }
    scene.sync(&mut ana);
    scene.sync(&mut ben);
    scene.sync(&mut ana);
    note(&mut ana, "in sight of all");
    scene.sync(&mut ana);
    let mut facts: Vec<&Fact> = scene.server.facts().collect();
    facts.sort_by_key(|fact| fact.id);
    let order = Order::of(&facts, |_| true);
    let mut past: Vec<BTreeSet<FactId>> = Vec::new();
    let place = |id: FactId| order.all().find(|(_, fact)| fact.id == id).unwrap().0;
    for (_, fact) in order.all() {
        let seen = fact.after.iter().flat_map(|id| past[place(*id)].iter().copied().chain([*id]));
        past.push(seen.collect());
    }
    assert_eq!((facts.len(), past.last().map(BTreeSet::len)), (143, Some(142)));
    for (later, _) in order.all() {
        for (earlier, fact) in order.all() {
            assert_eq!(order.precedes(earlier, later), past[later].contains(&fact.id), "{earlier} {later}");
        }
    }
}
