//! `make demo`: the whole of the first slice on real data, on a server and a database of its own.
//!
//! Environment: `EXIT=1` ends after the table and prints one JSON object as the last line; `SEED`, `ENGINEERS` and
//! `DAYS` (worked offline, of the five that are planned); `CALLOUT_LISTEN`; `CALLOUT_DEMO_DIR`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use callout_tests::demo::{self, Settings};

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let settings = Settings {
        directory: PathBuf::from(text("CALLOUT_DEMO_DIR", ".callout/demo")),
        seed: number("SEED", 311)?,
        engineers: number("ENGINEERS", 40)?,
        days: number("DAYS", 1)?,
        listen: text("CALLOUT_LISTEN", "127.0.0.1:8080"),
        exits: text("EXIT", "") == "1",
    };
    let is_whole = demo::run(&settings).await?;
    Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn text(name: &str, otherwise: &str) -> String {
    std::env::var(name).ok().filter(|text| !text.is_empty()).unwrap_or_else(|| otherwise.to_owned())
}

fn number<T: FromStr>(name: &str, otherwise: T) -> anyhow::Result<T> {
    match std::env::var(name) {
        Ok(text) if !text.is_empty() => text.parse().map_err(|_| anyhow::anyhow!("{name}={text:?} is not a number")),
        _ => Ok(otherwise),
    }
}
