use std::collections::BTreeMap;

use super::*;
use crate::document::{Flag, GrantRole, Scalar};
use crate::policy::GRACE_MS;
use crate::testing::{ANA, BEN, Scene, VISIT, dispatcher, sealed};
use crate::workflow::Party;

#[test]
fn a_wrong_tap_is_refused_on_the_spot() {
    let mut scene = Scene::new();
    let mut stranger = scene.phone_of(BEN);
    assert_eq!(
        stranger.tries(|ticket, author, stamp| accept(ticket, author, stamp, VISIT)),
        Err(Refusal::Denied(Rule::NotAssigned))
    );
    scene.assign(ANA, GrantRole::Lead);
    scene.assign(BEN, GrantRole::Crew);
    let (mut ana, mut ben) = (scene.phone_of(ANA), scene.phone_of(BEN));
    assert_eq!(
        ana.tries(|ticket, author, stamp| start(ticket, author, stamp, VISIT)),
        Err(Refusal::NotFrom { verb: Move::Start, status: Status::Assigned })
    );
    ana.works(Status::InProgress);
    assert_eq!(
        ana.tries(|ticket, author, stamp| complete(ticket, author, stamp, VISIT, "solved".into(), None)),
        Err(Refusal::Missing(vec![Need::Solution]))
    );
    assert_eq!(ana.tries(verify), Err(Refusal::Denied(Rule::DeskOnly)));
    ben.works(Status::InProgress);
    assert_eq!(
        ben.tries(|ticket, author, stamp| complete(ticket, author, stamp, VISIT, "solved".into(), Some(sealed("ok")))),
        Err(Refusal::Denied(Rule::LeadOnly))
    );
    assert_eq!(scene.try_desk(close), Err(Refusal::NotFrom { verb: Move::Close, status: Status::Assigned }));
}

#[test]
fn a_workflow_may_want_answers_evidence_and_a_superior() {
    let mut scene = Scene::new();
    for rule in &mut scene.workflow.rules {
        match rule.verb {
            Move::Verify => {
                rule.by = vec![Party::Admin];
                rule.needs = vec![
                    Need::Answer { step: "earth".into() },
                    Need::Evidence { role: "after".into(), at_least: 2 },
                    Need::Signature,
                ];
            }
            Move::Done => rule.from = vec![Status::Created, Status::Assigned],
            _ => {}
        }
    }
    scene.assign(ANA, GrantRole::Lead);
    scene.desk(|ticket, author, stamp| {
        complete(ticket, author, stamp, VISIT, "solved".into(), Some(sealed("by telephone")))
    });
    assert_eq!(scene.try_desk(verify), Err(Refusal::NotByYou { verb: Move::Verify }));
    let admin = Author { role: Role::Admin, ..dispatcher() };
    let wanted = scene.try_desk(|ticket, _, stamp| verify(ticket, &admin, stamp));
    assert!(matches!(wanted, Err(Refusal::Missing(needs)) if needs.len() == 3));
}

#[test]
fn an_engineer_reassigned_underground_really_did_check_in_for_two_weeks() {
    let mut scene = Scene::new();
    let grant = scene.assign(ANA, GrantRole::Lead);
    let mut ana = scene.phone_of(ANA);
    ana.works(Status::EnRoute);
    let ended_at = scene.now;
    scene.unassign(grant);
    let fact = ana.tries(|ticket, author, stamp| check_in(ticket, author, stamp, VISIT)).unwrap();
    for (later, expected) in [(GRACE_MS, Ok(())), (GRACE_MS + 1, Err(Refusal::Denied(Rule::GraceOver)))] {
        let mut at_server = scene.server.clone();
        at_server.apply_admitted(ana.doc.changes_since(&[])).unwrap();
        let view = TicketView::new(&at_server, &scene.workflow, ServerTime(ended_at.0 + later));
        assert_eq!(check(&view, &ana.author, &fact), expected);
    }
}

