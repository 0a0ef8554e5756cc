//! The stories of `concurrency`, told with a server and phones.

use super::*;

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
