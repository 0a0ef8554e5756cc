//! `hostile [COUNT [FROM]]`: hostile changes through the guard, by default a million, numbered from FROM. Exits with an
//! error if one of them did harm; its number then stands there, and `hostile 1 NUMBER` tries it alone.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sync_core_fuzz::hostile::Honest;
use sync_core_fuzz::quiet;

fn main() -> Result<(), String> {
    let mut numbers = std::env::args().skip(1).map(|word| word.parse::<u64>().map_err(|why| format!("{word}: {why}")));
    let count = numbers.next().transpose()?.unwrap_or(1_000_000);
    let from = numbers.next().transpose()?.unwrap_or(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    quiet::be_quiet();
    let (honest, tried, begun) = (Honest::new(), AtomicU64::new(0), Instant::now());
    let tally = std::thread::scope(|scope| {
        scope.spawn(|| show_progress(&tried, count));
        honest.try_all(from, count, threads, &tried)
    });
    let took = begun.elapsed().as_secs_f64();
    for (code, refused) in &tally.refused {
        println!("{refused:>12} refused: {code}");
    }
    println!("{:>12} passed, each saved, reopened and rebuilt to the same ticket", tally.passed);
    println!("{:>12} were forged, the others noise", tally.forged);
    println!("{:>12} panics of Automerge, all inside the guard", quiet::panics() - tally.harmful.len() as u64);
    println!("{:>12} did harm", tally.harmful.len());
    println!("{:>12.0} a second, on {threads} threads", tally.tried() as f64 / took);
    for (number, why) in tally.harmful.iter().take(20) {
        println!("mutant {number}: {why}");
    }
    if tally.harmful.is_empty() { Ok(()) } else { Err("some mutants did harm".into()) }
}

/// Until all are done.
fn show_progress(tried: &AtomicU64, count: u64) {
    let mut shown = Instant::now();
    loop {
        let so_far = tried.load(Ordering::Relaxed);
        if so_far >= count {
            return;
        }
        if shown.elapsed() > Duration::from_secs(10) {
            shown = Instant::now();
            eprintln!("{so_far} of {count}");
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}
