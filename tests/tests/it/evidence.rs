//! The file that proves a ticket: made by the server, checked without it.

use std::ffi::OsStr;
use std::io::{Cursor, Read, Write};
use std::path::Path;
use std::process::Command;

use callout_server::evidence::verify::{Report, verify};
use callout_tests::{Actor, TestApp, Visit};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

/// A ticket with work, a photo and a customer's signature on it, and its evidence.
async fn a_signed_ticket(app: &TestApp) -> (Actor, Visit, Vec<u8>) {
    let (admin, desk, ana) = (app.admin().await, app.dispatcher("dora").await, app.engineer("ana").await);
    let visit = desk.new_visit().assigned_to(&ana).save().await;
    let mut phone = ana.phone().await;
    phone.online().await;
    phone.offline().accept(visit.id);
    phone.depart(visit.id);
    phone.check_in(visit.id);
    phone.start(visit.id);
    phone.photograph(visit.id, b"the seal, before");
    phone.note(visit.id, "seal worn");
    phone.sign(visit.id, "Kim");
    phone.done(visit.id, "solved");
    phone.online().await;
    desk.edit(visit, "priority", serde_json::json!(3), serde_json::json!(2)).await;
    let evidence = evidence_of(&admin, visit).await;
    (admin, visit, evidence)
}

async fn evidence_of(who: &Actor, visit: Visit) -> Vec<u8> {
    who.get(&format!("/tickets/{}/evidence", visit.ticket)).await.expect(200).body
}

fn checked(file: &[u8]) -> Report {
    verify(Cursor::new(file), None).expect("an evidence file")
}

/// The same file with one entry changed; none if there is no such entry.
fn with_entry(file: &[u8], name: &str, change: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
    let mut from = ZipArchive::new(Cursor::new(file)).expect("a file");
    let mut to = ZipWriter::new(Cursor::new(Vec::new()));
    let mut is_there = false;
    for at in 0..from.len() {
        let mut entry = from.by_index(at).expect("an entry");
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).expect("its bytes");
        let entry_name = entry.name().expect("its name").into_owned();
        if entry_name == name {
            is_there = true;
            change(&mut bytes);
        }
        to.start_file(entry_name, SimpleFileOptions::default()).expect("an entry");
        to.write_all(&bytes).expect("its bytes");
    }
    assert!(is_there, "{name}");
    to.finish().expect("a file").into_inner()
}

fn names(file: &[u8]) -> Vec<String> {
    let archive = ZipArchive::new(Cursor::new(file)).expect("a file");
    archive.file_names().map(|name| name.expect("a name").into_owned()).collect()
}

#[tokio::test]
async fn evidence_is_checked_without_the_server_that_made_it() {
    let app = TestApp::start().await;
    let (_, _, file) = a_signed_ticket(&app).await;
    let server = app.state().signer.public_key();
    drop(app);
    let report = verify(Cursor::new(&file), Some(server)).expect("an evidence file");
    assert!(report.holds(), "{report}");
    assert!(report.missing_blobs.is_empty(), "{report}");
    assert!(report.checks.iter().all(|check| check.count > 0), "each check found something to check: {report}");
    let stranger = sync_core::wire::ServerSigner::from_secret(&[9; 32]).public_key();
    let report = verify(Cursor::new(&file), Some(stranger)).expect("an evidence file");
    assert!(!report.holds(), "{report}");
}

#[tokio::test]
async fn whatever_is_changed_in_evidence_is_found() {
    let app = TestApp::start().await;
    let (_, _, file) = a_signed_ticket(&app).await;
    assert!(checked(&file).holds());
    for name in names(&file) {
        let forged = with_entry(&file, &name, |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        });
        let holds = verify(Cursor::new(&forged), None).is_ok_and(|report| report.holds());
        assert!(!holds, "{name} was changed");
        let cut = with_entry(&file, &name, |bytes| bytes.truncate(bytes.len() - 1));
        let holds = verify(Cursor::new(&cut), None).is_ok_and(|report| report.holds());
        assert!(!holds, "{name} was cut");
    }
    for cut in [0, 1, file.len() / 2, file.len() - 1] {
        assert!(verify(Cursor::new(&file[..cut]), None).is_err(), "cut at {cut}");
    }
}

