//! `callout serve` as a child process on its own embedded PostgreSQL, as anybody would start it.

use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use callout_server::platform::postgres::{DATABASE, Durability, Embedded, EmbeddedOptions, LogIn};
use sqlx::{ConnectOptions, PgConnection};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::afterwards::Afterwards;

/// How long a first start may take: it makes a database cluster.
const LONGEST_START: Duration = Duration::from_secs(90);
const LONGEST_STOP: Duration = Duration::from_secs(40);

/// A running server.
pub struct Server {
    /// Where it answers, without a slash at the end.
    pub url: String,
    data: PathBuf,
    program: PathBuf,
    child: Child,
    /// Whatever becomes of us, the server does not stay behind.
    guard: Afterwards,
    environment: Vec<(String, String)>,
}

impl Server {
    /// Starts the server with its data in this directory; `environment` sets what it is to be told otherwise.
    pub async fn start(data: &Path, environment: &[(&str, &str)]) -> anyhow::Result<Self> {
        let program = program()?;
        let log = data.join("server.log");
        let file = File::options().create(true).append(true).open(&log).context("the server's log")?;
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let mut environment: Vec<(String, String)> = environment.iter().map(owned).collect();
        environment.push(("CALLOUT_DATA_DIR".to_owned(), data.display().to_string()));
        let mut child = Command::new(&program)
            .arg("serve")
            .env_remove("DATABASE_URL")
            .env_remove("DATABASE_OWNER_URL")
            .envs(environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(file)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let guard = Afterwards::run("kill -TERM \"$1\"", &[&child.id().context("its process")?.to_string()])?;
        let output = child.stdout.take().context("the server's output")?;
        let Some(url) = tokio::time::timeout(LONGEST_START, address(output)).await.ok().flatten() else {
            // It may still be starting its database, which must not be left behind.
            terminate(&mut child).await;
            guard.cancel();
            let log = std::fs::read_to_string(&log).unwrap_or_default();
            let lines: Vec<&str> = log.lines().rev().take(12).collect();
            bail!(
                "the server did not start; the end of its log:\n{}",
                lines.into_iter().rev().collect::<Vec<_>>().join("\n")
            );
        };
        Ok(Self { url, data: data.to_owned(), program, child, guard, environment })
    }

    /// Runs another command of the program on the same data, and returns what it printed.
    pub async fn command(&self, arguments: &[&str], secrets: &[(&str, &str)]) -> anyhow::Result<String> {
        let output = Command::new(&self.program)
            .args(arguments)
            .env_remove("DATABASE_URL")
            .envs(self.environment.iter().cloned())
            .envs(secrets.iter().copied())
            .stdin(Stdio::null())
            .output()
            .await?;
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            bail!("callout {}: {printed}{}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
        }
        Ok(printed)
    }

    /// A connection to its database that sees every row: for looking, never for doing.
    pub async fn look_into_database(&self) -> anyhow::Result<PgConnection> {
        Ok(self.embedded()?.connect_options(LogIn::Superuser, DATABASE).connect().await?)
    }

    /// The database that it runs, shared.
    pub fn embedded(&self) -> anyhow::Result<Embedded> {
        let directory = self.data.join("postgres");
        let options = EmbeddedOptions { directory, durability: Durability::Full, max_connections: 100 };
        Ok(Embedded::start(&options)?)
    }

    /// Where blobs lie.
    pub fn blobs(&self) -> PathBuf {
        self.data.join("blobs")
    }

    /// Its process.
    pub fn pid(&self) -> anyhow::Result<u32> {
        self.child.id().context("the server has ended")
    }

    /// The process of its database.
    pub fn postmaster(&self) -> Option<u32> {
        let file = std::fs::read_to_string(self.data.join("postgres/cluster/postmaster.pid")).ok()?;
        file.lines().next()?.trim().parse().ok()
    }

    /// Memory of the process that is really in use, in bytes: now, and at its highest.
    pub fn memory(&self) -> Option<(u64, u64)> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid().ok()?)).ok()?;
        let of = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim_matches([':', '\t', ' ', 'k', 'B']).parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
        };
        Some((of("VmRSS")?, of("VmHWM")?))
    }

    /// Kills it, as with `kill -9`.
    pub async fn kill(mut self) {
        // Gone already is as good.
        let _ = self.child.kill().await;
        self.guard.cancel();
    }

    /// Asks it to stop and waits until it has.
    pub async fn stop(mut self) {
        terminate(&mut self.child).await;
        self.guard.cancel();
    }
}

/// The server's program lies beside ours; beside the directory of ours, if that is a test.
pub fn program() -> anyhow::Result<PathBuf> {
    let ours = std::env::current_exe()?;
    let places = ours.ancestors().skip(1).take(2).map(|directory| directory.join("callout"));
    let found = places.clone().find(|place| place.is_file());
    found.with_context(|| format!("{places:?} are missing: build them with `cargo build --workspace`"))
}

/// The address that the server prints once it answers. Whatever it prints afterwards is read and dropped.
async fn address(output: tokio::process::ChildStdout) -> Option<String> {
    let mut lines = BufReader::new(output).lines();
    while let Some(line) = lines.next_line().await.ok()? {
        if let Some((_, url)) = line.split_once("listens on ") {
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Some(url.trim().to_owned());
        }
    }
    None
}

async fn terminate(child: &mut Child) {
    signal_to_stop(child);
    if tokio::time::timeout(LONGEST_STOP, child.wait()).await.is_err() {
        let _ = child.kill().await;
    }
}

/// Gone already is as good.
fn signal_to_stop(child: &Child) {
    if let Some(pid) = child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
}

/// An empty directory that the database can live in, at `wanted` if that will do. PostgreSQL does not run as root, so
/// when we are root, every directory above must let others through.
pub fn fresh_directory(wanted: &Path, listen: &str) -> anyhow::Result<PathBuf> {
    // Before anything is removed: the data may be that of a demo that is still up.
    std::net::TcpListener::bind(listen).with_context(|| {
        format!("cannot listen on {listen}; if another demo has the port, stop it or set CALLOUT_LISTEN")
    })?;
    let directory = empty(wanted)?;
    let lets_through = |path: &Path| path.metadata().is_ok_and(|data| data.permissions().mode() & 0o001 != 0);
    if !rustix::process::geteuid().is_root() || directory.ancestors().all(lets_through) {
        return Ok(directory);
    }
    let elsewhere = PathBuf::from("/var/tmp/callout").join(directory.file_name().unwrap_or_default());
    println!(
        "  {} is closed to other users, and the database does not run as root: using {}",
        wanted.display(),
        elsewhere.display()
    );
    empty(&elsewhere)
}

/// Empties a directory of an earlier run; any other must be empty already.
fn empty(directory: &Path) -> anyhow::Result<PathBuf> {
    let is_ours = directory.join(MARK).exists();
    let is_empty = std::fs::read_dir(directory).map_or(true, |mut entries| entries.next().is_none());
    if !is_ours && !is_empty {
        bail!("{} holds something else; choose an empty directory with CALLOUT_DEMO_DIR", directory.display());
    }
    if is_ours {
        std::fs::remove_dir_all(directory).with_context(|| format!("cannot empty {}", directory.display()))?;
    }
    std::fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    std::fs::write(directory.join(MARK), "Data of `make demo`; emptied by the next run.\n")?;
    Ok(std::fs::canonicalize(directory)?)
}

/// A file by which we know a directory of ours again.
const MARK: &str = "MADE_BY_DEMO";
