//! A running server for one test.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use callout_server::boot::{self, Running};
use callout_server::platform::clock::Clock;
use callout_server::platform::config::{Config, Limits, LogFormat, Oldest, Routing};
use callout_server::state::AppState;
use callout_server::workers;
use callout_server::workers::relay::Consumer;

use crate::actor::Actor;
use crate::answer::Answer;
use crate::ledger_check::{self, Verdict};
use crate::phone::Phone;
use crate::postgres::TestDatabase;
use crate::tenant::TestTenant;

/// The real router on a port of its own, its database cloned for this test, its clock ours to move.
pub struct TestApp {
    running: Running,
    clock: Clock,
    http: reqwest::Client,
    tenant: TestTenant,
    database: TestDatabase,
    data: tempfile::TempDir,
}

impl TestApp {
    /// Starts with the usual settings.
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// Starts with settings changed by the test.
    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let database = TestDatabase::create().await;
        let data = tempfile::tempdir().expect("a temporary directory");
        let mut config = config(&database, data.path());
        change(&mut config);
        let clock = Clock::system();
        let running = boot::start_with(&config, clock.clone()).await.expect("the server starts");
        let http = reqwest::Client::builder().timeout(Duration::from_secs(60)).build().expect("an HTTP client");
        let base = format!("http://{}", running.addr);
        let tenant = TestTenant::create(running.state(), "acme", base, http.clone()).await;
        Self { running, clock, http, tenant, database, data }
    }

    /// The tenant that most tests are about.
    pub fn tenant(&self) -> &TestTenant {
        &self.tenant
    }

    /// One more tenant on the same server.
    pub async fn another_tenant(&self, slug: &str) -> TestTenant {
        TestTenant::create(self.running.state(), slug, self.url(""), self.http.clone()).await
    }

    /// The administrator of the tenant.
    pub async fn admin(&self) -> Actor {
        self.tenant.admin().await
    }

    /// A new dispatcher of the tenant.
    pub async fn dispatcher(&self, name: &str) -> Actor {
        self.tenant.dispatcher(name).await
    }

    /// A new engineer of the tenant.
    pub async fn engineer(&self, name: &str) -> Actor {
        self.tenant.engineer(name).await
    }

    /// A path of the server as a whole address.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.running.addr)
    }

    /// Gets a path with nobody signed in.
    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(self.http.get(self.url(path))).await
    }

    /// Posts to a path below `/api/v1` with nobody signed in.
    pub async fn post(&self, path: &str, body: &impl serde::Serialize) -> Answer {
        Answer::of(self.http.post(self.url(&format!("/api/v1{path}"))).json(body)).await
    }

    /// One more server process on the same database and data directory, with its own port, pool, streams and workers.
    pub async fn another_process(&self) -> AnotherProcess {
        let config = config(&self.database, self.data.path());
        let running = boot::start_with(&config, self.clock.clone()).await.expect("the server starts");
        AnotherProcess { running }
    }

    /// This test makes consumers of the outbox fail.
    pub fn expect_stuck_events(&self) {
        self.database.expect_stuck_events();
    }

    /// The HTTP client, for what the actors have no words for.
    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// Stops the server as Ctrl-C does; the database stays until what is returned is dropped.
    pub async fn stop(self) -> TestDatabase {
        self.running.stop().await.expect("a clean stop");
        self.database
    }

    /// The server is stopped and started again with other settings.
    pub async fn restarted_with(self, change: impl FnOnce(&mut Config)) -> Self {
        let Self { running, clock, http, tenant, database, data } = self;
        let mut config = Config { listen: running.addr, ..config(&database, data.path()) };
        change(&mut config);
        running.stop().await.expect("a clean stop");
        let running = boot::start_with(&config, clock.clone()).await.expect("the server starts");
        let tenant = tenant.on(running.state());
        Self { running, clock, http, tenant, database, data }
    }

    /// Puts a copy of the database aside, as it is at this moment. The server is stopped for it and started again.
    pub async fn back_up(self) -> (Self, TestDatabase) {
        let Self { running, clock, http, tenant, database, data } = self;
        let addr = running.addr;
        running.stop().await.expect("a clean stop");
        let backup = database.copy().await;
        let running = start_at(addr, &database, data.path(), &clock).await;
        let tenant = tenant.on(running.state());
        (Self { running, clock, http, tenant, database, data }, backup)
    }

    /// The database is lost and this copy takes its place, as the operator announces. Everything else stays.
    pub async fn restore(self, backup: TestDatabase) -> Self {
        let Self { running, clock, http, tenant, database, data } = self;
        let addr = running.addr;
        running.stop().await.expect("a clean stop");
        drop(database);
        boot::admin::announce_restore(&config(&backup, data.path())).await.expect("announced");
        let running = start_at(addr, &backup, data.path(), &clock).await;
        let tenant = tenant.on(running.state());
        Self { running, clock, http, tenant, database: backup, data }
    }

    /// Waits until everything committed so far can be read from the feed. Every test's database is in one cluster, and a
    /// feed does not pass a transaction that is still open in any of them.
    pub async fn settle(&self) {
        let mut database = self.database.superuser().await;
        let end: String = sqlx::query_scalar("select pg_snapshot_xmax(pg_current_snapshot())::text")
            .fetch_one(&mut database)
            .await
            .expect("the end of the feed");
        let is_past = "select pg_snapshot_xmin(pg_current_snapshot()) >= $1::xid8";
        while !sqlx::query_scalar::<_, bool>(is_past).bind(&end).fetch_one(&mut database).await.expect("its horizon") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until every consumer of the outbox has acted on everything committed so far.
    pub async fn relayed(&self) {
        self.settle().await;
        let consumers: Vec<&str> = workers::consumers(self.state()).iter().map(Consumer::name).collect();
        let mut database = self.database.superuser().await;
        let is_done = "select not exists (
                select from outbox o
                cross join unnest($1::text[]) as c (consumer)
                left join relay_position p on p.tenant_id = o.tenant_id and p.consumer = c.consumer
                where (o.xid, o.serial) > (coalesce(p.xid, 0), coalesce(p.serial, 0))
            )
            and not exists (select from relay_position where holder is not null)";
        let relay = async {
            while !sqlx::query_scalar::<_, bool>(is_done)
                .bind(&consumers)
                .fetch_one(&mut database)
                .await
                .expect("a look")
            {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), relay).await.expect("the outbox is handed on within a minute");
    }

    /// Moves the server's clock forward.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// The server's clock.
    pub fn clock(&self) -> Clock {
        self.clock.clone()
    }

    /// Compares what these phones were promised with what the server has: the test fails if anything is lost.
    pub async fn expect_nothing_lost(&self, phones: &[&Phone]) -> Verdict {
        let ledgers: Vec<_> = phones.iter().map(|phone| phone.ledger_path()).collect();
        let verdict = ledger_check::check(&mut self.database.superuser().await, None, &ledgers).await;
        let verdict = verdict.expect("the ledgers and the database");
        assert!(verdict.lost.is_empty(), "{:#?}", verdict.lost);
        verdict
    }

    /// The parts of the running server, for tests below HTTP.
    pub fn state(&self) -> &AppState {
        self.running.state()
    }

    /// Where the server keeps what is not in the database.
    pub fn state_directory(&self) -> &Path {
        self.data.path()
    }

    /// The test's database.
    pub fn database(&self) -> &TestDatabase {
        &self.database
    }
}

/// A second server on the database of a [`TestApp`].
pub struct AnotherProcess {
    running: Running,
}

impl AnotherProcess {
    /// A path of this server as a whole address.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.running.addr)
    }

    pub fn state(&self) -> &AppState {
        self.running.state()
    }

    /// Stops it as an operator would.
    pub async fn stop(self) {
        self.running.stop().await.expect("the server stops");
    }
}

async fn start_at(addr: SocketAddr, database: &TestDatabase, data: &Path, clock: &Clock) -> Running {
    let config = Config { listen: addr, ..config(database, data) };
    boot::start_with(&config, clock.clone()).await.expect("the server starts")
}

fn config(database: &TestDatabase, data: &Path) -> Config {
    Config {
        data_dir: data.to_owned(),
        listen: ([127, 0, 0, 1], 0).into(),
        database_url: Some(database.app_url()),
        database_owner_url: None,
        database_connections: 8,
        signing_key_file: None,
        routing: Routing::default(),
        limits: Limits::default(),
        oldest: Oldest::default(),
        log_format: LogFormat::Pretty,
    }
}