#[tokio::test]
async fn who_rewrites_the_database_is_found_by_the_chain() {
    let app = TestApp::start().await;
    let (admin, visit, _) = a_signed_ticket(&app).await;
    let mut database = app.database().superuser().await;
    let hour =
        "update ticket_change set received_at = received_at - interval '1 hour' where ticket_id = $1 and version = 3";
    sqlx::query(hour).bind(visit.ticket.0).execute(&mut database).await.expect("a forged hour");
    let report = checked(&evidence_of(&admin, visit).await);
    let broken: Vec<_> = report.checks.iter().filter(|check| !check.faults.is_empty()).collect();
    assert_eq!(broken.len(), 1, "{report}");
    assert_eq!(broken[0].faults, ["the chain breaks at change 3"]);
}

#[tokio::test]
async fn a_photo_that_is_still_on_the_phone_is_named_and_no_fault() {
    let app = TestApp::start().await;
    let (admin, desk, ana) = (app.admin().await, app.dispatcher("dora").await, app.engineer("ana").await);
    let visit = desk.new_visit().assigned_to(&ana).save().await;
    let mut phone = ana.phone().await;
    phone.online().await;
    phone.photograph(visit.id, b"late");
    phone.exchange().await;
    let report = checked(&evidence_of(&admin, visit).await);
    assert!(report.holds() && report.missing_blobs.len() == 1, "{report}");
    desk.get(&format!("/tickets/{}/evidence", visit.ticket)).await.expect(403);
}

/// `callout verify`, as anybody runs it: its exit code, what it printed, and what it complained of.
pub fn run_verify(file: &Path, more: &[&str]) -> (Option<i32>, String, String) {
    let program = callout_tests::serve::program().expect("the program is built");
    let arguments = [OsStr::new("verify"), file.as_os_str()].into_iter().chain(more.iter().map(OsStr::new));
    let output = Command::new(program).args(arguments).output().expect("the program runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[tokio::test]
async fn the_program_says_by_its_exit_code_what_it_found() {
    let app = TestApp::start().await;
    let (_, visit, evidence) = a_signed_ticket(&app).await;
    let key = callout_tests::hex(&app.state().signer.public_key().to_bytes());
    drop(app);
    let directory = tempfile::tempdir().expect("a directory");
    let place = |name: &str, bytes: &[u8]| {
        let path = directory.path().join(name);
        std::fs::write(&path, bytes).expect("a file");
        path
    };

    let whole = place("whole.zip", &evidence);
    for known in [&["--server-key", key.as_str()][..], &[]] {
        let (code, said, complained) = run_verify(&whole, known);
        assert_eq!((code, complained.as_str()), (Some(0), ""), "{said}");
        assert!(said.ends_with("It holds.\n") && !said.contains("FAILED"), "{said}");
        assert!(said.contains(&visit.ticket.to_string()), "{said}");
    }

    let forged = with_entry(&evidence, "changes/3", |bytes| bytes[40] ^= 1);
    let (code, said, _) = run_verify(&place("forged.zip", &forged), &["--server-key", &key]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("FAILED every change is the one of its hash") && said.contains("changes/3"), "{said}");
    assert!(said.ends_with("It does NOT hold.\n"), "{said}");
    let other_key = callout_tests::hex(&sync_core::wire::ServerSigner::from_secret(&[9; 32]).public_key().to_bytes());
    let (code, said, _) = run_verify(&whole, &["--server-key", &other_key]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("FAILED the server signed the manifest"), "{said}");

    let unreadable = [
        (place("cut.zip", &evidence[..evidence.len() / 2]), &[][..]),
        (place("page.html", b"<html>not found</html>"), &[]),
        (place("empty.zip", b""), &[]),
        (directory.path().join("missing.zip"), &[]),
        (whole.clone(), &["--server-key", "not a key"]),
        (whole, &["--server-key", "00"]),
    ];
    for (file, more) in unreadable {
        let (code, said, complained) = run_verify(&file, more);
        assert_eq!((code, said.as_str()), (Some(2), ""), "{}", file.display());
        assert!(complained.contains(&*file.display().to_string()), "{complained}");
    }
}
