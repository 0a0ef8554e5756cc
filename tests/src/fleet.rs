//! Several `callout serve` processes on one PostgreSQL and one data directory, as an operator runs them, and what can
//! happen to them: killed, replaced one by one, their database torn down under them.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use callout_server::boot::{self, Running};
use callout_server::platform::clock::Clock;
use callout_server::platform::config::{Config, Limits, LogFormat, Oldest, Routing};
use callout_server::platform::postgres::{DATABASE, Durability, Embedded, EmbeddedOptions, LogIn};
use callout_server::tenancy::database;
use futures_util::future::join_all;
use rustix::process::{Pid, Signal};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, PgConnection};

use crate::afterwards::Afterwards;
use crate::postgres::{directory_for, make_directory, sweep_when_we_end};
use crate::serve::Server;

/// How long a server may take to answer again.
const LONGEST_START: Duration = Duration::from_secs(60);

/// A PostgreSQL of one's own, with the schema and no rows.
pub struct Cluster {
    embedded: Embedded,
    directory: PathBuf,
    _sweep: Afterwards,
}

impl Cluster {
    /// Starts one in a directory of this name.
    pub async fn start(name: &str, durability: Durability) -> Self {
        Self::start_in(directory_for(name), durability).await
    }

    /// Starts one below this directory, which is removed with it.
    pub async fn start_in(directory: PathBuf, durability: Durability) -> Self {
        make_directory(&directory);
        let sweep = sweep_when_we_end(&directory);
        let options = EmbeddedOptions { directory: directory.join("pg"), durability, max_connections: 200 };
        let started = tokio::task::spawn_blocking(move || Embedded::start(&options)).await.expect("no panic");
        let embedded = started.unwrap_or_else(|error| panic!("{error}"));
        boot::prepare_roles(&embedded, DATABASE).await.expect("roles and the database");
        database::migrate(&embedded.connect_options(LogIn::Owner, DATABASE)).await.expect("the migrations");
        Self { embedded, directory, _sweep: sweep }
    }

    /// As the server logs in.
    pub fn app_url(&self) -> String {
        self.url(LogIn::App)
    }

    /// As whoever migrates logs in.
    pub fn owner_url(&self) -> String {
        self.url(LogIn::Owner)
    }

    fn url(&self, log_in: LogIn) -> String {
        format!("postgres:///{DATABASE}?host={}&user={}", self.directory.join("pg").display(), log_in.role())
    }

    /// A connection that sees every row: for looking, never for doing.
    pub async fn superuser(&self) -> PgConnection {
        self.embedded.connect_options(LogIn::Superuser, DATABASE).connect().await.expect("a superuser's connection")
    }

    /// How to connect in a given role to a database of this name.
    pub fn connect_options(&self, log_in: LogIn, name: &str) -> PgConnectOptions {
        self.embedded.connect_options(log_in, name)
    }

    /// Where its socket is.
    pub fn socket_directory(&self) -> PathBuf {
        self.directory.join("pg")
    }

    /// A server inside this process, to set things up and to look, with its data there.
    pub async fn observer(&self, data: &Path) -> Running {
        let config = Config {
            data_dir: data.to_owned(),
            listen: ([127, 0, 0, 1], 0).into(),
            database_url: Some(self.app_url()),
            database_owner_url: None,
            database_connections: 8,
            signing_key_file: None,
            routing: Routing::default(),
            limits: Limits::default(),
            oldest: Oldest::default(),
            log_format: LogFormat::Pretty,
        };
        boot::start_with(&config, Clock::system()).await.expect("the server starts")
    }

    /// Whether it answers.
    pub async fn answers(&self) -> bool {
        self.embedded.connect_options(LogIn::Superuser, DATABASE).connect().await.is_ok()
    }

