//! A running server for one test.

use std::time::Duration;

use callout_server::boot::{self, Running};
use callout_server::platform::clock::Clock;
use callout_server::platform::config::{Config, LogFormat};
use callout_server::state::AppState;

use crate::postgres::TestDatabase;

/// The real router on a port of its own, its database cloned for this test, its clock ours to move.
pub struct TestApp {
    running: Running,
    clock: Clock,
    http: reqwest::Client,
    database: TestDatabase,
    _data: tempfile::TempDir,
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
        let mut config = Config {
            data_dir: data.path().to_owned(),
            listen: ([127, 0, 0, 1], 0).into(),
            database_url: Some(database.app_url()),
            database_owner_url: None,
            database_connections: 8,
            signing_key_file: None,
            max_requests: 256,
            log_format: LogFormat::Pretty,
        };
        change(&mut config);
        let clock = Clock::system();
        let running = boot::start_with(&config, clock.clone()).await.expect("the server starts");
        let http = reqwest::Client::builder().timeout(Duration::from_secs(60)).build().expect("an HTTP client");
        Self { running, clock, http, database, _data: data }
    }

    /// A path of the server as a whole address.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.running.addr)
    }

    /// Gets a path with nobody signed in.
    pub async fn get(&self, path: &str) -> reqwest::Response {
        self.http.get(self.url(path)).send().await.expect("an answer")
    }

    /// The HTTP client, for what the actors have no words for.
    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// Moves the server's clock forward.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// The parts of the running server, for tests below HTTP.
    pub fn state(&self) -> &AppState {
        self.running.state()
    }

    /// The test's database.
    pub fn database(&self) -> &TestDatabase {
        &self.database
    }
}
