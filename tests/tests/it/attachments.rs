//! Photos and strokes: bytes that entries name by their digest, handed in, kept, and read by the office.

use callout_tests::{Actor, Answer, Phone, TestApp, Visit};
use reqwest::Method;
use serde_json::json;
use sync_core::ids::Sha256Hash;

const PHOTO: &[u8] = b"\xff\xd8\xff a boiler";

/// A phone that has photographed something, and has not handed in the bytes.
async fn a_photo_on_a_phone(app: &TestApp) -> (Actor, Actor, Phone, Visit) {
    let (desk, ana) = (app.dispatcher("dora").await, app.engineer("ana").await);
    let visit = desk.new_visit().assigned_to(&ana).save().await;
    let mut phone = ana.phone().await;
    phone.online().await.offline();
    phone.photograph(visit.id, PHOTO);
    (desk, ana, phone, visit)
}

fn path_of(bytes: &[u8]) -> String {
    format!("/attachments/{}", Sha256Hash::of(bytes))
}

async fn put(who: &Actor, path: &str, bytes: impl Into<reqwest::Body>) -> Answer {
    Answer::of(who.request(Method::PUT, path).body(bytes)).await
}

#[tokio::test]
async fn the_entry_comes_first_the_bytes_follow_and_then_the_phone_lets_go() {
    let app = TestApp::start().await;
    let (desk, ana, mut phone, visit) = a_photo_on_a_phone(&app).await;
    let path = path_of(PHOTO);
    assert_eq!(put(&ana, &path, PHOTO).await.problem(404), "not-found", "no entry names it yet");
    assert_eq!(desk.get(&path).await.problem(404), "not-found");

    phone.in_reach().exchange().await;
    assert_eq!(phone.status().awaited_blobs, 1, "the entry is there, its bytes are not");
    let evidence = |ticket: serde_json::Value| ticket["evidence"][0]["is_stored"].clone();
    assert_eq!(evidence(desk.ticket(visit).await), json!(false));
    assert_eq!(desk.get(&path).await.problem(404), "not-found");

    put(&ana, &path, PHOTO).await.expect(204);
    put(&ana, &path, PHOTO).await.expect(204);
    assert_eq!(evidence(desk.ticket(visit).await), json!(true));
    phone.exchange().await;
    assert_eq!(phone.status().awaited_blobs, 0);

    let read = Answer::of(desk.request(Method::GET, &path)).await.expect(200);
    assert_eq!(read.header("content-type"), "application/octet-stream");
    assert_eq!(read.header("x-content-type-options"), "nosniff");
    assert_eq!(read.header("content-disposition"), "attachment");
    let bytes = desk.request(Method::GET, &path).send().await.expect("an answer").bytes().await.expect("bytes");
    assert_eq!(bytes, PHOTO);
    app.expect_nothing_lost(&[&phone]).await;
}

#[tokio::test]
async fn bytes_that_nobody_named_or_that_are_others_are_not_kept() {
    let app = TestApp::start().await;
    let (desk, ana, mut phone, visit) = a_photo_on_a_phone(&app).await;
    phone.in_reach().exchange().await;
    let path = path_of(PHOTO);

    assert_eq!(put(&ana, &path, &PHOTO[1..]).await.problem(422), "other-bytes");
    let mut flipped = PHOTO.to_vec();
    flipped[3] ^= 1;
    assert_eq!(put(&ana, &path, flipped).await.problem(422), "other-bytes", "as long, and not the same");
    assert_eq!(put(&ana, &path, Vec::new()).await.problem(422), "other-bytes");
    assert_eq!(put(&ana, &path, vec![7; 33 << 20]).await.status, 413);

    let (ben, rival) = (app.engineer("ben").await, app.another_tenant("rival").await.engineer("ana").await);
    for stranger in [&ben, &rival, &desk] {
        assert_eq!(put(stranger, &path, PHOTO).await.problem(404), "not-found", "{}", stranger.email);
    }
    let names = ["../../../etc/passwd", "..%2f..%2fetc%2fpasswd", "abc", &"0".repeat(63), &"g".repeat(64), "%00"];
    for name in names {
        let answer = put(&ana, &format!("/attachments/{name}"), PHOTO).await;
        assert!(answer.status.is_client_error(), "{name}: {answer}");
    }
    assert_eq!(desk.ticket(visit).await["evidence"][0]["is_stored"], json!(false));

    // The right bytes still come, and another company is not told that they are there.
    put(&ana, &path, PHOTO).await.expect(204);
    let rivals_desk = app.another_tenant("third").await.dispatcher("tom").await;
    assert_eq!(rivals_desk.get(&path).await.problem(404), "not-found");
}

#[tokio::test]
async fn the_photo_of_an_entry_that_was_set_aside_is_handed_in_too_and_the_dispatcher_sees_it() {
    let app = TestApp::start().await;
    let (desk, ana, mut phone, visit) = a_photo_on_a_phone(&app).await;
    let ben = app.engineer("ben").await;
    desk.reassign(desk.assignment_of(visit).await, &ben).await;
    // So long after the visit was given to another that nothing of hers is taken any more.
    app.advance(std::time::Duration::from_secs(20 * 24 * 3600));
    let (desk, ana) = (app.tenant().sign_in_again(&desk).await, app.tenant().sign_in_again(&ana).await);
    ana.enrol(&phone.device.signer).await;
    phone.owner = ana.clone();
    phone.online().await;
    assert_eq!((phone.status().unsent, phone.drafts().len(), desk.quarantine().await.len()), (0, 1, 1));
    assert_eq!(phone.status().awaited_blobs, 0, "its bytes are safe all the same");
    assert_eq!(desk.get(&path_of(PHOTO)).await.expect(200).body, PHOTO);
    let ben = app.tenant().sign_in_again(&ben).await;
    assert_eq!(put(&ben, &path_of(PHOTO), PHOTO).await.problem(404), "not-found", "nothing of his names it");
    app.expect_nothing_lost(&[&phone]).await;
}
