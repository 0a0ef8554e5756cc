//! Who had seen what, and what follows from it for where a ticket stands.

use super::*;

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
