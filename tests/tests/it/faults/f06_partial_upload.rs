//! F6: an upload breaks off: it goes on where it was, at whichever server; other bytes are thrown away and sent once more,
//! and then shown; and the ticket waits for no blob.

use std::time::Duration;

use callout_tests::phone::{Faults, Uploaded};
use callout_tests::{Actor, Answer, Phone, TestApp, Visit};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use reqwest::{Method, RequestBuilder};
use serde_json::json;
use sync_core::ids::Sha256Hash;

use crate::offline::scene;

/// A phone that has photographed this; the entry is on the server, its bytes are not.
async fn a_photo(app: &TestApp, bytes: &[u8]) -> (Actor, Actor, Phone, Visit, String) {
    let (desk, ana, mut phone, visit) = scene(app).await;
    phone.photograph(visit.id, bytes);
    phone.exchange().await;
    let path = format!("/attachments/{}/upload", Sha256Hash::of(bytes));
    (desk, ana, phone, visit, path)
}

fn photo(length: usize) -> Vec<u8> {
    let mut dice = StdRng::seed_from_u64(length as u64);
    (0..length).map(|_| dice.random()).collect()
}

fn tus(who: &Actor, method: Method, path: &str) -> RequestBuilder {
    who.request(method, path).header("tus-resumable", "1.0.0")
}

async fn begin(who: &Actor, path: &str, length: usize) -> Answer {
    Answer::of(tus(who, Method::POST, path).header("upload-length", length)).await
}

async fn piece(who: &Actor, path: &str, offset: usize, bytes: &[u8]) -> Answer {
    let patch = tus(who, Method::PATCH, path).header("upload-offset", offset).body(bytes.to_vec());
    Answer::of(patch.header("content-type", "application/offset+octet-stream")).await
}

async fn offset(who: &Actor, path: &str) -> Answer {
    Answer::of(tus(who, Method::HEAD, path)).await
}

#[tokio::test]
async fn f6_an_upload_that_breaks_off_goes_on_where_it_was_at_any_server_and_after_a_restart() {
    let app = TestApp::start().await;
    let other = app.another_process().await;
    let bytes = photo(100_000);
    let (desk, ana, phone, visit, path) = a_photo(&app, &bytes).await;
    assert_eq!(phone.status().unsent, 0, "the entry did not wait for its bytes");
    let there = ana.at(&other);

    assert_eq!(offset(&ana, &path).await.status, 404);
    let begun = begin(&ana, &path, bytes.len()).await.expect(201);
    assert_eq!((begun.header("location"), begun.header("upload-offset")), (&*format!("/api/v1{path}"), "0"));
    assert_eq!(begun.header("tus-resumable"), "1.0.0");
    begun.header("upload-expires");
    let taken = piece(&ana, &path, 0, &bytes[..30_000]).await.expect(204);
    assert_eq!(taken.header("upload-offset"), "30000");
    assert_eq!(piece(&there, &path, 0, &bytes[..30_000]).await.problem(409), "other-offset");
    piece(&there, &path, 30_000, &bytes[30_000..60_000]).await.expect(204);
    let known = offset(&ana, &path).await.expect(200);
    assert_eq!((known.header("upload-offset"), known.header("upload-length")), ("60000", "100000"));
    assert_eq!(known.header("cache-control"), "no-store");
    begin(&there, &path, bytes.len()).await.expect(201);
    assert_eq!(offset(&ana, &path).await.header("upload-offset"), "60000", "beginning again loses nothing");
    assert_eq!(desk.ticket(visit).await["evidence"][0]["is_stored"], json!(false));

    // The app is killed; the phone's next life asks how far it came.
    let mut phone = phone.restart();
    assert_eq!(phone.upload_in_pieces(15_000).await, [Uploaded::Stored]);
    assert_eq!(desk.ticket(visit).await["evidence"][0]["is_stored"], json!(true));
    let known = offset(&there, &path).await.expect(200);
    assert_eq!((known.header("upload-offset"), known.header("upload-length")), ("100000", "100000"));
    phone.exchange().await;
    assert_eq!(phone.status().awaited_blobs, 0);
    let read = desk.get(path.trim_end_matches("/upload")).await.expect(200);
    assert_eq!(read.body, bytes);
    app.expect_nothing_lost(&[&phone]).await;
    other.stop().await;
}

