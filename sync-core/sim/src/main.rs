//! `make sim SEEDS=…`: runs as many as asked, and makes short what fails.

#![expect(clippy::unwrap_used, reason = "what a simulation does not expect ends it")]

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use sync_sim::minimise::minimise;
use sync_sim::run::{Broken, Ending, run};
use sync_sim::world::{WORLDS, World};

/// Phones, a server, bad links and an attacker on one virtual clock: every run is one number, and can be repeated by it.
#[derive(Parser)]
struct Settings {
    /// How many runs.
    #[arg(long, env = "SEEDS", default_value_t = 2000)]
    seeds: u64,
    /// The first number.
    #[arg(long, env = "FIRST", default_value_t = 1)]
    first: u64,
    /// One world alone: links, copies, restores, hostile, meetings, all.
    #[arg(long, env = "WORLD")]
    world: Option<String>,
    /// How many at a time.
    #[arg(long, env = "THREADS", default_value_t = std::thread::available_parallelism().map_or(2, Into::into))]
    threads: usize,
}

fn main() -> ExitCode {
    let settings = Settings::parse();
    let worlds: Vec<World> = match settings.world.as_deref() {
        None => WORLDS.to_vec(),
        Some(name) => match World::named(name) {
            Some(world) => vec![world],
            None => {
                eprintln!("there is no world {name:?}: links, copies, restores, hostile, meetings, all");
                return ExitCode::from(2);
            }
        },
    };
    // Failures are told once, when they have been made short.
    std::panic::set_hook(Box::new(|_| {}));
    let bar = ProgressBar::new(settings.seeds);
    let style = "{bar:40} {pos}/{len} runs, {eta} left, {msg}";
    bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_message("none failed");
    let (next, total) = (AtomicU64::new(0), Mutex::new(Ending::default()));
    let failed: Mutex<Vec<(World, u64, Broken)>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..settings.threads.max(1) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= settings.seeds {
                        return;
                    }
                    let (world, seed) = (worlds[number as usize % worlds.len()], settings.first + number);
                    match run(world, seed, &BTreeSet::new()) {
                        Ok(ending) => {
                            let mut total = total.lock().unwrap_or_else(PoisonError::into_inner);
                            total.saved += ending.saved;
                            total.admitted += ending.admitted;
                            total.set_aside += ending.set_aside;
                            total.carried += ending.carried;
                        }
                        Err(broken) => {
                            let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                            failed.push((world, seed, broken));
                            bar.set_message(format!("{} FAILED", failed.len()));
                        }
                    }
                    bar.inc(1);
                }
            });
        }
    });
    bar.finish_and_clear();
    let (failed, total) = (failed.into_inner().unwrap(), total.into_inner().unwrap());
    println!(
        "{} runs, {} failed: {} facts saved on phones, {} in documents ({} by a colleague's phone), {} set aside, none lost in the runs that passed",
        settings.seeds,
        failed.len(),
        total.saved,
        total.admitted,
        total.carried,
        total.set_aside
    );
    for (world, seed, broken) in failed.iter().take(MOST_TOLD) {
        let (skip, broken) = minimise(*world, *seed, broken.clone());
        let kept: Vec<usize> = (0..world.steps).filter(|step| !skip.contains(step)).collect();
        println!("\nworld {}, seed {seed}: {}\n  {}", world.name, broken.invariant, broken.detail);
        println!("  still so with steps {kept:?} alone; keep it in sync-core/sim/tests/kept.rs");
    }
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Failures that are made short and told; the others are likely the same.
const MOST_TOLD: usize = 5;
