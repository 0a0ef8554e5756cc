//! F22: apps and servers of different ages: what one does not know it keeps and hands on; an old app may always push, and
//! is told when it is too old to be sent anything.

use callout_server::platform::config::Oldest;
use callout_tests::TestApp;
use serde_json::json;
use sync_core::document::{FactBody, Fields, Scalar};
use sync_core::wire::envelope::{self, Effort};
use sync_core::wire::{Item, SyncRequest};

use crate::offline::{kinds, scene};

#[tokio::test]
async fn f22_an_app_that_is_too_old_hands_in_its_work_and_is_told_what_it_must_become() {
    for oldest in [
        Oldest { oldest_protocol: 2, oldest_app_version: String::new() },
        Oldest { oldest_protocol: 0, oldest_app_version: "1.0.1".into() },
    ] {
        let app = TestApp::start().await;
        let (desk, ana, mut phone, visit) = scene(&app).await;
        assert_eq!(phone.status().upgrade_required, None);
        phone.offline().work(visit.id);
        phone.photograph(visit.id, b"a photo");
        let app = app.restarted_with(|config| config.oldest = oldest.clone()).await;
        desk.edit(visit, "title", json!("No heat"), json!("New title")).await;
        let unseen = desk.new_visit().assigned_to(&ana).save().await;
        app.settle().await;

        phone.online().await;
        let upgrade = phone.status().upgrade_required.expect("it is told");
        assert_eq!(
            (upgrade.min_protocol, &upgrade.min_app_version),
            (oldest.oldest_protocol, &oldest.oldest_app_version)
        );
        assert_eq!((phone.status().unsent, phone.drafts().len()), (0, 0), "its work is in");
        assert_eq!(desk.ticket(visit).await["status"], "done");
        assert_eq!(phone.status().awaited_blobs, 0, "and its photo, which it is told");
        assert!(phone.tickets().all(|ticket| ticket.title != "New title" && ticket.ticket != unseen.ticket));

        // Brought up to date, or the setting taken back: it goes on where it was.
        let app = app.restarted_with(|config| config.oldest = Oldest::default()).await;
        phone.online().await;
        assert_eq!(phone.status().upgrade_required, None);
        assert!(phone.tickets().any(|ticket| ticket.title == "New title"));
        assert!(phone.ticket_of(unseen.id).is_some());
        app.expect_nothing_lost(&[&phone]).await;
    }
}

#[tokio::test]
async fn f22_an_entry_of_a_kind_that_nobody_here_knows_is_kept_whole_and_changes_nothing() {
    let app = TestApp::start().await;
    let (desk, ana, mut phone, visit) = scene(&app).await;
    let fields: Fields = [("thrust_n", Scalar::Int(42)), ("colour", Scalar::Str("green".into()))]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    phone.forge(visit.id, FactBody::Unknown { kind: "launched".into(), fields: fields.clone() });
    phone.online().await;
    assert_eq!((phone.status().unsent, phone.drafts().len()), (0, 0));
    let ticket = desk.ticket(visit).await;
    assert_eq!((&ticket["status"], kinds(&ticket)), (&json!("assigned"), vec!["assign", "launched"]));
    // Another phone of hers, perhaps older still, holds the very same and can hand it on.
    let session = app.tenant().sign_in_again(&ana).await;
    let mut other = session.phone().await;
    other.online().await;
    other.look(visit.ticket, |sight| {
        let fact = sight.ticket.doc.facts().find(|fact| fact.body.kind_name() == "launched").expect("the entry");
        let FactBody::Unknown { kind, fields: kept } = &fact.body else { panic!("{fact:?}") };
        assert_eq!((kind.as_str(), kept), ("launched", &fields));
    });
    app.settle().await;
    phone.online().await;
    let heads = |phone: &mut callout_tests::Phone| phone.look(visit.ticket, |sight| sight.ticket.doc.heads());
    assert_eq!(heads(&mut other), heads(&mut phone));
    app.expect_nothing_lost(&[&phone]).await;
}

/// A field of Protocol Buffers that no version knows: number 999, some bytes.
fn with_unknown_field(mut message: Vec<u8>) -> Vec<u8> {
    message.extend([0xba, 0x3e, 5]);
    message.extend(b"later");
    message
}

#[tokio::test]
async fn f22_what_a_later_version_adds_to_a_message_is_passed_over_on_both_sides() {
    let app = TestApp::start().await;
    let (desk, _ana, mut phone, visit) = scene(&app).await;
    phone.offline().work(visit.id);
    let (request, _) = phone.intercept();
    let message = envelope::unpack(&request, 1 << 20).unwrap();
    let later = with_unknown_field(message.clone());
    assert_eq!(SyncRequest::decode(&later).unwrap(), SyncRequest::decode(&message).unwrap());
    let later = envelope::pack(&later, Effort::Quick);
    let body = phone.post(later.clone()).await.unwrap();
    assert_eq!(phone.read_reply(&body, &later).expect("a signed reply").acks[0].admitted, 5);

    // An item of a kind that this app does not know, between two that it does.
    desk.edit(visit, "title", json!("No heat"), json!("Seen all the same")).await;
    app.settle().await;
    phone.in_reach();
    let signer = app.state().signer.clone();
    phone
        .exchange_altered(&signer, |reply| {
            reply.items.insert(0, Item::Unknown);
            reply.protocol = 9;
        })
        .await;
    assert!(phone.tickets().any(|ticket| ticket.title == "Seen all the same"));
    phone.online().await;
    app.expect_nothing_lost(&[&phone]).await;
}
