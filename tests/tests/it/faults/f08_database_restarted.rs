//! F8: the database is torn down under load and comes back: for some seconds the server says "not now" and when to come
//! back, never that it failed; what was in doubt is answered by asking again.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use callout_server::platform::clock::Clock;
use callout_server::platform::postgres::Durability;
use callout_tests::fleet::Fleet;
use callout_tests::ledger_check;
use callout_tests::phone::Exchanged;
use callout_tests::{Actor, Phone, TestApp, TestTenant, Visit, new_key};
use reqwest::Method;
use sync_core::replica::Failure;

use crate::offline::scene;

const ROUNDS: usize = 24;

#[tokio::test]
async fn f8_once_the_database_is_back_nobody_meets_a_connection_that_died_however_much_later() {
    let app = TestApp::start().await;
    let (desk, _ana, mut phone, visit) = scene(&app).await;
    // So many at once that connections are left over.
    let read = async || futures_util::future::join_all((0..16).map(|_| desk.get("/tickets"))).await;
    for answer in read().await {
        answer.expect(200);
    }
    let mut superuser = app.database().superuser().await;
    let ended: i64 = sqlx::query_scalar(
        "select count(pg_terminate_backend(pid)) from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid()",
    )
    .fetch_one(&mut superuser)
    .await
    .unwrap();
    assert!(ended > 4, "{ended} connections ended");
    // One after the other, as on a quiet server: every one of them would be somebody's failed request.
    for _ in 0..20 {
        desk.get("/tickets").await.expect(200);
        app.get("/readyz").await.expect(200);
        desk.post("/auth/refresh", &serde_json::json!({ "refresh_token": "none" })).await.expect(401);
    }
    phone.note(visit.id, "nothing happened");
    assert!(!phone.exchange().await.must_go_on());
    app.expect_nothing_lost(&[&phone]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f8_while_the_database_restarts_the_server_says_not_now_and_then_everything_is_there_once() {
    let fleet = Fleet::start("restarted", 2, Durability::Full).await;
    let observer = fleet.observer().await;
    let servers: Vec<String> = fleet.addresses().iter().map(|address| format!("http://{address}")).collect();
    let http = reqwest::Client::new();
    let tenant = TestTenant::create(observer.state(), "acme", servers[0].clone(), http).await;
    let desk = tenant.dispatcher("dora").await;
    let mut phones: Vec<(Phone, Visit)> = Vec::new();
    for number in 0..6 {
        let ana = tenant.engineer(&format!("ana{number}")).await;
        let visit = desk.new_visit().assigned_to(&ana).save().await;
        let device = ana.enrol(&new_key()).await;
        let mut phone = Phone::in_own_directory(ana, device, Clock::system(), number);
        phone.online().await;
        phone.move_to(&servers[usize::from(number % 2 == 0)]);
        phones.push((phone, visit));
    }
    observer.stop().await.expect("it stops");

    let said = AtomicUsize::new(0);
    let rounds = async {
        let work = phones.iter_mut().map(|(phone, visit)| work(phone, *visit, &said));
        futures_util::future::join_all(work).await
    };
    let weather = async {
        for moment in [30, 80] {
            while said.load(Ordering::Relaxed) < moment {
                tokio::time::sleep(std::time::Duration::from_millis(2)).await;
            }
            let begun = std::time::Instant::now();
            fleet.cluster.tear_down();
            while fleet.cluster.answers().await && begun.elapsed().as_millis() < 500 {}
            fleet.ready().await;
            println!("ready again {} ms after the database was torn down", begun.elapsed().as_millis());
        }
    };
    let (statuses, (), read) = tokio::join!(rounds, weather, watch(&desk, &servers[1], &said));
    let mut all: BTreeMap<u16, usize> = read;
    for one in statuses {
        for (status, count) in one {
            *all.entry(status).or_default() += count;
        }
    }
    println!("answers by status, 0 for none: {all:?}");
    assert!(all.keys().all(|status| [0, 200, 503].contains(status)), "{all:?}\n{}", fleet.log());
    assert!(all.contains_key(&503), "it was noticed");
    assert!(!fleet.log().contains("request failed"), "{}", fleet.log());

    for (phone, visit) in &mut phones {
        phone.online().await;
        assert_eq!((phone.status().unsent, phone.drafts().len()), (0, 0));
        let ticket = desk.ticket(*visit).await;
        let notes = ticket["timeline"].as_array().unwrap().iter().filter(|fact| fact["kind"] == "note").count();
        assert_eq!(notes, ROUNDS, "each note once");
    }
    let ledgers: Vec<_> = phones.iter().map(|(phone, _)| phone.ledger_path()).collect();
    let verdict =
        ledger_check::check(&mut fleet.cluster.superuser().await, Some(&fleet.blobs()), &ledgers).await.unwrap();
    assert_eq!((verdict.lost, verdict.admitted), (vec![], 6 * ROUNDS));
}

/// A note and an exchange, again and again; how the exchanges were answered.
async fn work(phone: &mut Phone, visit: Visit, said: &AtomicUsize) -> BTreeMap<u16, usize> {
    let mut statuses = BTreeMap::new();
    for round in 0..ROUNDS {
        phone.note(visit.id, &format!("note {round}"));
        let status = match phone.exchange().await {
            Exchanged::Answered(_) => 200,
            Exchanged::Failed(Failure::Server { status, retry_after_ms }) => {
                assert!(status != 503 || retry_after_ms.is_some(), "it says when to come back");
                status
            }
            Exchanged::Failed(Failure::Offline) => 0,
            other => panic!("{other:?}"),
        };
        *statuses.entry(status).or_default() += 1;
        said.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    statuses
}

/// Reads at the desk meanwhile.
async fn watch(desk: &Actor, server: &str, said: &AtomicUsize) -> BTreeMap<u16, usize> {
    let mut statuses = BTreeMap::new();
    while said.load(Ordering::Relaxed) < 6 * ROUNDS {
        let get = desk.http().request(Method::GET, format!("{server}/api/v1/tickets")).bearer_auth(&desk.token);
        let status = match get.send().await {
            Ok(answer) => {
                let status = answer.status().as_u16();
                assert!(status != 503 || answer.headers().contains_key("retry-after"), "it says when to come back");
                status
            }
            Err(_) => 0,
        };
        *statuses.entry(status).or_default() += 1;
    }
    statuses
}
