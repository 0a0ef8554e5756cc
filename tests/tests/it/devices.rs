//! Devices are enrolled with a key and can be revoked.

use std::time::Duration;

use callout_server::devices::{DeviceView, EnrolledView};
use callout_server::platform::page::Page;
use callout_server::users::MeView;
use callout_tests::{TestApp, hex, unhex};
use serde_json::json;
use sync_core::wire::{DeviceSigner, SoftwareDeviceSigner};

#[tokio::test]
async fn a_device_proves_its_key_and_learns_the_servers() {
    let app = TestApp::start().await;
    let ana = app.engineer("ana").await;
    let device = ana.enrol_device(7).await;
    assert_eq!(device.server_epoch, app.state().server_epoch);
    assert_eq!(device.server_key.to_bytes(), app.state().signer.public_key().to_bytes());
    let me: MeView = ana.get("/me").await.read();
    assert_eq!(me.device, Some(device.id.0), "the session speaks for the device at once");
}

#[tokio::test]
async fn an_enrolment_whose_answer_was_lost_gives_the_same_device() {
    let app = TestApp::start().await;
    let ana = app.engineer("ana").await;
    let first = ana.enrol_device(7).await;
    let again = app.tenant().sign_in_again(&ana).await.enrol_device(7).await;
    assert_eq!(first.id, again.id);
}

#[tokio::test]
async fn a_challenge_is_good_once_for_one_person_and_ten_minutes() {
    let app = TestApp::start().await;
    let (ana, ben) = (app.engineer("ana").await, app.engineer("ben").await);
    let signer = SoftwareDeviceSigner::from_secret(&[7; 32]).expect("a secret");
    let enrolment = |challenge: &str| {
        let nonce: [u8; 32] = unhex(challenge).try_into().expect("32 bytes");
        let message = callout_server::devices::enrolment_message(&nonce, &signer.public_key());
        json!({
            "challenge": challenge, "public_key": hex(&signer.public_key().to_sec1()),
            "signature": hex(&signer.sign(&message).expect("a signature").0),
            "platform": "ios", "app_version": "1", "name": "phone",
        })
    };
    let challenge = async || {
        let answer = ana.post("/devices/challenge", &json!({})).await.expect(201).json();
        answer["challenge"].as_str().expect("a challenge").to_owned()
    };
    let fresh = challenge().await;
    assert_eq!(ben.post("/devices", &enrolment(&fresh)).await.problem(409), "unknown-challenge");

    let mut forged = enrolment(&fresh);
    forged["signature"] = json!(hex(&signer.sign(b"something else").expect("a signature").0));
    let refused = ana.post("/devices", &forged).await;
    assert_eq!((refused.problem(422).as_str(), refused.json()["field"].as_str()), ("invalid-field", Some("signature")));

    ana.post("/devices", &enrolment(&fresh)).await.expect(201);
    assert_eq!(ana.post("/devices", &enrolment(&fresh)).await.problem(409), "unknown-challenge");
    assert_eq!(ana.post("/devices", &enrolment(&"00".repeat(32))).await.problem(409), "unknown-challenge");

    let old = challenge().await;
    app.advance(Duration::from_secs(11 * 60));
    assert_eq!(ana.post("/devices", &enrolment(&old)).await.problem(409), "unknown-challenge");
}

#[tokio::test]
async fn a_key_belongs_to_one_device() {
    let app = TestApp::start().await;
    let (ana, ben) = (app.engineer("ana").await, app.engineer("ben").await);
    let device = ana.enrol_device(7).await;
    assert_eq!(ben.enrol_with(&device.signer).await.problem(409), "device-key-taken");
    // What another company enrols is none of ours.
    let rival = app.another_tenant("rival").await.engineer("rob").await;
    rival.enrol_with(&device.signer).await.expect(201);
}

#[tokio::test]
async fn a_revoked_device_is_out_at_the_next_request() {
    let app = TestApp::start().await;
    let (admin, ana) = (app.admin().await, app.engineer("ana").await);
    let desk = app.tenant().sign_in_again(&ana).await;
    let device = ana.enrol_device(7).await;
    let revoked: DeviceView = admin.post(&format!("/devices/{}/revoke", device.id), &json!({})).await.read();
    assert!(revoked.revoked_at.is_some());
    assert_eq!(ana.get("/me").await.problem(401), "revoked");
    // The person, elsewhere, is not revoked; the key is.
    desk.get("/me").await.expect(200);
    assert_eq!(desk.enrol_with(&device.signer).await.problem(409), "device-key-taken");
    let again: DeviceView = admin.post(&format!("/devices/{}/revoke", device.id), &json!({})).await.read();
    assert_eq!(again.revoked_at, revoked.revoked_at);
}

#[tokio::test]
async fn everyone_sees_and_revokes_their_own() {
    let app = TestApp::start().await;
    let (admin, ana, ben) = (app.admin().await, app.engineer("ana").await, app.engineer("ben").await);
    let (of_ana, of_ben) = (ana.enrol_device(1).await, ben.enrol_device(2).await);
    let seen: Page<DeviceView> = ana.get(&format!("/devices?user={}", ben.user)).await.read();
    assert_eq!(seen.items.iter().map(|device| device.id).collect::<Vec<_>>(), [of_ana.id.0]);
    let seen: Page<DeviceView> = admin.get("/devices").await.read();
    assert_eq!(seen.items.len(), 2);
    let seen: Page<DeviceView> = admin.get(&format!("/devices?user={}", ben.user)).await.read();
    assert_eq!(seen.items.len(), 1);
    assert_eq!(ana.post(&format!("/devices/{}/revoke", of_ben.id), &json!({})).await.problem(404), "not-found");
    ben.post(&format!("/devices/{}/revoke", of_ben.id), &json!({})).await.expect(200);
}

#[tokio::test]
async fn only_engineers_enrol_and_malformed_keys_are_named() {
    let app = TestApp::start().await;
    assert_eq!(app.dispatcher("dora").await.post("/devices/challenge", &json!({})).await.problem(403), "forbidden");
    let ana = app.engineer("ana").await;
    let good: EnrolledView =
        ana.enrol_with(&SoftwareDeviceSigner::from_secret(&[9; 32]).expect("a secret")).await.read();
    assert_eq!(good.device.name, "test phone");
    let body = json!({
        "challenge": "00".repeat(32), "public_key": hex(&[2; 33]), "signature": "11".repeat(64),
        "platform": "android", "app_version": "1", "name": "phone",
    });
    for (field, value) in [
        ("challenge", json!("00")),
        ("challenge", json!("zz".repeat(32))),
        ("public_key", json!("")),
        ("public_key", json!("04".repeat(65))),
        ("signature", json!("00".repeat(64))),
        ("signature", json!("0")),
        ("app_version", json!("")),
        ("name", json!("x".repeat(101))),
    ] {
        let mut bad = body.clone();
        bad[field] = value.clone();
        // The point in the good body may be none either; then the field named is that one.
        let answer = ana.post("/devices", &bad).await;
        assert_eq!(answer.problem(422), "invalid-field", "{field} {value}");
    }
    let mut unknown = body.clone();
    unknown["rooted"] = json!(false);
    assert_eq!(ana.post("/devices", &unknown).await.problem(422), "invalid-body");
}