    /// Its files.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Tears it down as `pg_ctl -m immediate` does: nothing is finished, nothing is written. It is started again at once
    /// and recovers.
    pub fn tear_down(&self) {
        let file = std::fs::read_to_string(self.directory.join("pg/cluster/postmaster.pid")).unwrap_or_default();
        let pid = file.lines().next().and_then(|line| line.trim().parse().ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _ = rustix::process::kill_process(pid, Signal::QUIT);
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // What is left of it goes with the directory.
        let _ = self.embedded.stop();
    }
}

/// The servers and their database.
pub struct Fleet {
    pub cluster: Cluster,
    data: PathBuf,
    servers: Vec<Member>,
}

/// One of the servers.
struct Member {
    address: SocketAddr,
    /// None while it is down.
    process: Option<Server>,
}

impl Fleet {
    /// Starts so many servers at once on a fresh database and a fresh data directory.
    pub async fn start(name: &str, servers: usize, durability: Durability) -> Self {
        let cluster = Cluster::start(name, durability).await;
        let data = cluster.directory().join("data");
        std::fs::create_dir_all(&data).expect("the data directory");
        // Held together, so that they differ; let go of before the servers take them.
        let held: Vec<TcpListener> = (0..servers).map(|_| TcpListener::bind("127.0.0.1:0").expect("a port")).collect();
        let addresses: Vec<SocketAddr> = held.iter().map(|port| port.local_addr().expect("its address")).collect();
        drop(held);
        let servers = addresses.into_iter().map(|address| Member { address, process: None }).collect();
        let mut fleet = Self { cluster, data, servers };
        let started = join_all(fleet.servers.iter().map(|member| fleet.launch(member.address))).await;
        for (member, process) in fleet.servers.iter_mut().zip(started) {
            member.process = Some(process);
        }
        fleet
    }

    /// Where the servers answer, up or down.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.servers.iter().map(|member| member.address).collect()
    }

    /// Where the blobs lie.
    pub fn blobs(&self) -> PathBuf {
        self.data.join("blobs")
    }

    /// What the servers have written down of what went wrong.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.data.join("server.log")).unwrap_or_default()
    }

    /// `kill -9` of these servers. They stay down until [`revive`](Self::revive).
    pub async fn kill(&mut self, which: &[usize]) {
        for &at in which {
            if let Some(process) = self.servers[at].process.take() {
                process.kill().await;
            }
        }
    }

    /// Starts what is down; how long until all of it answers.
    pub async fn revive(&mut self) -> Duration {
        let begun = Instant::now();
        let down: Vec<usize> = (0..self.servers.len()).filter(|at| self.servers[*at].process.is_none()).collect();
        let started = join_all(down.iter().map(|at| self.launch(self.servers[*at].address))).await;
        for (at, process) in down.into_iter().zip(started) {
            self.servers[at].process = Some(process);
        }
        self.ready().await;
        begun.elapsed()
    }

    /// Replaces the servers one by one, each asked to stop and waited for, as in a roll-out.
    pub async fn roll(&mut self) {
        for at in 0..self.servers.len() {
            if let Some(process) = self.servers[at].process.take() {
                process.stop().await;
            }
            self.revive().await;
        }
    }

    /// Waits until every server that is up says that it is ready.
    pub async fn ready(&self) {
        let http = reqwest::Client::new();
        let begun = Instant::now();
        for member in self.servers.iter().filter(|member| member.process.is_some()) {
            let url = format!("http://{}/readyz", member.address);
            while !http.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
                assert!(begun.elapsed() < LONGEST_START, "{} does not become ready:\n{}", member.address, self.log());
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }

    /// A server inside this process, to set things up and to look: no phone is sent to it.
    pub async fn observer(&self) -> Running {
        self.cluster.observer(&self.data).await
    }

    async fn launch(&self, address: SocketAddr) -> Server {
        let (listen, url) = (address.to_string(), self.cluster.app_url());
        let environment = [
            ("CALLOUT_LISTEN", listen.as_str()),
            ("DATABASE_URL", url.as_str()),
            ("CALLOUT_DATABASE_CONNECTIONS", "12"),
            ("RUST_LOG", "warn"),
        ];
        Server::start(&self.data, &environment).await.unwrap_or_else(|error| panic!("{error:#}"))
    }
}
