//! F23: something that cannot be read, in a push, at rest, or on its way to a phone: it is kept aside or shown as
//! unreadable, and everything else goes on.

use callout_tests::{Phone, TestApp, Visit};
use serde_json::json;
use sync_core::document::FactBody;
use sync_core::wire::{Enter, Item};

use crate::offline::scene;

#[tokio::test]
async fn f23_a_batch_that_cannot_be_taken_does_not_hold_up_the_others_of_its_request() {
    let app = TestApp::start().await;
    let (desk, ana, mut phone, poisoned) = scene(&app).await;
    let good = desk.new_visit().assigned_to(&ana).save().await;
    app.settle().await;
    phone.online().await.offline();
    phone.forge(poisoned.id, FactBody::Cancel { reason: "not-hers-to-say".into() });
    phone.note(poisoned.id, "after the poison");
    phone.work(good.id);
    phone.in_reach().exchange().await;
    assert_eq!(desk.ticket(good).await["status"], "done", "in the same exchange");
    assert_eq!((phone.drafts().len(), desk.quarantine().await.len()), (1, 2), "the entry, and what stood on it");
    phone.online().await;
    assert_eq!(desk.quarantine().await.len(), 1, "what stood on it has come in by itself");
    app.expect_nothing_lost(&[&phone]).await;
}

/// Makes what is stored of the ticket unreadable, as a bad disk might.
async fn spoil(app: &TestApp, visit: Visit) {
    let mut database = app.database().superuser().await;
    for statement in [
        "update ticket_document set snapshot = decode('00', 'hex') where ticket_id = $1",
        "update ticket_change set bytes = overlay(bytes placing decode('ffffffff', 'hex') from 20) where ticket_id = $1",
    ] {
        sqlx::query(statement).bind(visit.ticket.0).execute(&mut database).await.expect("spoilt");
    }
}

#[tokio::test]
async fn f23_a_ticket_that_is_unreadable_at_rest_is_missed_and_everything_else_flows() {
    let app = TestApp::start().await;
    let (desk, ana, mut phone, poisoned) = scene(&app).await;
    let good = desk.new_visit().assigned_to(&ana).save().await;
    app.settle().await;
    phone.online().await.offline();
    phone.note(poisoned.id, "on the ticket that goes bad");
    phone.photograph(poisoned.id, b"a photo");
    phone.note(good.id, "on the good one");
    spoil(&app, poisoned).await;
    // A server that has not read it yet.
    let cold = app.another_process().await;

    phone.move_to(&cold.url("")).in_reach();
    phone.online().await;
    assert_eq!(phone.status().unsent, 0, "nothing is held up");
    let drafts: Vec<_> = phone.drafts().iter().map(|draft| (draft.ticket, draft.code.clone())).collect();
    assert_eq!(drafts, vec![(poisoned.ticket, "unreadable_ticket".to_owned()); 2]);
    let waiting = desk.quarantine().await;
    assert_eq!(waiting.len(), 2);
    assert!(
        waiting.iter().all(|one| one["code"] == "unreadable_ticket" && one["ticket_id"] == json!(poisoned.ticket.0))
    );
    assert_eq!(desk.ticket(good).await["timeline"].as_array().unwrap().len(), 2, "the other ticket goes on");

    // A phone that begins gets all but that one, and a desk that asks for it is told that the server failed, no more.
    let mut fresh: Phone = app.tenant().sign_in_again(&ana).await.phone().await;
    fresh.move_to(&cold.url(""));
    fresh.online().await;
    assert!(fresh.ticket_of(good.id).is_some() && fresh.ticket_of(poisoned.id).is_none());
    phone.note(good.id, "and on");
    phone.online().await;
    app.expect_nothing_lost(&[&phone]).await;
    cold.stop().await;
}

#[tokio::test]
async fn f23_a_ticket_that_does_not_open_on_the_phone_is_asked_for_three_times_and_then_shown_as_unreadable() {
    let app = TestApp::start().await;
    let (desk, ana, _phone, good) = scene(&app).await;
    let poisoned = desk.new_visit().assigned_to(&ana).save().await;
    app.settle().await;
    let signer = app.state().signer.clone();
    type Spoil = fn(&mut Enter);
    let mutants: [Spoil; 5] = [
        |enter| enter.snapshot.clear(),
        |enter| enter.snapshot.truncate(enter.snapshot.len() / 2),
        |enter| {
            let middle = enter.snapshot.len() / 2;
            enter.snapshot[middle] ^= 0x10;
        },
        |enter| enter.snapshot = b"<html>not a ticket</html>".repeat(40),
        |enter| enter.heads = vec![sync_core::ids::Sha256Hash::of(b"a head that it does not have")],
    ];
    for spoil in mutants {
        let mut phone = app.tenant().sign_in_again(&ana).await.phone().await;
        let mut sent = 0;
        for _ in 0..6 {
            let exchanged = phone.exchange_altered(&signer, |reply| {
                for item in &mut reply.items {
                    if let Item::Enter(enter) = item
                        && enter.ticket == poisoned.ticket
                    {
                        spoil(enter);
                        sent += 1;
                    }
                }
            });
            exchanged.await;
        }
        assert_eq!(sent, 1 + 3, "asked for three times and no more");
        assert_eq!(phone.status().unreadable, [poisoned.ticket]);
        assert!(phone.ticket_of(good.id).is_some(), "the other one is there");
        phone.note(good.id, "the app goes on");
        phone.online().await;
        assert_eq!(phone.status().unsent, 0);

        // What comes whole later replaces it.
        desk.reassign(desk.assignment_of(poisoned).await, &app.engineer(&new_name()).await).await;
        app.settle().await;
        phone.online().await;
        desk.reassign(desk.assignment_of(poisoned).await, &ana).await;
        app.settle().await;
        phone.online().await;
        assert!(phone.status().unreadable.is_empty() && phone.ticket_of(poisoned.id).is_some());
        app.expect_nothing_lost(&[&phone]).await;
    }
}

/// A name that nobody had yet.
fn new_name() -> String {
    format!("ben-{}", uuid::Uuid::now_v7())
}
