//! `callout-plan INPUT.json --seconds 10 --threads 2 --seed 1 > OUTPUT.json`: plans a day as the server would, from a
//! file and into a file. The fields are documented in `input.rs` and `output.rs`, with an example in the README.

mod board;
mod input;
mod output;

use std::io::{Read, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use callout_dispatch::{Budget, Policy, plan_while};
use clap::Parser;

use crate::input::Input;

/// Plans visits into the shifts of engineers.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// What is to be planned; `-` reads it from the standard input.
    input: PathBuf,
    /// How long to search, from the moment the input has been read. The plan then depends on the machine.
    #[arg(long)]
    seconds: Option<f64>,
    /// How often to take a part of the plan apart and put it together again: the same number gives the same plan, with
    /// any number of threads. With `--seconds`, at most so often.
    #[arg(long)]
    rounds: Option<u64>,
    /// Counts the seconds that a thread has spent on a processor instead of those of the clock: for comparisons on a busy
    /// machine, on Linux.
    #[arg(long, requires = "seconds")]
    cpu: bool,
    #[arg(long, default_value_t = 1)]
    threads: usize,
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let text = read(&args.input)?;
    let input: Input = serde_json::from_str(&text).context("the input")?;
    drop(text);
    let seconds = seconds(&args)?;
    let begun = Instant::now();
    if args.cpu {
        processor_s().context("--cpu: this system does not say how long a thread has been on a processor")?;
    }
    let (board, policy, names) = board::board(&input)?;
    // Who else could have come is a question for the server; here it would only take time.
    let policy = Policy { shortlist: 0, refusals: 0, ..policy };
    let rounds = args.rounds.unwrap_or(if seconds.is_some() { u64::MAX } else { DEFAULT_ROUNDS });
    let budget = Budget { threads: args.threads.clamp(1, 64), ..Budget::rounds(rounds) };
    let passed_s = || if args.cpu { processor_s().unwrap_or(f64::MAX) } else { begun.elapsed().as_secs_f64() };
    let spent = || seconds.map_or(0.0, |all| passed_s() / all.as_secs_f64());
    let plan = plan_while(&board, &policy, budget, args.seed, &spent);
    let output = output::output(&input, &board, &names, &plan);
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &output)?;
    out.write_all(b"\n")?;
    Ok(())
}

fn read(path: &PathBuf) -> Result<String> {
    if path.as_os_str() != "-" {
        return std::fs::read_to_string(path).with_context(|| path.display().to_string());
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).context("the standard input")?;
    Ok(text)
}

fn seconds(args: &Args) -> Result<Option<Duration>> {
    match args.seconds {
        None => Ok(None),
        Some(seconds) if seconds > 0.0 && seconds < 1e6 => Ok(Some(Duration::from_secs_f64(seconds))),
        Some(seconds) => bail!("--seconds {seconds}: more than 0 and less than a million"),
    }
}

/// How long the present thread has been on a processor; the first number of the file is in nanoseconds.
fn processor_s() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse::<f64>().ok().map(|nanoseconds| nanoseconds / 1e9)
}

const DEFAULT_ROUNDS: u64 = 100_000;
