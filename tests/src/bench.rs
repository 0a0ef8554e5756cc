//! What synchronising costs, measured on the real server over real HTTP, with every commit flushed.
//!
//! Server, PostgreSQL and the clients share the machine, so each figure stands beside a plain transaction measured in
//! the same run, and beside the processor time that each of the three used for it.

mod fleet;
mod history;
mod load;
mod pull;
mod peer;
mod baseline;
mod processors;
mod report;

use std::path::PathBuf;
use std::time::Duration;

use sqlx::Executor;

use crate::serve::{self, Server};
use fleet::Fleet;
use history::History;
use report::Report;

/// How large the run is.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the server keeps its data; emptied first.
    pub directory: PathBuf,
    /// Tickets that are touched, over all phones.
    pub tickets: usize,
    /// Phones, each with a connection of its own.
    pub phones: usize,
    /// Batches of ten changes that are pushed.
    pub batches: usize,
    /// How long what can be repeated is repeated.
    pub for_long: Duration,
    /// Tickets of the first sync.
    pub first: usize,
    /// Nothing but what pulling costs, beside the peers.
    pub only_pulls: bool,
}

/// Changes in a batch of the batched pushes.
const BATCHED: usize = 10;

/// Measures everything and prints the table.
pub async fn run(settings: &Settings) -> anyhow::Result<()> {
    let data = serve::fresh_directory(&settings.directory, "127.0.0.1:0")?;
    let quiet = [("CALLOUT_LISTEN", "127.0.0.1:0"), ("RUST_LOG", "warn")];
    let server = Server::start(&data, &quiet).await?;
    let measured = measure(settings, &server, &data).await;
    server.stop().await;
    println!("{}", measured?.table());
    Ok(())
}

async fn measure(settings: &Settings, server: &Server, data: &std::path::Path) -> anyhow::Result<Report> {
    let mut report = Report { memory_before: server.memory(), ..Report::default() };
    if !settings.only_pulls {
        loads(settings, server, data, &mut report).await?;
    }
    for history in [History::Visit, History::Notes] {
        println!("first sync of {} tickets: {}", settings.first, history.name());
        report.pulled.push(pull::measure(server, data, settings.first, history).await?);
    }
    Ok(report)
}

/// What many phones at once make of the server.
async fn loads(
    settings: &Settings,
    server: &Server,
    data: &std::path::Path,
    report: &mut Report,
) -> anyhow::Result<()> {
    println!("making {} tickets for {} phones", settings.tickets, settings.phones);
    let mut fleet = Fleet::make(server, data, settings).await?;

    settle(server).await?;
    println!("plain transactions");
    report.plain = Some(baseline::plain_transactions(server, settings.phones, settings.for_long).await?);
    println!("single pushes");
    let singles = fleet.prepare(settings.tickets.div_ceil(settings.phones), 1);
    report.singles = Some(load::push(server, &mut fleet, singles).await?);
    report.memory_touched = server.memory();
    println!("batched pushes");
    let batched = fleet.prepare(settings.batches.div_ceil(settings.phones), BATCHED);
    let before = database_bytes(server).await?;
    let pushed = load::push(server, &mut fleet, batched).await?;
    report.stored = Some((database_bytes(server).await?.saturating_sub(before), pushed.changes));
    report.batched = Some(pushed);
    println!("nothing new, over and over");
    report.idle = Some(load::nothing_new(server, &mut fleet, settings.for_long).await?);
    Ok(())
}

async fn database_bytes(server: &Server) -> anyhow::Result<u64> {
    let mut database = server.look_into_database().await?;
    let size: i64 = sqlx::query_scalar("select pg_database_size(current_database())").fetch_one(&mut database).await?;
    Ok(u64::try_from(size)?)
}

/// Does now what the database does by itself within a minute, so that its plans are those of a server that has been up
/// for longer than this benchmark: counts the rows, and writes what is dirty.
async fn settle(server: &Server) -> anyhow::Result<()> {
    let mut database = server.look_into_database().await?;
    database.execute("analyze").await?;
    database.execute("checkpoint").await?;
    Ok(())
}
