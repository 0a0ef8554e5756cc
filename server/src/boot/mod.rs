//! Puts the server together, in the order in which the parts need each other, and takes it apart in the reverse order.

pub mod admin;
mod database;
mod routing;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use sync_core::ids::ServerEpoch;
use sync_core::wire::ServerSigner;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::ledger::{Ledger, Vouching};
use crate::live::Live;
use crate::platform::blobs::BlobDirectory;
use crate::platform::clock::Clock;
use crate::platform::config::Config;
use crate::platform::partial::Partials;
use crate::platform::random::Random;
use crate::platform::serve::serve;
use crate::platform::shutdown::{Shutdown, ShutdownTrigger, shutdown};
use crate::platform::{secret_file, telemetry};
use crate::router::router;
use crate::state::AppState;
use crate::tenancy::password::Passwords;
use crate::workers::{self, Workers};

pub use database::{Database, migrate, prepare_roles};

/// How long requests that have been accepted may take to finish when the server stops.
const LONGEST_DRAIN: Duration = Duration::from_secs(30);

/// A server that accepts requests.
pub struct Running {
    /// Where it listens.
    pub addr: SocketAddr,
    state: AppState,
    workers: Workers,
    database: Database,
    stop: ShutdownTrigger,
    serving: JoinHandle<()>,
}

/// Starts a server with the machine's clock.
pub async fn start(config: &Config) -> anyhow::Result<Running> {
    start_with(config, Clock::system()).await
}

/// Starts a server: database, migrations, pool, then the port.
pub async fn start_with(config: &Config, clock: Clock) -> anyhow::Result<Running> {
    let listener = TcpListener::bind(config.listen).await.with_context(|| {
        format!("cannot listen on {}; if another program has the port, choose one with CALLOUT_LISTEN", config.listen)
    })?;
    let addr = listener.local_addr()?;
    let database = Database::open(config).await?;
    let (stop, stopping) = shutdown();
    let state = assemble(config, &database, clock, stopping.clone()).await?;
    telemetry::start_metrics();
    let live = Live::new(&state);
    let workers = Workers::start(&state, live.clone(), workers::consumers(&state));
    let app = router(state.clone(), live, config.limits);
    let header_limit = Duration::from_millis(config.limits.header_limit_ms);
    let serving = tokio::spawn(async move { serve(listener, app, header_limit, &stopping).await });
    tracing::info!(server.address = %addr, "server started");
    Ok(Running { addr, state, workers, database, stop, serving })
}

async fn assemble(config: &Config, database: &Database, clock: Clock, shutdown: Shutdown) -> anyhow::Result<AppState> {
    let random = Random;
    let secret = match &config.signing_key_file {
        Some(path) => secret_file::read(path)?,
        None => secret_file::read_or_create(&config.data_dir.join("signing.key"), random)?,
    };
    let blobs = BlobDirectory::open(config.data_dir.join("blobs"), random).context("the blob store")?;
    let partials = Partials::open(config.data_dir.join("blobs/partial")).context("the place for uploads")?;
    let now = clock.now();
    let server_epoch = database.tenancy.server_epoch(ServerEpoch(random.uuid(now)), false, now).await?;
    Ok(AppState {
        tenancy: database.tenancy.clone(),
        passwords: Passwords::new(random),
        signer: ServerSigner::from_secret(&secret),
        server_epoch,
        roads: routing::roads(&config.routing)?,
        ledger: Arc::new(Ledger::new(server_epoch, Vouching::from_secret(&secret))),
        shutdown,
        blobs: Arc::new(blobs),
        partials,
        oldest: config.oldest.clone(),
        clock,
        random,
    })
}

impl Running {
    /// The parts of the running server, for tests and the demo.
    pub fn state(&self) -> &AppState {
        &self.state
    }

    /// Stops taking requests, finishes those it has taken and their units of work, then stops the workers, then the
    /// database.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.stop.announce();
        match tokio::time::timeout(LONGEST_DRAIN, self.serving).await {
            Ok(served) => served.context("the server's task")?,
            Err(_) => tracing::warn!("some requests did not finish in time, stopping all the same"),
        }
        self.workers.stop().await;
        self.database.close().await
    }
}
