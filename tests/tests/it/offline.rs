//! Work done with no network, and what becomes of it: each test is a story told over real HTTP.

use std::time::Duration;

use callout_tests::phone::Deed;
use callout_tests::{Actor, TestApp, Visit};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use sync_core::document::FactBody;
use sync_core::time::ServerTime;

/// A dispatcher, an engineer with a phone, and a visit of hers that is on the phone.
async fn scene(app: &TestApp) -> (Actor, Actor, callout_tests::Phone, Visit) {
    let (desk, ana) = (app.dispatcher("dora").await, app.engineer("ana").await);
    let visit = desk.new_visit().assigned_to(&ana).save().await;
    let mut phone = ana.phone().await;
    phone.online().await;
    (desk, ana, phone, visit)
}

fn server_time(at: DateTime<Utc>) -> ServerTime {
    ServerTime(at.timestamp_millis())
}

fn kinds(ticket: &Value) -> Vec<&str> {
    let timeline = ticket["timeline"].as_array().expect("a timeline").iter();
    timeline.map(|fact| fact["kind"].as_str().expect("a kind")).collect()
}

fn flags(ticket: &Value) -> Vec<&str> {
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
async fn done_offline_and_cancelled_at_the_desk_is_done_and_somebody_looks() {
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
async fn an_engineer_reassigned_while_offline_really_was_there() {
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
async fn the_same_push_ten_times_is_answered_alike_and_stored_once() {
    let app = TestApp::start().await;
    let (_desk, _ana, mut phone, visit) = scene(&app).await;
    phone.offline().work(visit.id);
    let (_, batches) = phone.intercept();
    let request = phone.request_with(batches);

    let mut answers = Vec::new();
    let mut rows = Vec::new();
    for _ in 0..10 {
        let body = phone.post(request.clone()).await.unwrap();
        let reply = phone.read_reply(&body, &request).expect("a signed reply");
        answers.push((reply.acks, reply.rejects, reply.deferred, reply.refused_batches));
        rows.push(app.row_counts().await);
    }
    assert_eq!(answers[0].0[0].admitted, 5);
    assert!(answers.iter().all(|answer| answer == &answers[0]), "{answers:#?}");
    assert!(rows.iter().all(|counts| counts == &rows[0]), "{rows:#?}");
    // And at once, from many hands.
    let many = futures_util::future::join_all((0..10).map(|_| phone.post(request.clone()))).await;
    for body in many {
        let reply = phone.read_reply(&body.unwrap(), &request).expect("a signed reply");
        assert_eq!(reply.acks, answers[0].0);
    }
    assert_eq!(app.row_counts().await, rows[0]);
    phone.online().await;
    app.expect_nothing_lost(&[&phone]).await;
}

#[tokio::test]
async fn pushes_come_in_any_order_and_come_to_the_same() {
    let app = TestApp::start().await;
    let (desk, ana) = (app.dispatcher("dora").await, app.engineer("ana").await);
    let mut statuses = Vec::new();
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2], [2, 0, 3, 1]] {
        let visit = desk.new_visit().assigned_to(&ana).save().await;
        let mut phone = ana.phone().await;
        phone.online().await.offline();
        // Each exchange that fails seals what was done since into a batch of its own.
        let mut batches = Vec::new();
        for deeds in [vec![Deed::Accept, Deed::Depart], vec![Deed::CheckIn], vec![Deed::Start], vec![done()]] {
            for deed in deeds {
                phone.attempt(visit.id, deed).unwrap();
            }
            batches = phone.intercept().1;
        }
        assert_eq!(batches.len(), 4);
        // Out of turn they are deferred; sent again and again, in this order, all of them get in.
        for _ in 0..4 {
            for at in order {
                let alone = phone.request_with(vec![batches[at].clone()]);
                phone.post(alone).await.unwrap();
            }
        }
        let before = app.row_counts().await;
        phone.online().await;
        assert_eq!(phone.status().unsent, 0);
        assert_eq!(app.row_counts().await, before, "there was nothing left to push");
        let ticket = desk.ticket(visit).await;
        let said: Vec<String> = kinds(&ticket).into_iter().map(str::to_owned).collect();
        statuses.push((ticket["status"].clone(), said));
        app.expect_nothing_lost(&[&phone]).await;
    }
    assert_eq!(statuses[0].0, "done");
    assert!(statuses.iter().all(|status| status == &statuses[0]), "{statuses:#?}");
}

fn done() -> Deed {
    Deed::Done { solution: "bled the radiator".into() }
}

#[tokio::test]
async fn a_phone_whose_clock_is_a_year_off_works_like_any_other() {
    const YEAR_MS: i64 = 365 * 24 * 60 * 60 * 1000;
    let app = TestApp::start().await;
    for off_ms in [YEAR_MS, -YEAR_MS] {
        let (desk, ana) = (app.dispatcher(&format!("dora{off_ms}")).await, app.engineer(&format!("ana{off_ms}")).await);
        let visit = desk.new_visit().assigned_to(&ana).save().await;
        let mut phone = ana.phone().await;
        phone.set_clock_ahead_ms(off_ms).online().await.offline();
        assert!(phone.status().is_clock_off, "she is told");
        phone.accept(visit.id);
        phone.depart(visit.id);
        // While the phone sleeps, somebody sets its clock right.
        phone.set_clock_ahead_ms(0).check_in(visit.id);
        phone.start(visit.id);
        phone.done(visit.id, "solved");
        phone.online().await;

        let ticket = desk.ticket(visit).await;
        assert_eq!(ticket["status"], "done");
        assert!(phone.drafts().is_empty(), "nothing is refused for a wrong clock");
        let admitted = [&"accept", &"depart", &"check_in", &"start", &"done"];
        let said: Vec<&str> = kinds(&ticket).into_iter().filter(|kind| admitted.contains(&kind)).collect();
        assert_eq!(said, ["accept", "depart", "check_in", "start", "done"], "the order is that of what each had seen");
        app.expect_nothing_lost(&[&phone]).await;
    }
}

#[tokio::test]
async fn a_restored_backup_and_the_phone_it_was_made_from_both_live_on() {
    let app = TestApp::start().await;
    let (desk, _ana, mut first, visit) = scene(&app).await;
    first.offline().accept(visit.id);
    first.note(visit.id, "before the backup");
    let mut second = first.restored_from_backup(2);

    // Both hold the same unsent work, and both go on from there.
    first.depart(visit.id);
    first.note(visit.id, "the first went on");
    second.offline().note(visit.id, "so did the second");
    first.online().await;
    second.online().await;
    first.note(visit.id, "and on");
    second.note(visit.id, "and on and on");
    second.online().await;
    first.online().await;
    app.settle().await;
    first.online().await;
    second.online().await;

    let ticket = desk.ticket(visit).await;
    let notes = kinds(&ticket).iter().filter(|kind| **kind == "note").count();
    assert_eq!(notes, 5, "each note once: {:?}", kinds(&ticket));
    assert_eq!(kinds(&ticket).iter().filter(|kind| **kind == "accept").count(), 1);
    for phone in [&first, &second] {
        assert_eq!(phone.status().unsent, 0);
        assert!(phone.drafts().is_empty(), "{:?}", phone.drafts());
    }
    let heads = |phone: &mut callout_tests::Phone| phone.look(visit.ticket, |sight| sight.ticket.doc.heads());
    assert_eq!(heads(&mut first), heads(&mut second), "both see the same");
    app.expect_nothing_lost(&[&first, &second]).await;

    // A phone that is killed and started again is one more session on the same store.
    let mut again = second.restart();
    again.offline().note(visit.id, "after a restart");
    again.online().await;
    app.expect_nothing_lost(&[&first, &again]).await;
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
