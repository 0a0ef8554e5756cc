//! What can be set from outside: command line or environment.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// The settings of a server. Every one has a default that works.
#[derive(Debug, Clone, Args)]
pub struct Config {
    /// Where data that is not in a given database lives: the embedded database, blobs, the signing key.
    #[arg(long, env = "CALLOUT_DATA_DIR", default_value_os_t = default_data_directory())]
    pub data_dir: PathBuf,
    /// Address and port of the HTTP interface; port 0 takes a free one.
    #[arg(long, env = "CALLOUT_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// The database, with the role `app` logging in; without it an embedded PostgreSQL is run in the data directory.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<String>,
    /// The same database as the role that owns the tables. If given, migrations run at the start.
    #[arg(long, env = "DATABASE_OWNER_URL", hide_env_values = true)]
    pub database_owner_url: Option<String>,
    /// The most connections this process opens to the database.
    #[arg(long, env = "CALLOUT_DATABASE_CONNECTIONS", default_value_t = 16)]
    pub database_connections: u32,
    /// The Ed25519 seed that signs sync replies: 32 bytes, raw or in hex. Made in the data directory if not given.
    #[arg(long, env = "CALLOUT_SIGNING_KEY_FILE")]
    pub signing_key_file: Option<PathBuf>,
    /// Requests handled at once; one more is turned away with 503.
    #[arg(long, env = "CALLOUT_MAX_REQUESTS", default_value_t = 256)]
    pub max_requests: usize,
    #[arg(long, env = "CALLOUT_LOG_FORMAT", value_enum, default_value_t = LogFormat::Pretty)]
    pub log_format: LogFormat,
}

/// How the log looks. `RUST_LOG` chooses what is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Pretty,
    Json,
}

/// Root's home is private as a rule, and the database must not run as root: so root keeps its data where services do.
fn default_data_directory() -> PathBuf {
    if rustix::process::geteuid().is_root() { "/var/lib/callout".into() } else { ".callout".into() }
}
