//! The command line of the server.

use anyhow::Context;
use callout_server::boot;
use callout_server::platform::config::Config;
use callout_server::platform::telemetry;
use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

#[derive(Debug, Parser)]
#[command(name = "callout", version, about = "Field service: dispatch server")]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server until it is told to stop (Ctrl-C or SIGTERM).
    Serve(Config),
    /// Bring the schema of the database of DATABASE_OWNER_URL up to date.
    Migrate {
        #[arg(long, env = "DATABASE_OWNER_URL", hide_env_values = true)]
        database_owner_url: String,
    },
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match CommandLine::parse().command {
        Command::Serve(config) => serve(config).await,
        Command::Migrate { database_owner_url } => {
            let applied = boot::migrate(&database_owner_url).await?;
            println!("{applied} migrations applied");
            Ok(())
        }
    }
}

async fn serve(config: Config) -> anyhow::Result<()> {
    telemetry::start_log(config.log_format);
    let running = boot::start(&config).await?;
    println!("callout listens on http://{}", running.addr);
    let mut terminate = signal(SignalKind::terminate()).context("signals")?;
    tokio::select! {
        _ = terminate.recv() => {}
        interrupted = tokio::signal::ctrl_c() => interrupted.context("signals")?,
    }
    tracing::info!("stopping");
    running.stop().await
}
