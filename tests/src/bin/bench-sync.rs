//! `make bench-sync`: what synchronising costs on this machine, beside what it should cost.
//!
//! Environment: `TICKETS`, `PHONES`, `BATCHES`, `SECONDS`, `FIRST`; `ONLY=pulls`; `CALLOUT_BENCH_DIR`.

use std::path::PathBuf;
use std::time::Duration;

use callout_tests::bench::{self, Settings};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let directory = std::env::var("CALLOUT_BENCH_DIR").unwrap_or_else(|_| ".callout/bench".to_owned());
    bench::run(&Settings {
        directory: PathBuf::from(directory),
        tickets: number("TICKETS", 10_000)?,
        phones: number("PHONES", 64)?,
        batches: number("BATCHES", 3_200)?,
        for_long: Duration::from_secs(number("SECONDS", 8)?.try_into()?),
        first: number("FIRST", 300)?,
        only_pulls: std::env::var("ONLY").is_ok_and(|only| only == "pulls"),
    })
    .await
}

fn number(name: &str, otherwise: usize) -> anyhow::Result<usize> {
    match std::env::var(name) {
        Ok(text) if !text.is_empty() => text.parse().map_err(|_| anyhow::anyhow!("{name}={text:?} is not a number")),
        _ => Ok(otherwise),
    }
}
