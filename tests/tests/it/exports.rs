//! A phone is given up with work on it: the file that it leaves is handed in at the desk, and nothing in it is lost or
//! taken twice.

use std::collections::BTreeSet;

use callout_tests::{Actor, Answer, TestApp, new_key};
use reqwest::Method;
use serde_json::{Value, json};
use sync_core::document::FactBody;
use sync_core::ids::Sha256Hash;
use sync_core::time::DeviceTime;
use sync_core::wire::{Export, ExportedEntry, ServerSigner, exported};

use crate::offline::{kinds, scene};

async fn waiting(desk: &Actor) -> BTreeSet<String> {
    desk.quarantine().await.iter().map(|one| one["fact_id"].as_str().expect("an id").to_owned()).collect()
}

#[tokio::test]
async fn what_a_phone_leaves_behind_is_taken_once_and_what_had_arrived_is_known() {
    let app = TestApp::start().await;
    let (desk, ana, mut phone, visit) = scene(&app).await;
    // Refused while the phone was in use: its author has a draft, and the desk sees it.
    let refused = phone.forge(visit.id, FactBody::Cancel { reason: "not-hers-to-say".into() });
    phone.online().await;
    assert_eq!(phone.drafts().len(), 1);
    // Arrived, and the answer was lost on the way.
    let arrived = [phone.accept(visit.id), phone.depart(visit.id)];
    let (request, _) = phone.intercept();
    phone.post(request).await.expect("an answer that the phone never sees");
    // Never sent.
    phone.offline();
    let note = phone.note(visit.id, "the pump leaks at the flange");
    let photo = phone.photograph(visit.id, b"the flange");
    assert_eq!(waiting(&desk).await, BTreeSet::from([refused.to_string()]));
    let before = kinds(&desk.ticket(visit).await).len();

    let file = phone.export();
    let path = phone.directory().to_owned();
    let answer = desk.hand_in_export(&file).await.expect(200).json();
    let digest = Sha256Hash::of(b"the flange").to_string();
    assert_eq!(answer["sha256"], Sha256Hash::of(&file).to_string());
    assert_eq!((&answer["device_id"], &answer["user_id"]), (&json!(phone.device.id.0), &json!(ana.user.0)));
    let of_ticket = json!([{ "ticket_id": visit.ticket.0, "taken": 2, "known": 3 }]);
    assert_eq!(
        (&answer["taken"], &answer["known"], &answer["tickets"]),
        (&json!(2), &json!(3), &of_ticket),
        "{answer}"
    );
    assert_eq!((&answer["is_repeated"], &answer["unreadable"]), (&json!(false), &json!(0)));
    assert_eq!(answer["missing_attachments"], json!([digest]));

    let expected = [refused, note, photo].map(|fact| fact.to_string());
    assert_eq!(waiting(&desk).await, BTreeSet::from(expected));
    let said = desk.ticket(visit).await;
    assert_eq!(kinds(&said).len(), before, "nothing of it is in the ticket before a dispatcher says so");
    assert!(arrived.iter().all(|fact| said.to_string().contains(&fact.to_string())));
    let mut read = Vec::new();
    for one in desk.quarantine().await.iter().filter(|one| one["code"] == "left_on_phone") {
        let shown = desk.get(&format!("/quarantine/{}", one["quarantine_id"].as_str().unwrap())).await.expect(200);
        read.push(shown.json()["content"].to_string());
    }
    assert!(read.len() == 2 && read.iter().any(|said| said.contains("the pump leaks at the flange")), "{read:?}");

    // The same file again, and one that the phone wrote later with the same in it.
    let rows = app.row_counts().await;
    let again = desk.hand_in_export(&file).await.expect(200).json();
    assert_eq!((&again["is_repeated"], &again["taken"], &again["known"]), (&json!(true), &json!(0), &json!(5)));
    let later = desk.hand_in_export(&phone.export()).await.expect(200).json();
    assert_eq!((&later["is_repeated"], &later["taken"], &later["known"]), (&json!(false), &json!(0), &json!(5)));
    assert_eq!(app.row_counts().await, rows);

    // Her photo is still in the phone's keeping, and she may hand it in: an entry of hers names it.
    let bytes = std::fs::read(path.join("photos").join(&digest)).expect("the photo");
    let put = ana.request(Method::PUT, &format!("/attachments/{digest}")).body(bytes);
    Answer::of(put).await.expect(204);
    let last = desk.hand_in_export(&file).await.expect(200).json();
    assert_eq!(last["missing_attachments"], json!([]));
    app.expect_nothing_lost(&[&phone]).await;

    // Should the phone go on after all, what it says comes in, and the desk need not enter it.
    phone.online().await;
    assert_eq!(waiting(&desk).await, BTreeSet::from([refused.to_string()]));
    let noted: Vec<(Value, i32, i32)> = noted(&app).await;
    assert_eq!(noted, [(json!(desk.user.0), 2, 3), (json!(desk.user.0), 0, 5)], "who handed in what is written down");
}

