//! One PostgreSQL per test run and one database per test, cloned from a migrated template in some tens of milliseconds.
//!
//! The server lives in memory where that can be (`/dev/shm`), flushes nothing, and is swept away when the test process
//! ends, however it ends. Tests get in as the role `app`, like the server: as a superuser row-level security would
//! prove nothing.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use callout_server::boot;
use callout_server::platform::postgres::{Durability, Embedded, EmbeddedOptions, LogIn};
use callout_server::tenancy::database;
use sha2::{Digest, Sha256};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection};
use tokio::runtime::Runtime;

use crate::afterwards::Afterwards;

/// A database of one test; dropped with it.
pub struct TestDatabase {
    name: String,
    may_have_stuck_events: AtomicBool,
}

impl TestDatabase {
    /// A fresh one with the schema and no rows.
    pub async fn create() -> Self {
        Self::copy_of(None).await
    }

    /// One like this, as it is now. Nobody may be connected to it.
    pub async fn copy(&self) -> Self {
        Self::copy_of(Some(self.name.clone())).await
    }

    async fn copy_of(template: Option<String>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let create = {
            let name = name.clone();
            move || {
                let server = server();
                let template = template.as_ref().unwrap_or(&server.template);
                server.superuser(format!(
                    "create database {name} template {template} strategy file_copy owner callout_owner"
                ));
            }
        };
        tokio::task::spawn_blocking(create).await.expect("a database for the test");
        Self { name, may_have_stuck_events: AtomicBool::new(false) }
    }

    /// This test makes consumers of the outbox fail.
    pub fn expect_stuck_events(&self) {
        self.may_have_stuck_events.store(true, Ordering::Relaxed);
    }

    /// The events that a consumer of the outbox has given up or is failing at. Blocks.
    fn stuck_events(&self) -> Vec<String> {
        let options = self.connect_options(LogIn::Superuser);
        let look = async move {
            let mut connection = options.connect().await?;
            let stuck = sqlx::query_scalar(
                "select consumer || ': ' || kind || ': ' || error from relay_failure
                 union all
                 select consumer || ' fails after ' || xid || '-' || serial from relay_position where attempts > 0",
            )
            .fetch_all(&mut connection)
            .await?;
            connection.close().await?;
            Ok::<_, sqlx::Error>(stuck)
        };
        // On a thread of its own, since the caller is inside a runtime.
        let look = std::thread::spawn(move || server().runtime.block_on(look));
        look.join().expect("no panic").expect("a look at the relay")
    }

    /// As the server logs in.
    pub fn app_url(&self) -> String {
        self.app_url_through(self.socket_directory())
    }

    /// The same through a socket in another directory.
    pub fn app_url_through(&self, socket_directory: &Path) -> String {
        format!("postgres:///{}?host={}&user={}", self.name, socket_directory.display(), LogIn::App.role())
    }

    /// Where the server's socket is.
    pub fn socket_directory(&self) -> &Path {
        &server().directory
    }

    /// How to connect in a given role.
    pub fn connect_options(&self, log_in: LogIn) -> PgConnectOptions {
        server().embedded.connect_options(log_in, &self.name)
    }

    /// A connection that sees every row: for looking at what the server did, never for doing it.
    pub async fn superuser(&self) -> PgConnection {
        self.connect_options(LogIn::Superuser).connect().await.expect("a superuser's connection")
    }
}

/// A test must not end with an event that a consumer of the outbox could not act on.
impl Drop for TestDatabase {
    fn drop(&mut self) {
        let must_be_clean = !std::thread::panicking() && !self.may_have_stuck_events.load(Ordering::Relaxed);
        let stuck = if must_be_clean { self.stuck_events() } else { Vec::new() };
        let name = std::mem::take(&mut self.name);
        // Not waited for: the next test need not pay for it.
        std::thread::spawn(move || server().superuser(format!("drop database {name} with (force)")));
        assert!(stuck.is_empty(), "stuck in the outbox: {stuck:?}");
    }
}

struct TestServer {
    embedded: Embedded,
    directory: PathBuf,
    template: String,
    runtime: Runtime,
}

impl TestServer {
    fn superuser(&self, statement: String) {
        self.runtime.block_on(async {
            let mut connection =
                self.embedded.connect_options(LogIn::Superuser, "postgres").connect().await.expect("a connection");
            connection.execute(AssertSqlSafe(statement)).await.expect("a statement of the harness");
            connection.close().await.expect("closed");
        });
    }
}

fn server() -> &'static TestServer {
    static SERVER: OnceLock<TestServer> = OnceLock::new();
    // On a thread of its own, since the caller may be inside a runtime.
    SERVER.get_or_init(|| std::thread::spawn(start).join().expect("PostgreSQL for the tests"))
}

/// A directory of this name for this process, in memory where that can be. It is not made yet.
pub fn directory_for(name: &str) -> PathBuf {
    let memory = Path::new("/dev/shm");
    let parent = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    parent.join(format!("callout-{name}-{}", std::process::id()))
}

/// Makes a directory that the database's user can reach too.
pub(crate) fn make_directory(directory: &Path) {
    std::fs::create_dir_all(directory).expect("a directory for a server");
    std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o755)).expect("its permissions");
}

fn start() -> TestServer {
    let directory = directory_for("test");
    make_directory(&directory);
    // For as long as we live.
    std::mem::forget(sweep_when_we_end(&directory));
    let directory = directory.join("pg");
    let options = EmbeddedOptions { directory: directory.clone(), durability: Durability::None, max_connections: 200 };
    let embedded = Embedded::start(&options).unwrap_or_else(|error| panic!("{error}"));
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let template = template_name();
    runtime.block_on(async {
        boot::prepare_roles(&embedded, &template).await.expect("roles and the template database");
        database::migrate(&embedded.connect_options(LogIn::Owner, &template)).await.expect("the migrations");
    });
    TestServer { embedded, directory, template, runtime }
}

/// Named by what the migrations are, so that a template can never be mistaken for that of other migrations.
fn template_name() -> String {
    let mut hash = Sha256::new();
    for migration in database::migrations().iter() {
        hash.update(migration.version.to_be_bytes());
        hash.update(&migration.checksum);
    }
    hash.finalize().iter().take(8).fold("template_".to_owned(), |mut name, byte| {
        write!(name, "{byte:02x}").expect("a string takes everything");
        name
    })
}

/// When we are gone or what is returned is dropped: waits for the server to end (the kernel tells it, too) and removes
/// the directory.
pub(crate) fn sweep_when_we_end(directory: &Path) -> Afterwards {
    let script = r#"p=$(head -n1 "$1/pg/cluster/postmaster.pid" 2>/dev/null)
        [ -n "$p" ] && kill -INT "$p" 2>/dev/null
        n=0; while [ -n "$p" ] && kill -0 "$p" 2>/dev/null && [ $n -lt 100 ]; do sleep 0.1; n=$((n+1)); done
        rm -rf "$1""#;
    let directory = directory.to_str().expect("a path that is text");
    Afterwards::run(script, &[directory]).expect("a shell")
}
