//! F1: servers are killed, with SIGKILL: what was acknowledged is there, what was not is whole or absent, and sending it
//! again is all it takes.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use callout_server::boot;
use callout_server::platform::clock::Clock;
use callout_server::platform::config::{Config, Limits, LogFormat, Oldest, Routing};
use callout_tests::proxy::{PostgresProxy, Side};
use callout_tests::{Phone, TestApp, chaos};
use sqlx::Row;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f1_a_server_killed_between_any_two_statements_of_a_push_leaves_all_of_it_or_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let key = directory.path().join("signing.key");
    std::fs::write(&key, [7; 32]).unwrap();
    let app = TestApp::start_with(|config| config.signing_key_file = Some(key.clone())).await;
    let proxy = PostgresProxy::to(app.database().socket_directory());
    let (desk, ana) = (app.dispatcher("dora").await, app.engineer("ana").await);
    let visits = [desk.new_visit().assigned_to(&ana).save().await, desk.new_visit().assigned_to(&ana).save().await];
    let mut phone = ana.phone().await;
    phone.online().await;

    let url = app.database().app_url_through(proxy.directory());
    let mut server = ServerChild::start(&url, &key, directory.path()).await;
    let (mut kills, mut absent) = (0, 0);
    for side in [Side::Before, Side::After] {
        for statement in 1.. {
            assert!(statement < 200, "a push has no such number of statements");
            phone.offline();
            for visit in &visits {
                phone.note(visit.id, &format!("{side:?} {statement}"));
                phone.note(visit.id, "and another");
            }
            phone.move_to(&server.url);
            let (request, _) = phone.intercept();
            proxy.close_at(statement, side);
            let is_answered = tokio::select! {
                answer = phone.post(request) => { answer.unwrap(); true }
                () = proxy.closed() => false,
            };
            proxy.open();
            if !is_answered {
                server = server.kill_and_start_again(&url, &key, directory.path()).await;
                kills += 1;
            }
            phone.move_to(&server.url);
            let stored = stored(&app, &phone).await;
            assert!(stored == 0 || stored == 4, "{side:?} statement {statement}: {stored} of 4 changes are there");
            absent += usize::from(stored == 0);
            phone.online().await;
            assert_eq!(phone.status().unsent, 0);
            app.expect_nothing_lost(&[&phone]).await;
            if is_answered {
                break;
            }
        }
    }
    assert!(kills > 20, "a push has more statements than {kills}");
    assert!(absent > 10 && absent < kills, "{absent} of {kills} pushes were not stored at first");
}

/// The whole: phones, an office, three processes of the real program, a road that cuts and doubles. `make chaos` is the
/// same, larger, for as long as one likes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f1_servers_killed_under_load_lose_nothing_and_everybody_agrees_afterwards() {
    let settings = chaos::Settings {
        name: "chaos-it".to_owned(),
        seed: 7,
        servers: 3,
        phones: 16,
        rounds: 6,
        calm: 25,
        threads: 2,
    };
    let outcome = chaos::run(&settings, None).await;
    println!("{}", outcome.json());
    assert!(outcome.is_whole(), "{:#?}\n{:#?}", outcome.verdict.lost, outcome.wrong);
    assert!(outcome.verdict.saved > 100, "there was something to lose: {}", outcome.json());
    assert!(outcome.figures["kills"].as_u64() > Some(0), "{}", outcome.json());
}

/// How many of the changes that the phone has not had acknowledged are on the server.
async fn stored(app: &TestApp, phone: &Phone) -> i64 {
    let unsent = phone.unsent_facts();
    assert_eq!(unsent.len(), 4);
    let mut database = app.database().superuser().await;
    let count = sqlx::query("select count(*) as n from fact where fact_id = any($1)").bind(unsent);
    count.fetch_one(&mut database).await.expect("a count").get("n")
}

/// A server in a process of its own: this very program, running the test below.
pub(crate) struct ServerChild {
    url: String,
    child: Child,
}

impl ServerChild {
    pub(crate) async fn start(database: &str, key: &Path, data: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "faults::f01_killed::serve_when_asked", "--nocapture"])
            .env("CALLOUT_TEST_SERVE", database)
            .env("CALLOUT_TEST_KEY", key)
            .env("CALLOUT_TEST_DATA", data)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("a child");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        while let Some(line) = lines.next_line().await.expect("its output") {
            if let Some((_, url)) = line.split_once("serves on ") {
                return Self { url: url.to_owned(), child };
            }
        }
        panic!("the server did not start");
    }

    pub(crate) async fn kill(mut self) {
        self.child.kill().await.expect("it is killed");
    }

    async fn kill_and_start_again(self, database: &str, key: &Path, data: &Path) -> Self {
        self.kill().await;
        Self::start(database, key, data).await
    }
}

#[tokio::test]
async fn serve_when_asked() {
    let Ok(database) = std::env::var("CALLOUT_TEST_SERVE") else { return };
    let path = |name| PathBuf::from(std::env::var(name).unwrap());
    let config = Config {
        data_dir: path("CALLOUT_TEST_DATA"),
        listen: ([127, 0, 0, 1], 0).into(),
        database_url: Some(database),
        database_owner_url: None,
        database_connections: 4,
        signing_key_file: Some(path("CALLOUT_TEST_KEY")),
        routing: Routing::default(),
        limits: Limits::default(),
        oldest: Oldest::default(),
        log_format: LogFormat::Pretty,
    };
    let running = boot::start_with(&config, Clock::system()).await.unwrap();
    println!("serves on http://{}", running.addr);
    std::future::pending::<()>().await;
}