/// Who handed in which files: how much of each was new, and how much was known.
async fn noted(app: &TestApp) -> Vec<(Value, i32, i32)> {
    let mut database = app.database().superuser().await;
    let rows: Vec<(uuid::Uuid, i32, i32)> =
        sqlx::query_as("select handed_in_by, taken, known from taken_export order by taken desc")
            .fetch_all(&mut database)
            .await
            .expect("the exports");
    rows.into_iter().map(|(by, taken, known)| (json!(by), taken, known)).collect()
}

#[tokio::test]
async fn a_file_that_is_not_of_a_device_of_ours_changes_nothing_and_says_why() {
    let app = TestApp::start().await;
    let (desk, ana, mut phone, visit) = scene(&app).await;
    phone.offline();
    phone.note(visit.id, "unsent");
    let file = phone.export();
    let fact = phone.unsent_facts()[0];
    let before = app.row_counts().await;

    let said = |answer: Answer| answer.problem(422);
    for at in [0, 3, 10, 40, 70, 100, file.len() / 2, file.len() - 1] {
        let mut forged = file.clone();
        forged[at] ^= 1;
        let why = said(desk.hand_in_export(&forged).await);
        assert!(["not-an-export", "not-for-this-server"].contains(&why.as_str()), "byte {at}: {why}");
        let why = said(desk.hand_in_export(&file[..at]).await);
        assert!(["not-an-export", "not-for-this-server"].contains(&why.as_str()), "cut at {at}: {why}");
    }
    assert_eq!(said(desk.hand_in_export(b"").await), "not-an-export");

    let entry = ExportedEntry {
        ticket: Some(visit.ticket),
        state: exported::UNSENT.into(),
        code: String::new(),
        payload: phone.look(visit.ticket, |sight| sight.ticket.doc.facts().last().expect("the note").to_bytes()),
    };
    let honest = Export {
        tenant: ana.tenant,
        device: phone.device.id,
        user: ana.user,
        made_at: DeviceTime(0),
        entries: vec![entry],
        batches: Vec::new(),
        awaited: Vec::new(),
    };
    let (own, ours, fresh) = (phone.device.signer.clone(), phone.device.server_key, [7; 32]);
    let rival = app.another_tenant("rival").await;
    let (their_desk, eve) = (rival.dispatcher("dan").await, rival.engineer("eve").await);
    let their_phone = eve.phone().await;
    let bo = app.engineer("bo").await;
    let elsewhere = ServerSigner::from_secret(&[9; 32]).public_key();
    let stranger = new_key();
    let forgeries = [
        ("not-for-this-server", honest.seal(&own, &elsewhere, &fresh)),
        ("not-signed", honest.seal(&stranger, &ours, &fresh)),
        ("not-signed", honest.seal(&their_phone.device.signer, &ours, &fresh)),
        ("unknown-device", Export { user: bo.user, ..honest.clone() }.seal(&own, &ours, &fresh)),
        ("unknown-device", Export { tenant: rival.id, ..honest.clone() }.seal(&own, &ours, &fresh)),
        (
            "unknown-device",
            Export { device: their_phone.device.id, user: eve.user, ..honest.clone() }.seal(
                &their_phone.device.signer,
                &ours,
                &fresh,
            ),
        ),
    ];
    for (expected, forged) in forgeries {
        assert_eq!(said(desk.hand_in_export(&forged.expect("sealed")).await), expected);
    }
    assert_eq!(said(their_desk.hand_in_export(&file).await), "unknown-device", "to another company it is nobody's");
    ana.hand_in_export(&file).await.expect(403);
    let other_media = desk.request(Method::POST, "/quarantine/exports").body(file.clone());
    assert_eq!(Answer::of(other_media).await.problem(415), "unsupported-media-type");
    desk.hand_in_export(&vec![0; (16 << 20) + 1]).await.expect(413);
    assert_eq!(app.row_counts().await, before);
    assert!(noted(&app).await.is_empty());

    // What nobody can read any more does not hold up what can be read.
    let broken =
        ExportedEntry { ticket: None, state: exported::SET_ASIDE.into(), code: String::new(), payload: vec![1; 40] };
    let damaged = ExportedEntry { payload: vec![2; 40], ..honest.entries[0].clone() };
    let pool = ExportedEntry { state: exported::WISH.into(), code: "take".into(), ..honest.entries[0].clone() };
    let entries = vec![broken, damaged, pool, honest.entries[0].clone(), honest.entries[0].clone()];
    let sealed = Export { entries, ..honest }.seal(&own, &ours, &fresh).expect("sealed");
    let answer = desk.hand_in_export(&sealed).await.expect(200).json();
    let counts = ["taken", "known", "unreadable", "wishes"].map(|name| answer[name].as_i64().expect("a count"));
    assert_eq!(counts, [1, 0, 2, 1], "{answer}");
    assert_eq!(waiting(&desk).await, BTreeSet::from([fact.to_string()]));
}
