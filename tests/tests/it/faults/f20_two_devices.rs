//! F20: one user, two phones: both are good, each with actors and numbers of its own, and revoking one leaves the other.

use callout_tests::{Phone, TestApp, new_key};
use serde_json::json;
use sync_core::wire::Standing;

use crate::offline::{kinds, scene};

#[tokio::test]
async fn f20_two_phones_of_one_user_both_work_and_revoking_one_leaves_the_other() {
    let app = TestApp::start().await;
    let (desk, ana, mut first, visit) = scene(&app).await;
    let session = app.tenant().sign_in_again(&ana).await;
    let device = session.enrol(&new_key()).await;
    assert_ne!(device.id, first.device.id);
    let mut second = Phone::in_own_directory(session, device, app.clock(), 2);
    second.online().await;

    // Both check in, neither knowing of the other.
    for phone in [&mut first, &mut second] {
        phone.offline();
        phone.accept(visit.id);
        phone.depart(visit.id);
        phone.check_in(visit.id);
    }
    first.note(visit.id, "from the first");
    second.note(visit.id, "from the second");
    first.online().await;
    second.online().await;
    app.settle().await;
    first.online().await;
    second.online().await;
    let ticket = desk.ticket(visit).await;
    let count = |kind: &str| kinds(&ticket).iter().filter(|one| **one == kind).count();
    assert_eq!((count("check_in"), count("note")), (2, 2), "two time logs: {:?}", kinds(&ticket));
    let devices: std::collections::BTreeSet<String> = ticket["timeline"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|fact| fact["kind"] == "check_in")
        .map(|fact| fact["device_id"].to_string())
        .collect();
    assert_eq!(devices.len(), 2);
    for phone in [&first, &second] {
        assert_eq!((phone.status().unsent, phone.drafts().len()), (0, 0));
    }
    let heads = |phone: &mut Phone| phone.look(visit.ticket, |sight| sight.ticket.doc.heads());
    assert_eq!(heads(&mut first), heads(&mut second));

    app.admin().await.post(&format!("/devices/{}/revoke", first.device.id), &json!({})).await.expect(200);
    first.note(visit.id, "too late");
    second.note(visit.id, "still here");
    first.online().await;
    second.online().await;
    assert_eq!((first.status().standing, first.drafts().len()), (Standing::PushOnly, 1));
    assert_eq!((second.status().standing, second.drafts().len()), (Standing::Active, 0));
    let waiting = desk.quarantine().await;
    assert_eq!((waiting.len(), &waiting[0]["device_id"]), (1, &json!(first.device.id.0)));
    assert_eq!(kinds(&desk.ticket(visit).await).iter().filter(|kind| **kind == "note").count(), 3);
    app.expect_nothing_lost(&[&first, &second]).await;
}
