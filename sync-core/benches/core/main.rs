//! `make bench-core`: what the core costs on this machine, beside what it should cost.
//!
//! A phone here is what an app has: a replica over an encrypted store over SQLite in a file, each commit flushed to the
//! disk. `CALLOUT_BENCH_DIR` says on which disk. Server and network are measured by `make bench-sync`.

#![expect(clippy::unwrap_used, reason = "a benchmark ends where something is wrong")]

mod ticket;
mod phone;
mod search;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use phone::BenchPhone;
use sync_core::document::TicketDoc;
use sync_core::guard::{check_against, check_chunk};
use sync_core::wire::{DeviceSigner, VerifiedBatch};
use sync_core::workflow::Workflow;

fn main() {
    let directory = std::env::var_os("CALLOUT_BENCH_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    let directory = tempfile::tempdir_in(directory).unwrap();
    // `cargo bench … --bench core -- search` measures that alone.
    if !std::env::args().any(|argument| argument == "search") {
        commits(directory.path());
        lists(directory.path());
        documents();
        guard();
        memory();
    }
    search::quality();
    search::phone(directory.path());
}

fn commits(directory: &std::path::Path) {
    let disk = times(500, |n| phone::flush_a_page(directory, n));
    show("a page of 4 KB written and flushed, the disk alone", &disk, None);
    let mut phone = BenchPhone::with_tickets(&directory.join("commits.db"), 50, 20);
    let commits = times(1_000, |n| phone.note(n));
    show("a note made durable", &commits, Some((0.99, 5.0)));
}

fn lists(directory: &std::path::Path) {
    for (tickets, goal) in [(1_000, Some((0.5, 50.0))), (5_000, None)] {
        let path = directory.join(format!("list-{tickets}.db"));
        drop(BenchPhone::with_tickets(&path, tickets, 20));
        let opened = times(7, |_| assert_eq!(BenchPhone::open(&path).list(), tickets));
        show(&format!("a list of {tickets} tickets, from the closed file"), &opened, goal);
    }
}

fn documents() {
    let workflow = Workflow::field_service();
    for changes in [20, 200, 1_000] {
        let doc = ticket::with_changes(changes);
        let saved = doc.save();
        let bytes = saved.len();
        println!("a ticket of {changes} changes, {} facts, {bytes} bytes", doc.facts().count());
        show("  load", &times(50, |_| drop(TicketDoc::load_own(&saved).unwrap())), None);
        let mut ahead = doc.clone();
        let change = ticket::say(&mut ahead, 999_999);
        let apply = |_| doc.clone().apply_admitted([change.clone()]).unwrap();
        show("  apply one change", &times(200, apply), None);
        show("  fold", &times(200, |_| drop(doc.state(&workflow))), None);
        show("  save", &times(50, |_| drop(doc.save())), None);
    }
}

fn guard() {
    let doc = ticket::with_changes(200);
    let changes = ticket::changes_on(&doc, 10);
    let one = |chunk: &[u8], doc: &TicketDoc| {
        let parsed = check_chunk(chunk).unwrap();
        check_against(doc, parsed, ticket::phone()).unwrap()
    };
    let first = &changes[0].bytes;
    show("the guard, one change on a ticket of 200", &times(5_000, |_| drop(one(first, &doc))), Some((0.99, 1.0)));
    let (batch, signer) = ticket::batch(&changes);
    let ten = times(500, |_| {
        let verified = VerifiedBatch::parse(&batch, &signer.public_key()).unwrap();
        let mut doc = doc.clone();
        for (_, _, chunk) in verified.changes() {
            let checked = one(chunk, &doc);
            doc.apply_checked(checked).unwrap();
        }
    });
    show("a batch of ten: signature, guard, applied to a copy", &ten, None);
}

fn memory() {
    for changes in [20, 200] {
        let saved = ticket::with_changes(changes).save();
        let before = resident();
        let loaded: Vec<TicketDoc> = (0..1_000).map(|_| TicketDoc::load_own(&saved).unwrap()).collect();
        let each = resident().saturating_sub(before) / loaded.len() as u64;
        println!("{:<56} {:>8.1} KB", format!("memory of a loaded ticket of {changes} changes"), each as f64 / 1e3);
    }
}

/// How long each of so many took, sorted; and the processor time of one, which others on the machine do not lengthen.
struct Times {
    sorted: Vec<Duration>,
    processor: Duration,
}

fn times(count: usize, mut work: impl FnMut(usize)) -> Times {
    let before = processor();
    let mut sorted: Vec<Duration> = (0..count)
        .map(|n| {
            let begun = Instant::now();
            work(n);
            begun.elapsed()
        })
        .collect();
    sorted.sort_unstable();
    Times { processor: processor().saturating_sub(before) / count as u32, sorted }
}

/// Median, 99th percentile and processor time; the goal is a quantile and milliseconds.
fn show(what: &str, Times { sorted, processor }: &Times, goal: Option<(f64, f64)>) {
    let at = |quantile: f64| sorted[((sorted.len() - 1) as f64 * quantile) as usize].as_secs_f64() * 1e3;
    let processor = processor.as_secs_f64() * 1e3;
    let verdict = goal.map_or_else(String::new, |(quantile, most)| {
        let name = if quantile > 0.9 { "p99" } else { "p50" };
        format!("  goal {name} < {most} ms: {}", if at(quantile) < most { "met" } else { "NOT MET" })
    });
    println!("{what:<56} p50 {:>8.3} ms  p99 {:>8.3} ms  cpu {processor:>8.3} ms{verdict}", at(0.5), at(0.99));
}

/// Processor time of this thread so far; nought where that cannot be read.
fn processor() -> Duration {
    let so_far = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(so_far.split_whitespace().next().and_then(|spent| spent.parse().ok()).unwrap_or_default())
}

/// Bytes of memory that this process holds; nought where that cannot be read.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    status.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or_default() * 4096
}
