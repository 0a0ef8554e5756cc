//! Work done with no network, and what becomes of it: each test is a story told over real HTTP.

use std::time::Duration;

use callout_tests::{Actor, TestApp, Visit};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use sync_core::document::FactBody;
use sync_core::time::ServerTime;

/// A dispatcher, an engineer with a phone, and a visit of hers that is on the phone.
pub async fn scene(app: &TestApp) -> (Actor, Actor, callout_tests::Phone, Visit) {
    let (desk, ana) = (app.dispatcher("dora").await, app.engineer("ana").await);
    let visit = desk.new_visit().assigned_to(&ana).save().await;
    let mut phone = ana.phone().await;
    phone.online().await;
    (desk, ana, phone, visit)
}

fn server_time(at: DateTime<Utc>) -> ServerTime {
    ServerTime(at.timestamp_millis())
}

pub fn kinds(ticket: &Value) -> Vec<&str> {
    let timeline = ticket["timeline"].as_array().expect("a timeline").iter();
    timeline.map(|fact| fact["kind"].as_str().expect("a kind")).collect()
}

pub fn flags(ticket: &Value) -> Vec<&str> {
    let reviews = ticket["reviews"].as_array().expect("reviews").iter();
    let flags = reviews.flat_map(|review| review["flags"].as_array().expect("flags"));
    flags.map(|flag| flag.as_str().expect("a flag")).collect()
}

#[tokio::test]
async fn start_moved_on_the_phone_and_end_moved_at_the_desk_both_stay() {
    let app = TestApp::start().await;
    let (desk, ana) = (app.dispatcher("dora").await, app.engineer("ana").await);
    let nine = app.clock().now() + TimeDelta::days(1);
    let (nine, noon, one) = (nine, nine + TimeDelta::hours(3), nine + TimeDelta::hours(4));
    let visit = desk.new_visit().between(nine, noon).assigned_to(&ana).save().await;
    let seen = desk.visit(visit).await;
    let (start, end): (DateTime<Utc>, DateTime<Utc>) =
        (seen["starts_at"].as_str().unwrap().parse().unwrap(), seen["ends_at"].as_str().unwrap().parse().unwrap());
    let mut phone = ana.phone().await;
    phone.online().await.offline();

    let later = DateTime::from_timestamp_millis(start.timestamp_millis() + 600_000).unwrap();
    let one = DateTime::from_timestamp_millis(one.timestamp_millis()).unwrap();
    phone.move_start(visit.id, server_time(later));
    desk.move_end(visit, end, one).await;
    phone.online().await;

    let now = desk.visit(visit).await;
    assert_eq!(now["starts_at"].as_str().unwrap().parse::<DateTime<Utc>>().unwrap(), later);
    assert_eq!(now["ends_at"].as_str().unwrap().parse::<DateTime<Utc>>().unwrap(), one);
    app.settle().await;
    phone.online().await;
    let on_phone = phone.agenda()[0].visit.window.unwrap();
    assert_eq!((on_phone.start(), on_phone.end()), (server_time(later), server_time(one)));
    app.expect_nothing_lost(&[&phone]).await;
}

#[tokio::test]
async fn one_refused_change_among_400_does_not_hold_the_399() {
    let app = TestApp::start().await;
    let (desk, ana) = (app.dispatcher("dora").await, app.engineer("ana").await);
    let mut visits = Vec::new();
    for _ in 0..4 {
        visits.push(desk.new_visit().assigned_to(&ana).save().await);
    }
    let mut phone = ana.phone().await;
    phone.online().await.offline();
    let mut forged = None;
    for n in 0..100 {
        for visit in &visits {
            if n == 50 && visit == &visits[2] {
                forged = Some(phone.forge(visit.id, FactBody::Cancel { reason: "not-hers-to-say".into() }));
            } else {
                phone.note(visit.id, &format!("reading {n}"));
            }
        }
    }
    phone.online().await;

    let drafts = phone.drafts();
    assert_eq!(drafts.len(), 1);
    assert_eq!((drafts[0].fact.id, drafts[0].code.as_str()), (forged.unwrap(), "desk_only"));
    let mut notes = 0;
    for visit in &visits {
        let ticket = desk.ticket(*visit).await;
        assert_ne!(ticket["status"], "cancelled");
        notes += kinds(&ticket).iter().filter(|kind| **kind == "note").count();
    }
    assert_eq!(notes, 399);
    let waiting = desk.quarantine().await;
    assert_eq!(waiting.len(), 1, "the orphans have come in by themselves: {waiting:#?}");
    assert_eq!(waiting[0]["fact_id"], json!(forged.unwrap().0));
    assert_eq!(phone.status().unsent, 0);
    let verdict = app.expect_nothing_lost(&[&phone]).await;
    assert_eq!((verdict.saved, verdict.admitted, verdict.quarantined), (400, 399, 1));
}

#[tokio::test]
async fn projections_rebuilt_from_the_changes_are_equal() {
    let app = TestApp::start().await;
    let (desk, ana, mut phone, visit) = scene(&app).await;
    let ben = app.engineer("ben").await;
    let reassigned = desk.new_visit().assigned_to(&ana).save().await;
    let cancelled = desk.new_visit().assigned_to(&ana).save().await;
    let _ = desk.new_visit().assigned_to(&ben).save().await;
    app.settle().await;
    phone.online().await.offline();
    phone.work(visit.id);
    phone.work(cancelled.id);
    phone.accept(reassigned.id);
    phone.photograph(reassigned.id, b"a photo");
    phone.answer(reassigned.id, "pressure", "1.8 bar");
    phone.sign(reassigned.id, "Mrs Weber");
    desk.edit(visit, "priority", json!(3), json!(1)).await;
    desk.cancel(cancelled).await;
    let assignment = desk.assignment_of(reassigned).await;
    desk.reassign(assignment, &ben).await;
    app.advance(Duration::from_secs(60));
    phone.online().await;

    let before = app.projections().await;
    app.rebuild_projections().await;
    let after = app.projections().await;
    for (table, rows) in &before {
        assert_eq!(rows, &after[table], "{table}");
    }
    assert!(before["fact"].len() > 10 && before["evidence"].len() == 2, "there was something to rebuild");
    app.expect_nothing_lost(&[&phone]).await;
}

#[tokio::test]
async fn whoever_finds_the_phone_finds_nothing_to_read() {
    let app = TestApp::start().await;
    let (desk, _ana, mut phone, visit) = scene(&app).await;
    phone.offline();
    phone.note(visit.id, "canary in a note");
    phone.sign(visit.id, "Mrs Canary");
    phone.answer(visit.id, "pressure", "canary bar");
    phone.forge(visit.id, FactBody::Cancel { reason: "canary-reason".into() });
    phone.online().await;
    phone.offline().note(visit.id, "canary unsent");
    assert_eq!(desk.ticket(visit).await["title"], "No heat");

    let secrets = ["canary", "Canary", "No heat", "1 Main Street", "Europe/Berlin"];
    let mut read = 0;
    for file in std::fs::read_dir(phone.directory()).unwrap().flatten().map(|entry| entry.path()) {
        // The ledger is the test's own; photos are in the platform's keeping.
        if file.is_dir() || file.ends_with("ledger.jsonl") {
            continue;
        }
        let bytes = std::fs::read(&file).unwrap();
        read += bytes.len();
        for secret in secrets {
            let found = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
            assert!(!found, "{secret:?} stands in {}", file.display());
        }
    }
    assert!(read > 10_000, "there was something to read");
}
