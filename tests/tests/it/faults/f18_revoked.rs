//! F18: a user or a device is revoked while work is unsent: all of it comes to a dispatcher, and not one new byte goes out.

use std::time::Duration;

use callout_tests::TestApp;
use serde_json::json;
use sync_core::ids::Sha256Hash;
use sync_core::wire::Standing;

use crate::offline::{kinds, scene};

#[tokio::test]
async fn f18_a_revoked_phone_hands_in_all_it_holds_and_learns_nothing_new() {
    let app = TestApp::start().await;
    for what in ["device", "user"] {
        let (desk, ana) = (app.dispatcher(&format!("dora-{what}")).await, app.engineer(&format!("ana-{what}")).await);
        let visit = desk.new_visit().assigned_to(&ana).save().await;
        let mut phone = ana.phone().await;
        phone.online().await.offline().work(visit.id);
        phone.photograph(visit.id, b"a photo");
        phone.note(visit.id, "the last word");
        let before = desk.quarantine().await.len();
        let path = match what {
            "device" => format!("/devices/{}/revoke", phone.device.id),
            _ => format!("/users/{}/disable", ana.user),
        };
        app.admin().await.post(&path, &json!({})).await.expect_success();
        desk.edit(visit, "title", json!("No heat"), json!("Canary")).await;
        let secret = desk.new_visit().assigned_to(&app.engineer(&format!("ben-{what}")).await).save().await;
        app.settle().await;
        let held = phone.look(visit.ticket, |sight| sight.ticket.doc.changes_since(&[]).len());

        phone.online().await;
        assert_eq!(phone.status().standing, Standing::PushOnly);
        assert_eq!((phone.status().unsent, phone.drafts().len()), (0, 7));
        assert_eq!(phone.status().awaited_blobs, 0, "its photo was taken, and it knows");
        let waiting = desk.quarantine().await;
        let hers: Vec<_> = waiting.iter().filter(|one| one["ticket_id"] == json!(visit.ticket.0)).collect();
        assert_eq!((waiting.len() - before, hers.len()), (7, 7), "every entry, and nothing else");
        assert!(hers.iter().all(|one| one["code"] == "revoked"));
        // Word for word: a dispatcher reads what was said.
        let mut read = Vec::new();
        for one in hers {
            let shown = desk.get(&format!("/quarantine/{}", one["quarantine_id"].as_str().unwrap())).await.expect(200);
            read.push(shown.json()["content"].to_string());
        }
        assert!(read.iter().any(|content| content.contains("the last word")), "{read:?}");
        let photo = Sha256Hash::of(b"a photo");
        assert!(read.iter().any(|content| content.contains(&photo.to_string())), "{read:?}");
        assert_eq!(desk.get(&format!("/attachments/{photo}")).await.expect(200).body, b"a photo");
        let said = desk.ticket(visit).await;
        assert!(kinds(&said).iter().all(|kind| ["assign", "desk_edit"].contains(kind)), "nothing of it in the ticket");

        // Nothing went out: no edit, no ticket, not even by asking from the beginning.
        assert!(phone.tickets().all(|ticket| ticket.title != "Canary" && ticket.ticket != secret.ticket));
        let after = phone.look(visit.ticket, |sight| sight.ticket.doc.changes_since(&[]).len());
        assert!(after <= held, "{after} changes of {held}");
        assert_eq!(phone.owner.get("/tickets").await.problem(401), "revoked");
        let mut restarted = phone.restart();
        restarted.online().await;
        assert!(restarted.tickets().all(|ticket| ticket.title != "Canary" && ticket.ticket != secret.ticket));
        app.expect_nothing_lost(&[&restarted]).await;
    }
}

#[tokio::test]
async fn f18_after_seven_days_a_revoked_phone_is_a_stranger_and_keeps_its_work() {
    let app = TestApp::start().await;
    let (desk, _ana, mut phone, visit) = scene(&app).await;
    phone.offline().work(visit.id);
    app.admin().await.post(&format!("/devices/{}/revoke", phone.device.id), &json!({})).await.expect(200);
    app.advance(Duration::from_secs(8 * 24 * 3600));
    let before = app.row_counts().await;
    assert!(phone.in_reach().exchange().await.must_go_on());
    assert_eq!(app.row_counts().await, before);
    assert_eq!((phone.status().unsent, phone.unsent_facts().len()), (5, 5), "nothing is destroyed unread");

    // Nor is it lost: what it holds goes to the desk in a file that nobody else opens.
    let file = phone.export();
    assert!(!file.windows(6).any(|bytes| bytes == b"solved"));
    let desk = app.tenant().sign_in_again(&desk).await;
    let answer = desk.hand_in_export(&file).await.expect(200).json();
    assert_eq!((&answer["taken"], &answer["known"]), (&json!(5), &json!(0)), "{answer}");
    let mut waiting: Vec<String> = desk.quarantine().await.iter().map(|one| one["fact_id"].to_string()).collect();
    let mut unsent: Vec<String> = phone.unsent_facts().iter().map(|fact| json!(fact).to_string()).collect();
    waiting.sort();
    unsent.sort();
    assert_eq!(waiting, unsent);
}
