//! The server's database is lost and a backup of it takes over: what left the backup's sight comes back from the phones.

use callout_tests::{Phone, TestApp};
use serde_json::json;

fn kinds(ticket: &serde_json::Value) -> Vec<String> {
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

    // What has no ticket any more is with a dispatcher and with its author, word for word.
    let waiting = desk.quarantine().await;
    let mut aside: Vec<_> = waiting.iter().map(|one| (one["ticket_id"].clone(), one["fact_id"].clone())).collect();
    let mut drafts: Vec<_> =
        phone.drafts().iter().map(|draft| (json!(draft.ticket.0), json!(draft.fact.id.0))).collect();
    aside.sort_by_key(|(_, fact)| fact.to_string());
    drafts.sort_by_key(|(_, fact)| fact.to_string());
    assert_eq!((aside.len(), &aside[0].0), (2, &json!(unknown.ticket.0)));
    assert_eq!(aside, drafts);
    app.expect_nothing_lost(&[&phone]).await;

    // A phone that comes later finds the same.
    let mut later: Phone = ana.phone().await;
    later.online().await;
    let heads = |phone: &mut Phone| phone.look(visit.ticket, |sight| sight.ticket.doc.heads());
    assert_eq!(heads(&mut later), heads(&mut phone));
}
