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
    #[command(flatten)]
    pub routing: Routing,
    #[command(flatten)]
    pub limits: Limits,
    #[command(flatten)]
    pub oldest: Oldest,
    #[arg(long, env = "CALLOUT_LOG_FORMAT", value_enum, default_value_t = LogFormat::Pretty)]
    pub log_format: LogFormat,
}

/// Who says how long drives take. Without a routing engine they are estimated from the distance.
#[derive(Debug, Clone, Args)]
pub struct Routing {
    /// A routing engine: osrm:http://host:5000 or valhalla:http://host:8002.
    #[arg(long = "routing", env = "CALLOUT_ROUTING")]
    pub engine: Option<String>,
    /// How long it may take over one request, in milliseconds. Then drives are estimated, and it is asked again later.
    #[arg(long = "routing-patience-ms", env = "CALLOUT_ROUTING_PATIENCE_MS", default_value_t = Self::default().patience_ms)]
    pub patience_ms: u64,
    /// How many drives it computes in one request; left out: 10000 for OSRM (its --max-table-size squared), 2500 for
    /// Valhalla (its max_matrix_location_pairs).
    #[arg(long = "routing-pairs", env = "CALLOUT_ROUTING_PAIRS")]
    pub pairs: Option<usize>,
    /// How much memory its answers may take, in megabytes.
    #[arg(long = "routing-cache-mb", env = "CALLOUT_ROUTING_CACHE_MB", default_value_t = Self::default().cache_mb)]
    pub cache_mb: usize,
    /// For how long its answers are good, in hours.
    #[arg(long = "routing-cache-hours", env = "CALLOUT_ROUTING_CACHE_HOURS", default_value_t = Self::default().cache_hours)]
    pub cache_hours: u64,
}

impl Default for Routing {
    fn default() -> Self {
        Self { engine: None, patience_ms: 5_000, pairs: None, cache_mb: 256, cache_hours: 168 }
    }
}

/// What one client may take from the others.
#[derive(Debug, Clone, Copy, Args)]
pub struct Limits {
    /// Requests handled at once; one more is turned away with 503.
    #[arg(long, env = "CALLOUT_MAX_REQUESTS", default_value_t = Self::default().max_requests)]
    pub max_requests: usize,
    /// How long a connection may be without a whole request header, in milliseconds: slow, or idle between two requests. A
    /// proxy in front must let go of idle connections sooner.
    #[arg(long, env = "CALLOUT_HEADER_LIMIT_MS", default_value_t = Self::default().header_limit_ms)]
    pub header_limit_ms: u64,
    /// How long the body of a request may stand still, in milliseconds.
    #[arg(long, env = "CALLOUT_BODY_IDLE_LIMIT_MS", default_value_t = Self::default().body_idle_limit_ms)]
    pub body_idle_limit_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_requests: 256, header_limit_ms: 10_000, body_idle_limit_ms: 15_000 }
    }
}

/// The oldest apps that are still sent anything. Older ones may push what they hold, and are told to be brought up to date.
#[derive(Debug, Clone, Default, Args)]
pub struct Oldest {
    /// The oldest version of the sync conversation that an app may speak and be sent anything.
    #[arg(long, env = "CALLOUT_OLDEST_PROTOCOL", default_value_t = 0)]
    pub oldest_protocol: u32,
    /// The oldest version of the app that is sent anything, such as 2.1; empty for any.
    #[arg(long, env = "CALLOUT_OLDEST_APP_VERSION", default_value = "")]
    pub oldest_app_version: String,
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
