//! The server's database is lost and a backup of it takes over: what left the backup's sight comes back from the phones.

use callout_tests::{Phone, TestApp};
use chrono::Duration;
use serde_json::{Value, json};

fn kinds(ticket: &Value) -> Vec<String> {
    let timeline = ticket["timeline"].as_array().expect("a timeline").iter();
    timeline.map(|fact| fact["kind"].as_str().expect("a kind").to_owned()).collect()
}

#[tokio::test]
async fn a_server_restored_from_a_backup_gets_back_from_the_phones_what_it_had_acknowledged() {
    let app = TestApp::start().await;
    let (desk, ana) = (app.dispatcher("dora").await, app.engineer("ana").await);
    let visit = desk.new_visit().assigned_to(&ana).save().await;
    let mut phone = ana.phone().await;
    phone.online().await;
    phone.accept(visit.id);
    phone.online().await;

    let (app, backup) = app.back_up().await;
    let unknown = desk.new_visit().assigned_to(&ana).save().await;
    app.settle().await;
    phone.online().await;
    phone.depart(visit.id);
    phone.note(visit.id, "after the backup");
    phone.photograph(visit.id, b"a photo");
    phone.accept(unknown.id);
    phone.note(unknown.id, "of a ticket that the backup does not know");
    phone.online().await;
    assert_eq!((phone.status().unsent, phone.drafts().len()), (0, 0), "all of it is acknowledged");
    phone.offline().note(visit.id, "never sent");

    let app = app.restore(backup).await;
    assert_eq!(kinds(&desk.ticket(visit).await), ["assign", "accept"], "the backup is older");
    phone.online().await;
    app.relayed().await;
    phone.online().await;

    let ticket = desk.ticket(visit).await;
    let mut said = kinds(&ticket);
    said.sort_unstable();
    assert!(ticket["evidence"][0]["is_stored"] == true, "the bytes were in no backup and are not lost: {ticket}");
    assert_eq!(said, ["accept", "assign", "blob", "depart", "note", "note"]);
    assert_eq!(phone.status().unsent, 0);

    // The whole ticket that the backup did not know was on the phone that worked on it.
    let mut said = kinds(&desk.ticket(unknown).await);
    said.sort_unstable();
    assert_eq!(said, ["accept", "assign", "note"]);
    assert!(desk.quarantine().await.is_empty() && phone.drafts().is_empty());
    app.expect_nothing_lost(&[&phone]).await;

    // A phone that comes later finds the same.
    let mut later: Phone = ana.phone().await;
    later.online().await;
    let heads = |phone: &mut Phone| phone.look(visit.ticket, |sight| sight.ticket.doc.heads());
    assert_eq!(heads(&mut later), heads(&mut phone));
}

/// What a person at the desk reads of a ticket, without when the present server wrote it down, and without the site,
/// which is no part of the ticket and comes from no phone.
fn read_by_the_desk(mut ticket: Value) -> Value {
    for written in ["version", "updated_at", "created_at", "needs_location", "position"] {
        ticket.as_object_mut().expect("a ticket").remove(written);
    }
    let timeline = ticket["timeline"].as_array_mut().expect("a timeline");
    timeline.sort_by_key(|fact| fact["fact_id"].to_string());
    ticket
}

/// When the assignment of a ticket's visit that holds is planned to begin.
fn starts_at(ticket: &Value) -> Value {
    let mut timeline = ticket["timeline"].as_array().expect("a timeline").iter();
    let assigned = timeline.rfind(|fact| fact["kind"] == "assign").expect("an assignment");
    let start = assigned["body"]["start"].as_i64().expect("a start");
    json!(chrono::DateTime::from_timestamp_millis(start).expect("a time"))
}

#[tokio::test]
async fn what_the_desk_did_after_the_backup_comes_back_from_the_phones_that_had_seen_it() {
    let app = TestApp::start().await;
    let (desk, ana, bo) = (app.dispatcher("dora").await, app.engineer("ana").await, app.engineer("bo").await);
    let morning = app.clock().now() + Duration::days(1);
    let old = desk.new_visit().between(morning, morning + Duration::hours(1)).assigned_to(&ana).save().await;
    desk.new_visit().assigned_to(&bo).save().await;
    let mut phones = [ana.phone().await, bo.phone().await];
    for phone in &mut phones {
        phone.online().await;
    }

    let (app, backup) = app.back_up().await;
    desk.edit(old, "priority", json!(3), json!(1)).await;
    desk.edit(old, "title", desk.ticket(old).await["title"].clone(), json!("no water on the third floor")).await;
    let taken_back = desk.assignment_of(old).await;
    desk.reassign(taken_back, &bo).await;
    let afternoon = morning + Duration::hours(6);
    let new = desk.new_visit().between(afternoon, afternoon + Duration::hours(2)).assigned_to(&bo).save().await;
    app.settle().await;
    let [ana_s, bo_s] = &mut phones;
    bo_s.online().await;
    bo_s.accept(new.id);
    bo_s.online().await;
    app.settle().await;
    bo_s.online().await;
    ana_s.online().await;
    let before = [desk.ticket(old).await, desk.ticket(new).await];

    let app = app.restore(backup).await;
    assert_eq!(desk.ticket(old).await["priority"], 3, "the backup is older");
    for phone in &mut phones {
        phone.online().await;
        app.settle().await;
        phone.online().await;
    }
    app.relayed().await;
    let after = [desk.ticket(old).await, desk.ticket(new).await];
    assert_eq!(after.map(read_by_the_desk), before.clone().map(read_by_the_desk));
    app.expect_nothing_lost(&phones.each_ref()).await;

    let kept = app.projections().await;
    app.rebuild_projections().await;
    assert_eq!(app.projections().await, kept, "the tables are what the changes come to");

    // Bo's afternoon is booked again.
    let clash = desk.new_visit().between(afternoon, afternoon + Duration::hours(2)).save().await;
    let body = json!({ "engineer_id": bo.user.0, "starts_at": starts_at(&before[1]), "override": true });
    let answer = desk.post(&format!("/visits/{}/assignments", clash.id), &body).await;
    assert!(answer.problem(409).ends_with("double-booked"), "{answer}");
}

#[tokio::test]
async fn a_number_that_was_given_away_meanwhile_is_not_given_twice() {
    let app = TestApp::start().await;
    let (desk, ana) = (app.dispatcher("dora").await, app.engineer("ana").await);
    let mut phone = ana.phone().await;
    phone.online().await;
    let (app, backup) = app.back_up().await;
    let lost = desk.new_visit().assigned_to(&ana).save().await;
    app.settle().await;
    phone.online().await;
    let number = desk.ticket(lost).await["number"].clone();

    let app = app.restore(backup).await;
    let newcomer = desk.new_visit().save().await;
    assert_eq!(desk.ticket(newcomer).await["number"], number, "the restored server counts on from its backup");
    phone.online().await;
    let returned = desk.ticket(lost).await["number"].clone();
    assert_ne!(returned, number);
    let next = desk.new_visit().save().await;
    assert!(![returned, number].contains(&desk.ticket(next).await["number"]));
    app.expect_nothing_lost(&[&phone]).await;
}