#[tokio::test]
async fn f6_over_a_way_that_loses_half_of_all_pieces_every_byte_arrives_once() {
    let app = TestApp::start().await;
    let (desk, _ana, mut phone, visit) = scene(&app).await;
    for length in [1, 999, 64 * 1024, 300_000] {
        phone.photograph(visit.id, &photo(length));
    }
    phone.sign(visit.id, "Mrs Weber");
    phone.exchange().await;
    phone.with_faults(Faults { requests_lost: 25, replies_lost: 25, ..Faults::default() });
    let mut tries = 0;
    while phone.status().awaited_blobs > 0 {
        phone.upload_in_pieces(20_000).await;
        phone.exchange().await;
        tries += 1;
        assert!(tries < 200, "{:?}", phone.status());
    }
    let evidence = desk.ticket(visit).await["evidence"].clone();
    assert_eq!(evidence.as_array().unwrap().len(), 5);
    assert!(evidence.as_array().unwrap().iter().all(|one| one["is_stored"] == true), "{evidence}");
    phone.with_faults(Faults::default()).online().await;
    let verdict = app.expect_nothing_lost(&[&phone]).await;
    assert_eq!((verdict.blobs, verdict.stored_blobs), (5, 5));
}

#[tokio::test]
async fn f6_what_had_come_when_the_connection_died_is_kept() {
    use tokio::io::AsyncWriteExt;
    let app = TestApp::start().await;
    let bytes = photo(200_000);
    let (_desk, ana, _phone, _visit, path) = a_photo(&app, &bytes).await;
    begin(&ana, &path, bytes.len()).await.expect(201);
    let address = app.url("").trim_start_matches("http://").to_owned();
    let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
    let head = format!(
        "PATCH /api/v1{path} HTTP/1.1\r\nhost: test\r\nauthorization: Bearer {}\r\ntus-resumable: 1.0.0\r\n\
         upload-offset: 0\r\ncontent-type: application/offset+octet-stream\r\ncontent-length: {}\r\n\r\n",
        ana.token,
        bytes.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&bytes[..150_000]).await.unwrap();
    stream.flush().await.unwrap();
    // While that connection still stands, the phone has found another way, and asks there.
    let come = tokio::time::timeout(Duration::from_secs(20), async {
        loop {
            let known: usize = offset(&ana, &path).await.expect(200).header("upload-offset").parse().unwrap();
            if known == 150_000 {
                return known;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    let come = come.await.expect("all that was sent is kept");
    piece(&ana, &path, come, &bytes[come..]).await.expect(204);
    drop(stream);
    assert_eq!(offset(&ana, &path).await.expect(200).header("upload-offset"), "200000");
}

#[tokio::test]
async fn f6_a_file_that_went_bad_is_sent_once_more_and_then_shown_and_holds_up_nothing() {
    let app = TestApp::start().await;
    let bytes = photo(50_000);
    let (desk, _ana, mut phone, visit, path) = a_photo(&app, &bytes).await;
    // One bit on the phone's disk turns.
    let file = phone.photo_path(Sha256Hash::of(&bytes));
    let mut spoilt = bytes.clone();
    spoilt[40_000] ^= 1;
    std::fs::write(&file, &spoilt).unwrap();
    assert_eq!(phone.upload_in_pieces(20_000).await, [Uploaded::Refused]);
    assert_eq!(phone.corrupt_blobs(), [], "once may have been the way");
    assert_eq!(offset(&phone.owner, &path).await.status, 404, "what was wrong is thrown away");
    assert_eq!(phone.upload_in_pieces(20_000).await, [Uploaded::Refused]);
    assert_eq!(phone.corrupt_blobs(), [Sha256Hash::of(&bytes)], "twice is the file");
    let mut phone = phone.restart();
    assert_eq!((phone.upload_in_pieces(20_000).await, phone.corrupt_blobs().len()), (vec![], 1), "and no more");

    phone.note(visit.id, "the photo is gone, I am afraid");
    phone.exchange().await;
    assert_eq!((phone.status().unsent, phone.status().awaited_blobs), (0, 1));
    assert_eq!(desk.ticket(visit).await["evidence"][0]["is_stored"], json!(false), "the desk sees what is missing");
    // Somebody finds the file again.
    std::fs::write(&file, &bytes).unwrap();
    let put = phone.owner.request(Method::PUT, path.trim_end_matches("/upload")).body(bytes);
    Answer::of(put).await.expect(204);
    phone.online().await;
    assert_eq!((phone.status().awaited_blobs, phone.corrupt_blobs().len()), (0, 0));
    app.expect_nothing_lost(&[&phone]).await;
}

#[tokio::test]
async fn f6_uploads_of_others_and_of_nonsense_are_refused_and_take_no_room() {
    let app = TestApp::start().await;
    let bytes = photo(5_000);
    let (desk, ana, mut phone, visit, path) = a_photo(&app, &bytes).await;
    let uploads = app.state_directory().join("blobs/partial");
    let kept = || walk(&uploads);

    // Nobody names these bytes, or somebody else does: one answer for both.
    let unknown = format!("/attachments/{}/upload", Sha256Hash::of(b"nobody's"));
    let (ben, rival) = (app.engineer("ben").await, app.another_tenant("rival").await.engineer("ana").await);
    for (who, path) in [(&ana, &unknown), (&ben, &path), (&rival, &path), (&desk, &path)] {
        assert_eq!(begin(who, path, bytes.len()).await.problem(404), "not-found");
        assert_eq!(piece(who, path, 0, &bytes).await.problem(404), "not-found");
        assert_eq!(offset(who, path).await.status, 404);
        assert_eq!(Answer::of(tus(who, Method::DELETE, path)).await.problem(404), "not-found");
    }
    for name in ["../../../etc/passwd", "..%2f..%2fetc", "abc", &"g".repeat(64), "%00", &"0".repeat(63)] {
        let answer = begin(&ana, &format!("/attachments/{name}/upload"), 5_000).await;
        assert!(answer.status.is_client_error(), "{name}: {answer}");
    }
    for length in ["0", "-1", "4999", "5001", "1e3", "", "99999999999999999999", "184467440737095516160"] {
        let answer = Answer::of(tus(&ana, Method::POST, &path).header("upload-length", length)).await;
        assert!([413, 422].contains(&answer.status.as_u16()), "{length:?}: {answer}");
    }
    let old = Answer::of(ana.request(Method::POST, &path).header("tus-resumable", "0.2.2")).await;
    assert_eq!((old.problem(412).as_str(), old.header("tus-version")), ("other-protocol", "1.0.0"));
    assert_eq!(kept(), 0, "nothing of that left a trace");

    begin(&ana, &path, bytes.len()).await.expect(201);
    assert_eq!(piece(&ana, &path, 1, &bytes).await.problem(409), "other-offset");
    assert_eq!(piece(&ana, &path, 0, &[bytes.clone(), vec![0]].concat()).await.problem(413), "too-large");
    let patch = tus(&ana, Method::PATCH, &path).header("upload-offset", 0).body(bytes.clone());
    assert_eq!(Answer::of(patch).await.problem(415), "unsupported-media-type");
    let patch = tus(&ana, Method::PATCH, &path).header("content-type", "application/offset+octet-stream");
    assert_eq!(Answer::of(patch.body(bytes.clone())).await.problem(422), "invalid-field");
    for (who, status) in [(&ben, 404), (&rival, 404)] {
        assert_eq!(piece(who, &path, 0, &bytes).await.status, status, "what ana has begun is hers");
    }

    // It is given up, and begins anew.
    Answer::of(tus(&ana, Method::DELETE, &path)).await.expect(204);
    assert_eq!((offset(&ana, &path).await.status.as_u16(), kept()), (404, 0));
    assert_eq!(desk.ticket(visit).await["evidence"][0]["is_stored"], json!(false));

    // Nobody begins more than a few at a time.
    let mut paths = Vec::new();
    for n in 0..33_u8 {
        let bytes = [n; 100];
        phone.photograph(visit.id, &bytes);
        paths.push(format!("/attachments/{}/upload", Sha256Hash::of(&bytes)));
    }
    phone.exchange().await;
    let mut answers = Vec::new();
    for path in &paths {
        answers.push(begin(&ana, path, 100).await);
    }
    assert!(answers[..32].iter().all(|answer| answer.status == 201), "{}", answers[0]);
    assert_eq!(answers[32].problem(429), "too-many-uploads");
    answers[32].header("retry-after");
    piece(&ana, &paths[0], 0, &[0; 100]).await.expect(204);
    begin(&ana, &paths[32], 100).await.expect(201);

    // What does not move is forgotten after a day.
    app.advance(Duration::from_secs(25 * 3600));
    let ana = app.tenant().sign_in_again(&ana).await;
    assert_eq!(offset(&ana, &paths[32]).await.status, 404);
    assert_eq!(kept(), 0);
}

/// How many files there are.
fn walk(directory: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| if entry.path().is_dir() { walk(&entry.path()) } else { 1 }).sum()
}
