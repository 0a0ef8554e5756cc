//! The first slice, told as a day of a company: requests come in by a file, engineers are planned, phones work with no
//! network while the office edits the same tickets, and everything merges.
//!
//! [`run`] reads as that story. Nothing in it reaches into the server: it is started as anybody would start it, the
//! company is made on its command line, and the rest is HTTP. Only the [oracle](crate::ledger_check) looks into the
//! database, to tell whether anything was lost.

mod steps;

mod company;
mod people;
mod intake;
mod day;
mod office;
mod comeback;
mod outcome;
mod live;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context;

pub use outcome::Outcome;
pub use steps::Steps;

use crate::serve::{self, Server};
use company::Company;

/// How the demo is to go.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the server and the phones keep their data; emptied first.
    pub directory: PathBuf,
    /// What is left to chance is drawn from this.
    pub seed: u64,
    pub engineers: usize,
    /// Days that the engineers work offline, of the five that are planned.
    pub days: i64,
    /// Where the server is to listen.
    pub listen: String,
    /// End after the table.
    pub exits: bool,
}

/// Runs the whole story and prints what came of it. True if nothing was lost.
pub async fn run(settings: &Settings) -> anyhow::Result<bool> {
    let begun = Instant::now();
    let steps = Steps::new();
    let data = serve::fresh_directory(&settings.directory, &settings.listen)?;
    let step = steps.begin("starting the server on a database of its own", 0);
    let server = Server::start(&data, &[("CALLOUT_LISTEN", settings.listen.as_str())]).await?;
    step.done(&server.url);

    let told = tell(settings, &server, &data, &steps).await;
    let (company, outcome) = match told {
        Ok(told) => told,
        Err(error) => {
            server.stop().await;
            return Err(error).with_context(|| format!("the server's log is {}", data.join("server.log").display()));
        }
    };
    println!("\n{}", outcome.table(begun.elapsed()));
    let is_whole = outcome.is_whole();
    if settings.exits {
        server.stop().await;
        println!("{}", outcome.json());
    } else {
        live::until_interrupted(&server, company).await;
        server.stop().await;
    }
    Ok(is_whole)
}

async fn tell(
    settings: &Settings,
    server: &Server,
    data: &std::path::Path,
    steps: &Steps,
) -> anyhow::Result<(Company, Outcome)> {
    let mut company = Company::found(server, steps).await?;
    let imported = intake::import(&company, steps).await?;
    company.hire(settings, &imported, steps).await?;
    let planned = company.plan(settings, steps).await?;
    let agreed = office::agree_on_windows(&company, &planned, settings, steps).await;
    let mut phones = company.hand_out_phones(data, settings.seed, steps).await?;
    day::pull(&mut phones, steps).await?;
    let worked = day::work_offline(&mut phones, &company, settings, steps).await?;
    let returned = comeback::come_back(&mut phones, settings.seed, steps).await?;
    let day = outcome::Day { imported, planned, agreed, worked, returned };
    let outcome = Outcome::gather(server, &company, day, &phones, steps).await?;
    company.keep_phones(phones);
    Ok((company, outcome))
}
