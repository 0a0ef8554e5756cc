//! The server as a process of the operating system, on the embedded database: killed, started twice, in the way.

use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use callout_tests::Answer;
use serde_json::json;

/// The server's program, which is built beside the tests.
fn program() -> PathBuf {
    let tests = std::env::current_exe().expect("this program");
    let built = tests.parent().and_then(Path::parent).expect("the directory of the build").join("callout");
    assert!(built.is_file(), "{} is missing: build it with `cargo build --workspace`", built.display());
    built
}

pub(crate) fn callout(data: &Path) -> Command {
    let mut command = Command::new(program());
    command.env_remove("DATABASE_URL").env_remove("DATABASE_OWNER_URL").env("RUST_LOG", "warn");
    command.env("CALLOUT_DATA_DIR", data).env("CALLOUT_LISTEN", "127.0.0.1:0");
    command
}

/// A directory that the database's user can reach too.
pub(crate) fn data_directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    fs_mode(directory.path(), 0o755);
    directory
}

fn fs_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("permissions");
}

/// A running `callout serve`.
pub(crate) struct Server {
    child: Child,
    pub(crate) base: String,
}

impl Server {
    fn start(data: &Path) -> Self {
        Self::of(callout(data).arg("serve"))
    }

    pub(crate) fn of(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the server starts");
        let mut line = String::new();
        let output = child.stdout.as_mut().expect("its output");
        BufReader::new(output).read_line(&mut line).expect("a line");
        let base = line.trim().rsplit(' ').next().unwrap_or_default().to_owned();
        assert!(base.starts_with("http://"), "{line}");
        Self { child, base }
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
        assert!(sent.expect("kill").success());
    }

    pub(crate) fn wait(mut self) -> std::process::ExitStatus {
        self.child.wait().expect("it ended")
    }

    async fn sign_in(&self) -> Answer {
        let body = json!({ "email": "boss@acme.example", "password": "correct horse battery" });
        let url = format!("{}/api/v1/auth/sign-in", self.base);
        Answer::of(reqwest::Client::new().post(url).json(&body)).await
    }
}

fn create_tenant(data: &Path) -> Output {
    let mut command = callout(data);
    command.args(["admin", "create-tenant", "--name", "Acme", "--admin-email", "boss@acme.example"]);
    command.env("CALLOUT_ADMIN_PASSWORD", "correct horse battery").output().expect("it ran")
}

fn postmaster(data: &Path) -> Option<u32> {
    let file = std::fs::read_to_string(data.join("postgres/cluster/postmaster.pid")).ok()?;
    file.lines().next()?.parse().ok()
}

#[tokio::test]
async fn survives_being_killed_and_stops_cleanly() {
    let data = data_directory();
    let created = create_tenant(data.path());
    assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stderr));
    let told = String::from_utf8_lossy(&created.stdout).into_owned();
    assert!(told.starts_with("tenant acme (") && !told.contains("password"), "{told}");
    assert_eq!(postmaster(data.path()), None, "nothing is left running");
    let again = create_tenant(data.path());
    assert!(String::from_utf8_lossy(&again.stderr).contains("short name acme already"));

    let first = Server::start(data.path());
    first.sign_in().await.expect(200);
    let killed = postmaster(data.path()).expect("a database");
    first.signal("KILL");
    let begun = Instant::now();
    first.wait();
    let second = Server::start(data.path());
    println!("ready again {} ms after kill -9", begun.elapsed().as_millis());
    assert!(begun.elapsed() < Duration::from_secs(15));
    assert_ne!(postmaster(data.path()), Some(killed), "the database went with its server");
    second.sign_in().await.expect(200);

    second.signal("TERM");
    assert!(second.wait().success());
    assert_eq!(postmaster(data.path()), None, "a clean stop leaves no lock file");
    let key = std::fs::metadata(data.path().join("signing.key")).expect("the signing key");
    assert_eq!(key.permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn two_servers_share_one_database_and_either_may_go() {
    let data = data_directory();
    assert!(create_tenant(data.path()).status.success());
    let (first, second) = (Server::start(data.path()), Server::start(data.path()));
    first.sign_in().await.expect(200);
    second.sign_in().await.expect(200);
    // The first is the one that runs the database. Its death is noticed and made good.
    first.signal("KILL");
    first.wait();
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let answer = second.sign_in().await;
        if answer.status == 200 {
            break;
        }
        assert_eq!(answer.status, 503, "while the database is away: {answer}");
        assert!(Instant::now() < deadline, "the second did not recover");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    second.signal("INT");
    assert!(second.wait().success());
    assert_eq!(postmaster(data.path()), None);
}

#[test]
fn says_what_is_in_its_way() {
    let data = data_directory();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    let output = callout(data.path()).arg("serve").env("CALLOUT_LISTEN", &address).output().expect("it ran");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains(&address) && said.contains("CALLOUT_LISTEN"), "{said}");

    let cluster = data.path().join("postgres/cluster");
    std::fs::create_dir_all(&cluster).expect("a directory");
    fs_mode(&data.path().join("postgres"), 0o755);
    std::fs::write(cluster.join("PG_VERSION"), "9\n").expect("a file");
    let output = callout(data.path()).arg("serve").output().expect("it ran");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("PostgreSQL 9") && said.contains("pg_upgrade"), "{said}");
}

#[tokio::test]
async fn a_demo_that_is_killed_leaves_nothing_running() {
    let data = data_directory();
    let directory = data.path().join("demo");
    let mut demo = Command::new(env!("CARGO_BIN_EXE_demo"))
        .env("CALLOUT_DEMO_DIR", &directory)
        .env("CALLOUT_LISTEN", "127.0.0.1:0")
        .env("EXIT", "1")
        .stdout(Stdio::piped())
        .spawn()
        .expect("the demo starts");
    let output = BufReader::new(demo.stdout.take().expect("its output"));
    let mut lines = output.lines().map(|line| line.expect("text"));
    let line = lines.find(|line| line.contains("http://")).expect("it says where its server is");
    let (_, rest) = line.split_once("http://").expect("an address");
    let address = rest.split_whitespace().next().expect("an address").to_owned();
    assert!(TcpStream::connect(&address).is_ok() && postmaster(&directory).is_some());
    demo.kill().expect("kill -9");
    demo.wait().expect("it ended");
    let begun = Instant::now();
    while TcpStream::connect(&address).is_ok() || postmaster(&directory).is_some() {
        assert!(begun.elapsed() < Duration::from_secs(60), "the server of the demo is still there");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