#[test]
fn work_that_followed_something_refused_is_done_again_with_the_same_id() {
    let mut scene = Scene::new();
    scene.assign(ANA, GrantRole::Lead);
    let mut ana = scene.phone_of(ANA);
    let accepted = ana.does(|ticket, author, stamp| accept(ticket, author, stamp, VISIT));
    let refused = ana.does(|ticket, author, stamp| note(ticket, author, stamp, None, sealed("refused"), None));
    let departed = ana.does(|ticket, author, stamp| depart(ticket, author, stamp, VISIT));
    let arrived = ana.does(|ticket, author, stamp| check_in(ticket, author, stamp, VISIT));
    // Meanwhile the desk cancels; the replayed work has still not seen that.
    scene.desk(|ticket, author, stamp| cancel(ticket, author, stamp, None, "wrong".into()));

    let instead = BTreeMap::from([(refused.id, refused.after.clone())]);
    let mut newer = scene.phone_of(ANA);
    for fact in [accepted.clone(), departed.clone(), arrived.clone()] {
        let again = newer.does(|ticket, author, _| redo(fact.clone(), &instead, ticket, author));
        assert_eq!((again.id, again.content_hash()), (fact.id, fact.content_hash()));
    }
    assert_eq!(newer.doc.fact(departed.id).unwrap().after, [accepted.id]);
    assert_eq!(newer.doc.fact(arrived.id).unwrap().after, [departed.id]);
    assert_eq!(newer.state().status, Status::OnSite);
    assert!(newer.state().reviews.contains_key(&Flag::WorkedThoughCancelled));

    let twice = newer.tries(|ticket, author, _| redo(arrived.clone(), &instead, ticket, author));
    assert_eq!(twice, Err(Refusal::AlreadyThere(arrived.id.0)));
    let nowhere = newer.tries(|ticket, author, stamp| {
        redo(Fact { id: stamp.id, after: vec![refused.id], ..departed.clone() }, &BTreeMap::new(), ticket, author)
    });
    assert_eq!(nowhere, Err(Refusal::NotThere(refused.id.0)));
}

#[test]
fn desk_edits_of_different_fields_apply_and_of_the_same_field_keep_the_loser() {
    let mut scene = Scene::new();
    let priority =
        |seen, to| FieldEdit { path: "priority".into(), seen: Some(Scalar::Int(seen)), to: Some(Scalar::Int(to)) };
    scene.desk(|ticket, author, stamp| edit(ticket, author, stamp, priority(2, 1)).map(|(fact, _)| fact));
    assert_eq!(scene.server.core().priority, 1);
    let fact = scene.desk(|ticket, author, stamp| {
        let (fact, flag) = edit(ticket, author, stamp, priority(2, 4))?;
        assert_eq!(flag, Some(Flag::EditedTwice), "the other editor had seen 2 as well");
        Ok(fact)
    });
    assert_eq!(scene.server.core().priority, 4);
    let kept = FactBody::DeskEdit { path: "priority".into(), old: Some(Scalar::Int(1)), new: Some(Scalar::Int(4)) };
    assert_eq!(fact.body, kept);
    let same =
        scene.try_desk(|ticket, author, stamp| edit(ticket, author, stamp, priority(4, 4)).map(|(fact, _)| fact));
    assert_eq!(same, Err(Refusal::NoChange));
}

#[test]
fn several_desk_commands_in_one_change_follow_each_other() {
    let mut scene = Scene::new();
    let grant = scene.assign(ANA, GrantRole::Lead);
    let view = TicketView::new(&scene.server, &scene.workflow, scene.now);
    let stamps = [1, 2].map(|n| crate::testing::stamp(scene.now.0 + 1_000, 500 + n));
    let [first, second] = stamps;
    let taken = unassign(&view, &dispatcher(), first, grant).unwrap();
    let view = view.with(&taken);
    assert_eq!(view.state.status, Status::Created);
    let given = assign(&view, &dispatcher(), second, VISIT, (GrantId(uuid::Uuid::from_u128(77)), BEN), None).unwrap();
    assert_eq!(given.after, [taken.id]);
    assert_eq!(view.with(&given).state.status, Status::Assigned);
}

#[test]
fn after_the_end_notes_still_come_in_and_work_does_not() {
    let mut scene = Scene::new();
    scene.assign(ANA, GrantRole::Lead);
    scene.desk(|ticket, author, stamp| cancel(ticket, author, stamp, None, "wrong".into()));
    let mut ana = scene.phone_of(ANA);
    ana.does(|ticket, author, stamp| note(ticket, author, stamp, Some(VISIT), sealed("was there anyway"), None));
    let used = ana.tries(|ticket, author, stamp| answer(ticket, author, stamp, VISIT, "earth".into(), sealed("1 ohm")));
    assert_eq!(used, Err(Refusal::Ended(Status::Cancelled)));
    let arrived = ana.tries(|ticket, author, stamp| check_in(ticket, author, stamp, VISIT));
    assert_eq!(arrived, Err(Refusal::NotFrom { verb: Move::CheckIn, status: Status::Cancelled }));
}
