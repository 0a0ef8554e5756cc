//! A private PostgreSQL of our own: a child process on a Unix socket in the data directory, so that one command starts
//! everything. It uses the PostgreSQL that is installed (version 15 or later) and bundles none.
//!
//! [`Embedded::start`] makes the cluster if there is none, takes over a server that already runs in the directory, and
//! recovers from a killed one. The server process never runs as root and never listens on TCP. Everything above the
//! connection pool is the same as with a `DATABASE_URL`.

mod binaries;
mod cluster;
mod owner;
mod postmaster;
mod server;

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Mutex;

use sqlx::postgres::PgConnectOptions;

pub use cluster::DATABASE;
pub use cluster::LogIn;

/// How to run the embedded server.
#[derive(Debug, Clone)]
pub struct EmbeddedOptions {
    /// The directory that holds the cluster, its socket and its log. It is made if need be.
    pub directory: PathBuf,
    pub durability: Durability,
    /// Connections the server accepts, over all processes that share it.
    pub max_connections: u32,
}

/// Whether a commit survives a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Every commit is flushed. The only choice for data that matters.
    Full,
    /// Nothing is flushed: for databases that live as long as a test run and are never torn down within it, since a
    /// commit is then lost even if only PostgreSQL dies.
    None,
}

/// A PostgreSQL server running in our directory, ours to stop or another process's.
#[derive(Debug)]
pub struct Embedded {
    socket: PathBuf,
    keeper: Mutex<Option<server::Keeper>>,
}

impl Embedded {
    /// Starts or adopts the server of this directory; returns once it answers. Blocks for up to a minute.
    pub fn start(options: &EmbeddedOptions) -> Result<Self, PostgresError> {
        let cluster = cluster::Cluster::open(options)?;
        let socket = cluster.socket.clone();
        let keeper = server::Keeper::start(cluster)?;
        Ok(Self { socket, keeper: Mutex::new(Some(keeper)) })
    }

    /// How to reach a database of this server in the given role.
    pub fn connect_options(&self, log_in: LogIn, database: &str) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .socket(&self.socket)
            .port(cluster::PORT)
            .username(log_in.role())
            .database(database)
    }

    /// Stops the server if this process runs it, letting open transactions end first; a server adopted from another
    /// living process is left alone. Blocks for up to half a minute.
    pub fn stop(&self) -> Result<(), PostgresError> {
        let keeper = self.keeper.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        keeper.map_or(Ok(()), server::Keeper::stop)
    }
}

/// Why there is no embedded server. Each message says what a person can do about it.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    #[error(
        "no PostgreSQL 15 or later found (looked in {looked_in}); install it (Debian: apt install postgresql, macOS: brew \
         install postgresql@17), point PG_BIN_DIR at its programs, or set DATABASE_URL to use a server you run yourself"
    )]
    NotInstalled { looked_in: String },
    #[error(
        "{} holds a database of PostgreSQL {found}, but only PostgreSQL {installed} is installed; install {found} beside \
         it, or upgrade the directory with pg_upgrade", directory.display()
    )]
    OtherVersion { directory: PathBuf, found: u32, installed: String },
    #[error(
        "{} is not empty and holds no PostgreSQL database; choose another data directory (CALLOUT_DATA_DIR)",
        directory.display()
    )]
    NotACluster { directory: PathBuf },
    #[error(
        "another PostgreSQL (process {pid}) runs in {} and does not answer on {}; stop it, or choose another data \
         directory (CALLOUT_DATA_DIR)", directory.display(), socket.display()
    )]
    Taken { directory: PathBuf, socket: PathBuf, pid: u32 },
    #[error(
        "PostgreSQL must not run as root, and the user {user} cannot reach {}; choose a data directory that others may \
         enter (CALLOUT_DATA_DIR), not one below a private home", directory.display()
    )]
    Unreachable { directory: PathBuf, user: String },
    #[error("started as root, but there is neither a user \"postgres\" nor \"nobody\" to run PostgreSQL as")]
    NoUnprivilegedUser,
    #[error("{program} failed ({status}): {output}")]
    Failed { program: &'static str, status: ExitStatus, output: String },
    #[error("PostgreSQL did not start within {seconds} s; the end of {}: {output}", log.display())]
    TooSlow { seconds: u64, log: PathBuf, output: String },
    #[error(
        "PostgreSQL did not stop within {seconds} s and was told to stop at once; it will recover at its next start"
    )]
    SlowToStop { seconds: u64 },
    #[error("cannot {doing} {}", path.display())]
    Io { doing: &'static str, path: PathBuf, source: io::Error },
}

impl PostgresError {
    fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { doing, path, source }
    }
}

#[cfg(test)]
mod tests;
