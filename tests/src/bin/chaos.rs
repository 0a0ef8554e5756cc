//! `make chaos`: episodes of [`callout_tests::chaos`], one after the other, each with the seed after the last, until the
//! time is over or something is wrong. The last line is one JSON object; the exit code says whether all was well.
//!
//! Environment: `MINUTES`, `PHONES`, `SERVERS`, `ROUNDS` (of each phone), `CALM` (exchanges between two faults),
//! `SEED`, `THREADS`.

use std::process::ExitCode;
use std::str::FromStr;
use std::time::{Duration, Instant};

use callout_tests::chaos::{self, Settings};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let (begun, time) = (Instant::now(), Duration::from_secs(60 * number("MINUTES", 10)?));
    let mut settings = Settings {
        name: String::new(),
        seed: number("SEED", 1)?,
        servers: number("SERVERS", 3)?,
        phones: number("PHONES", 200)?,
        rounds: number("ROUNDS", 20)?,
        calm: number("CALM", 150)?,
        threads: number("THREADS", 2)?,
    };
    let (mut episodes, mut saved, mut kills) = (0, 0, 0);
    loop {
        let length = u64::try_from(settings.phones * settings.rounds)?;
        let style = ProgressStyle::with_template("  seed {msg:<6} {bar:40} {pos:>6}/{len} rounds  {elapsed}")?;
        let bar = ProgressBar::new(length).with_style(style).with_message(settings.seed.to_string());
        bar.enable_steady_tick(Duration::from_millis(250));
        // A directory of its own: that of the last episode may still be on its way out.
        settings.name = format!("chaos-{}", settings.seed);
        let outcome = chaos::run(&settings, Some(&bar)).await;
        bar.finish_and_clear();
        println!("{}", outcome.json());
        (episodes, saved) = (episodes + 1, saved + outcome.verdict.saved);
        kills += outcome.figures["kills"].as_u64().unwrap_or(0);
        let is_over = begun.elapsed() >= time;
        if is_over || !outcome.is_whole() {
            for what in outcome.wrong.iter().take(40) {
                eprintln!("wrong: {what}");
            }
            for loss in &outcome.verdict.lost {
                eprintln!("lost: {loss:?}");
            }
            println!(
                "{}",
                json!({
                    "whole": outcome.is_whole(), "episodes": episodes, "last_seed": settings.seed, "saved": saved,
                    "kills": kills, "lost": outcome.verdict.lost.len(), "seconds": begun.elapsed().as_secs(),
                })
            );
            return Ok(if outcome.is_whole() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        settings.seed += 1;
    }
}

fn number<T: FromStr>(name: &str, otherwise: T) -> anyhow::Result<T> {
    match std::env::var(name) {
        Ok(text) if !text.is_empty() => text.parse().map_err(|_| anyhow::anyhow!("{name}={text:?} is not a number")),
        _ => Ok(otherwise),
    }
}
