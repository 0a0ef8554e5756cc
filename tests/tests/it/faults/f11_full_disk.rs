//! F11: the database's disk, or the one for blobs, is full: reads go on, writes are told so, the server says that it is not
//! ready, nothing acknowledged is lost, and all goes on by itself once there is room.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use callout_server::platform::clock::Clock;
use callout_server::platform::postgres::Durability;
use callout_tests::fleet::Cluster;
use callout_tests::phone::Exchanged;
use callout_tests::serve::Server;
use callout_tests::{Answer, Phone, TestApp, TestTenant, ledger_check, new_key};
use reqwest::Method;
use sync_core::ids::Sha256Hash;
use sync_core::replica::Failure;

/// A file system of so many megabytes, in memory.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// None where we may not mount one: then the test has nothing to stand on.
    fn mount(at: &Path, megabytes: usize) -> Option<Self> {
        std::fs::create_dir_all(at).expect("a directory");
        let size = format!("size={megabytes}M,mode=0755");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(at).output();
        if mounted.is_ok_and(|mounted| mounted.status.success()) {
            return Some(Self(at.to_owned()));
        }
        println!("no file system of our own here: not tried");
        None
    }

    /// Leaves no room at all.
    fn fill(&self) {
        let mut file = std::fs::File::create(self.0.join("ballast")).expect("a file");
        let mut block = vec![7_u8; 1 << 20];
        while !block.is_empty() {
            if std::io::Write::write_all(&mut file, &block).is_err() {
                block.truncate(block.len() / 2);
            }
        }
    }

    fn make_room(&self) {
        std::fs::remove_file(self.0.join("ballast")).expect("the ballast");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // What still uses it keeps it until it ends.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f11_with_no_room_for_the_database_reads_go_on_writes_are_told_and_all_resumes_alone() {
    let directory = callout_tests::postgres::directory_for("full");
    let Some(disk) = SmallDisk::mount(&directory, 160) else { return };
    let cluster = Cluster::start_in(directory.join("below"), Durability::Full).await;
    let data = tempfile::tempdir().unwrap();
    let url = cluster.app_url();
    let environment = [("CALLOUT_LISTEN", "127.0.0.1:0"), ("DATABASE_URL", url.as_str()), ("RUST_LOG", "warn")];
    let server = Server::start(data.path(), &environment).await.unwrap();
    let observer = cluster.observer(data.path()).await;
    let tenant = TestTenant::create(observer.state(), "acme", server.url.clone(), reqwest::Client::new()).await;
    let desk = tenant.dispatcher("dora").await;
    let ana = tenant.engineer("ana").await;
    let visit = desk.new_visit().assigned_to(&ana).save().await;
    let device = ana.enrol(&new_key()).await;
    let mut phone = Phone::in_own_directory(ana, device, Clock::system(), 1);
    phone.online().await;
    observer.stop().await.unwrap();
    let ready = async || reqwest::get(format!("{}/readyz", server.url)).await.unwrap().status().as_u16();
    assert_eq!(ready().await, 200);

    // Pages that are there still have room: it takes some writing until the first is refused.
    disk.fill();
    let mut refused = None;
    for round in 0..400 {
        phone.note(visit.id, &format!("{round} {}", "x".repeat(4_000)));
        match phone.exchange().await {
            Exchanged::Answered(_) => {}
            Exchanged::Failed(Failure::Server { status, retry_after_ms }) => {
                assert!([503, 507].contains(&status) && retry_after_ms.is_some(), "{status} {retry_after_ms:?}");
                refused = Some(status);
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(refused, Some(507), "at last there was no room");
    assert_eq!(ready().await, 503, "whoever balances load sends others elsewhere");
    let read = Answer::of(desk.request(Method::GET, "/tickets")).await.expect(200);
    assert_eq!(read.json()["items"].as_array().unwrap().len(), 1, "reads go on");
    assert_eq!(desk.ticket(visit).await["status"], "assigned");
    assert_eq!(reqwest::get(format!("{}/healthz", server.url)).await.unwrap().status(), 200);
    let unsent = phone.status().unsent;
    assert!(unsent > 0);

    disk.make_room();
    phone.online().await;
    assert_eq!(phone.status().unsent, 0);
    tokio::time::timeout(Duration::from_secs(30), async {
        while ready().await != 200 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await
    .expect("ready again by itself");
    let ledgers = [phone.ledger_path()];
    let verdict = ledger_check::check(&mut cluster.superuser().await, None, &ledgers).await.unwrap();
    assert_eq!((verdict.lost, verdict.saved), (vec![], verdict.admitted));
    server.stop().await;
}

#[tokio::test]
async fn f11_with_no_room_for_blobs_the_ticket_syncs_and_the_photo_waits_and_says_why() {
    let directory = callout_tests::postgres::directory_for("blobs");
    let Some(disk) = SmallDisk::mount(&directory, 4) else { return };
    let app = TestApp::start_with(|config| {
        std::fs::copy(config.data_dir.join("signing.key"), directory.join("signing.key")).ok();
        config.data_dir.clone_from(&directory);
    })
    .await;
    let (desk, ana) = (app.dispatcher("dora").await, app.engineer("ana").await);
    let visit = desk.new_visit().assigned_to(&ana).save().await;
    let mut phone = ana.phone().await;
    phone.online().await;
    let photo = vec![9; 100_000];
    phone.photograph(visit.id, &photo);
    disk.fill();

    phone.online().await;
    assert_eq!((phone.status().unsent, phone.status().awaited_blobs), (0, 1), "the text does not wait for the photo");
    let path = format!("/attachments/{}", Sha256Hash::of(&photo));
    let put = Answer::of(ana.request(Method::PUT, &path).body(photo.clone())).await;
    assert_eq!(put.problem(507), "storage-full");
    phone.upload_in_pieces(30_000).await;
    assert_eq!(phone.status().awaited_blobs, 1);
    assert_eq!(desk.ticket(visit).await["evidence"][0]["is_stored"], false);
    app.get("/readyz").await.expect(200);

    disk.make_room();
    phone.upload_in_pieces(30_000).await;
    phone.online().await;
    assert_eq!(phone.status().awaited_blobs, 0);
    assert_eq!(desk.get(&path).await.expect(200).body, photo);
    app.expect_nothing_lost(&[&phone]).await;
}
