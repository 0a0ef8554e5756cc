//! The command line of the server.

use std::io::{BufRead, Read};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use callout_server::boot::{self, admin};
use callout_server::evidence;
use callout_server::platform::config::Config;
use callout_server::platform::{hex, telemetry};
use clap::{Args, Parser, Subcommand};
use sync_core::wire::{RECEIPT_FILE_MAGIC, ServerKey};
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
    /// Bring the schema of a database up to date, with the role `app` that the server logs in as. CALLOUT_APP_PASSWORD, if
    /// set, is the password of `app` from then on.
    Migrate {
        /// The database, as the role that owns the tables or is to own them.
        #[arg(long, env = "DATABASE_OWNER_URL", hide_env_values = true)]
        database_owner_url: String,
    },
    /// Check the evidence file of a ticket (signatures, chain, document, photos), or the receipts of a phone. Needs nothing but the file; exits with 1 if it does not
    /// hold, and with 2 if it cannot be read.
    Verify {
        file: std::path::PathBuf,
        /// The server's public key, 64 hexadecimal digits, if it is known from elsewhere. Without it, the key in the file is
        /// believed.
        #[arg(long)]
        server_key: Option<String>,
    },
    /// What an operator does.
    #[command(subcommand)]
    Admin(Admin),
}

#[derive(Debug, Subcommand)]
enum Admin {
    /// Make a tenant and its first administrator.
    CreateTenant(CreateTenant),
    /// Tell every phone that the database was put back from a copy, so that it offers again what it still holds.
    AnnounceRestore(Config),
}

#[derive(Debug, Args)]
struct CreateTenant {
    #[arg(long)]
    name: String,
    /// The short name in addresses; made from the name if left out.
    #[arg(long)]
    slug: Option<String>,
    #[arg(long)]
    admin_email: String,
    #[arg(long, default_value = "Administrator")]
    admin_name: String,
    /// Read the administrator's password from the standard input. Without it: CALLOUT_ADMIN_PASSWORD; without that: one
    /// is drawn and printed.
    #[arg(long)]
    password_stdin: bool,
    #[command(flatten)]
    config: Config,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    match CommandLine::parse().command {
        Command::Serve(config) => serve(config).await?,
        Command::Migrate { database_owner_url } => {
            // Not an argument, which everybody on the machine could read.
            let app_password = std::env::var("CALLOUT_APP_PASSWORD").ok();
            let applied = boot::migrate(&database_owner_url, app_password.as_deref()).await?;
            println!("{applied} migrations applied");
        }
        Command::Verify { file, server_key } => return Ok(verify(&file, server_key.as_deref())),
        Command::Admin(Admin::CreateTenant(wanted)) => create_tenant(wanted).await?,
        Command::Admin(Admin::AnnounceRestore(config)) => {
            let epoch = admin::announce_restore(&config).await?;
            println!("the server epoch is now {epoch}; restart the server");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Says what holds and what does not.
fn verify(file: &Path, server_key: Option<&str>) -> ExitCode {
    let cannot_be_read = |why: anyhow::Error| {
        eprintln!("{}: {why:#}", file.display());
        ExitCode::from(2)
    };
    let key = server_key.map(|text| {
        let bytes: [u8; 32] = hex::decode_exactly(text).context("the server's key is not 64 hexadecimal digits")?;
        ServerKey::from_bytes(&bytes).context("the server's key")
    });
    let key = match key.transpose() {
        Ok(key) => key,
        Err(why) => return cannot_be_read(why),
    };
    match look_at(file, key) {
        Ok((report, holds)) => {
            println!("{report}");
            if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(why) => cannot_be_read(why),
    }
}

/// What is to be said of a file, and whether it holds: the evidence of a ticket, or the receipts of a phone.
fn look_at(file: &Path, key: Option<ServerKey>) -> anyhow::Result<(String, bool)> {
    let mut opened = std::io::BufReader::new(std::fs::File::open(file)?);
    if opened.fill_buf()?.starts_with(RECEIPT_FILE_MAGIC) {
        let mut bytes = Vec::new();
        opened.take(LARGEST_RECEIPTS).read_to_end(&mut bytes)?;
        let report = evidence::receipts::verify_receipts(&bytes, key)?;
        return Ok((report.to_string(), report.holds()));
    }
    let report = evidence::verify::verify(opened, key)?;
    Ok((report.to_string(), report.holds()))
}

/// A month's receipts for one ticket are far fewer, in bytes.
const LARGEST_RECEIPTS: u64 = 256 << 20;

async fn serve(config: Config) -> anyhow::Result<()> {
    telemetry::start_log(config.log_format);
    // Listened to before anything is started, so that an early Ctrl-C also stops the database cleanly.
    let mut terminate = signal(SignalKind::terminate()).context("signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("signals")?;
    let running = boot::start(&config).await?;
    println!("callout listens on http://{}", running.addr);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping");
    running.stop().await
}

async fn create_tenant(wanted: CreateTenant) -> anyhow::Result<()> {
    let admin_password = if wanted.password_stdin {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("the standard input")?;
        Some(text.trim_end_matches(['\r', '\n']).to_owned())
    } else {
        std::env::var("CALLOUT_ADMIN_PASSWORD").ok()
    };
    let CreateTenant { name, slug, admin_email, admin_name, config, .. } = wanted;
    let request = admin::TenantRequest { name, slug, admin_email, admin_name, admin_password };
    let created = admin::create_tenant(&config, request).await?;
    println!("tenant {} ({})", created.slug, created.id);
    if let Some(password) = created.drawn_password {
        println!("password of the administrator, shown only here: {password}");
    }
    Ok(())
}
