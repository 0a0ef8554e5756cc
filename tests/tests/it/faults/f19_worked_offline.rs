//! F19: a ticket is given to another or called off while it is worked offline: the work is kept and seen, what was used is
//! used, and both sides are told.

use callout_tests::TestApp;
use callout_tests::phone::Deed;
use sync_core::ids::PartId;
use uuid::Uuid;

use crate::offline::{flags, kinds, scene};

#[tokio::test]
async fn f19_done_offline_and_cancelled_at_the_desk_is_done_and_somebody_looks() {
    let app = TestApp::start().await;
    let (desk, _ana, mut phone, visit) = scene(&app).await;
    phone.offline().work(visit.id);
    desk.cancel(visit).await;
    assert_eq!(desk.ticket(visit).await["status"], "cancelled");

    phone.online().await;
    let ticket = desk.ticket(visit).await;
    assert_eq!(ticket["status"], "done", "facts beat plans");
    assert_eq!(ticket["needs_review"], true);
    assert!(flags(&ticket).contains(&"done_though_cancelled"), "{:?}", flags(&ticket));
    assert!(kinds(&ticket).contains(&"cancel"), "what the desk said is kept");
    assert!(phone.drafts().is_empty(), "nothing of hers was refused");
    app.expect_nothing_lost(&[&phone]).await;
}

#[tokio::test]
async fn f19_an_engineer_reassigned_while_offline_really_was_there() {
    let app = TestApp::start().await;
    let (desk, _ana, mut phone, visit) = scene(&app).await;
    let ben = app.engineer("ben").await;
    let _ = desk.new_visit().assigned_to(&ben).save().await;
    phone.offline();
    for deed in [Deed::Accept, Deed::Depart, Deed::CheckIn] {
        phone.attempt(visit.id, deed).unwrap();
    }
    let assignment = desk.assignment_of(visit).await;
    desk.reassign(assignment, &ben).await;

    phone.online().await;
    let ticket = desk.ticket(visit).await;
    assert!(kinds(&ticket).contains(&"check_in"));
    assert!(flags(&ticket).contains(&"reassigned_on_site"), "{:?}", flags(&ticket));
    let admitted = ticket["timeline"].as_array().unwrap().iter().filter(|fact| fact["kind"] == "check_in");
    assert!(admitted.clone().all(|fact| fact["verdict"] == "flagged"), "under a grant that had ended");
    assert_eq!(admitted.count(), 1);
    let mut bens = ben.phone().await;
    bens.online().await;
    assert!(bens.ticket_of(visit.id).is_some(), "the visit is Ben's now");
    app.expect_nothing_lost(&[&phone, &bens]).await;
}

#[tokio::test]
async fn f19_parts_used_on_a_ticket_that_was_called_off_are_used_and_everybody_is_told() {
    let app = TestApp::start().await;
    for what in ["cancelled", "reassigned"] {
        let (desk, ana) = (app.dispatcher(&format!("dora-{what}")).await, app.engineer(&format!("ana-{what}")).await);
        let ben = app.engineer(&format!("ben-{what}")).await;
        let visit = desk.new_visit().assigned_to(&ana).save().await;
        let mut phone = ana.phone().await;
        phone.online().await.offline();
        for deed in [Deed::Accept, Deed::Depart, Deed::CheckIn, Deed::Start] {
            phone.attempt(visit.id, deed).unwrap();
        }
        let part = PartId(Uuid::now_v7());
        phone.attempt(visit.id, Deed::UsePart { part, quantity: 2_000 }).unwrap();
        phone.note(visit.id, "left the valve open");
        match what {
            "cancelled" => desk.cancel(visit).await,
            _ => drop(desk.reassign(desk.assignment_of(visit).await, &ben).await),
        }
        phone.online().await;
        let ticket = desk.ticket(visit).await;
        for said in ["check_in", "part_used", "note"] {
            assert!(kinds(&ticket).contains(&said), "{what}: {said} is kept: {:?}", kinds(&ticket));
        }
        assert_eq!(ticket["needs_review"], true, "{what}: a dispatcher is told: {:?}", flags(&ticket));
        let mut database = app.database().superuser().await;
        let used: i64 = sqlx::query_scalar("select sum(quantity)::bigint from part_use where part_id = $1")
            .bind(part.0)
            .fetch_one(&mut database)
            .await
            .unwrap();
        assert_eq!(used, 2_000, "{what}");
        assert!(phone.drafts().is_empty(), "nothing of hers was refused");
        // And she is told: the next sync shows her the ticket as the desk left it, or takes it off her list.
        app.settle().await;
        phone.online().await;
        let hers = phone.tickets().find(|one| one.ticket == visit.ticket).map(|one| one.status);
        match what {
            "cancelled" => assert!(hers.is_some_and(|status| status.as_str() == ticket["status"])),
            _ => {
                let mut bens = ben.phone().await;
                bens.online().await;
                let notes = bens.look(visit.ticket, |sight| sight.ticket.doc.facts().count());
                assert_eq!(notes, ticket["timeline"].as_array().unwrap().len(), "he reads what she left him");
            }
        }
        app.expect_nothing_lost(&[&phone]).await;
    }
}
