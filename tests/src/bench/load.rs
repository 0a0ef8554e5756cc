//! Many connections at once, each sending its next request when it has the answer to the last.

use std::time::{Duration, Instant};

use anyhow::ensure;
use futures_util::future::try_join_all;
use hdrhistogram::Histogram;

use super::fleet::{BenchPhone, Fleet};
use super::processors::{Processors, Used};
use crate::serve::Server;

/// What a load came to.
#[derive(Debug, Clone)]
pub struct Load {
    pub requests: usize,
    pub took: Duration,
    pub p50: Duration,
    pub p99: Duration,
    /// Changes that were admitted.
    pub changes: u64,
    /// Processor time, over all requests.
    pub used: Used,
    /// Bytes of the bodies of one request and its answer, on average.
    pub bytes: usize,
}

impl Load {
    pub fn per_second(&self) -> f64 {
        self.requests as f64 / self.took.as_secs_f64()
    }

    pub fn changes_per_second(&self) -> f64 {
        self.changes as f64 / self.took.as_secs_f64()
    }
}

/// What one connection saw.
#[derive(Default)]
struct Seen {
    latencies: Vec<Duration>,
    changes: u64,
    bytes: usize,
}

impl Seen {
    fn note(&mut self, sent: Instant, request: &[u8], answer: &[u8]) {
        self.latencies.push(sent.elapsed());
        self.bytes += request.len() + answer.len();
    }
}

/// Pushes what was prepared, one batch a request, each phone on a connection of its own. As on a real phone each answer
/// is verified, read, and gives the cursor of the next request; its latency ends before that.
pub async fn push(server: &Server, fleet: &mut Fleet, prepared: Vec<Vec<Vec<u8>>>) -> anyhow::Result<Load> {
    let processors = Processors::of(server)?;
    let begun = Instant::now();
    let phones = fleet.phones.iter_mut().zip(prepared).map(|(phone, batches)| async move {
        let mut seen = Seen::default();
        for batch in batches {
            let request = phone.request(vec![batch]);
            let sent = Instant::now();
            let answer = phone.post(request.clone()).await?;
            seen.note(sent, &request, &answer);
            let reply = phone.read(&answer, &request)?;
            ensure!(reply.acks.len() == 1 && reply.rejects.is_empty(), "not taken: {reply:?}");
            seen.changes += u64::from(reply.acks[0].admitted);
            phone.cursor = reply.cursor;
        }
        Ok::<_, anyhow::Error>(seen)
    });
    let seen = try_join_all(phones).await?;
    let (took, used) = (begun.elapsed(), processors.used()?);
    load(seen, took, used)
}

/// Phones that have everything ask whether there is more, for so long.
pub async fn nothing_new(server: &Server, fleet: &mut Fleet, for_long: Duration) -> anyhow::Result<Load> {
    let fetched = fleet.phones.iter_mut().map(BenchPhone::catch_up);
    try_join_all(fetched).await?;
    let processors = Processors::of(server)?;
    let begun = Instant::now();
    let phones = fleet.phones.iter().map(|phone| async move {
        let request = phone.request(Vec::new());
        let mut seen = Seen::default();
        let mut last = Vec::new();
        while begun.elapsed() < for_long {
            let sent = Instant::now();
            last = phone.post(request.clone()).await?;
            seen.note(sent, &request, &last);
        }
        let reply = phone.read(&last, &request)?;
        ensure!(reply.items.is_empty() && !reply.more, "there was something new: {reply:?}");
        Ok::<_, anyhow::Error>(seen)
    });
    let seen = try_join_all(phones).await?;
    let (took, used) = (begun.elapsed(), processors.used()?);
    load(seen, took, used)
}

fn load(seen: Vec<Seen>, took: Duration, used: Used) -> anyhow::Result<Load> {
    let mut latencies = Histogram::<u64>::new_with_bounds(1, 60_000_000, 3)?;
    for latency in seen.iter().flat_map(|one| &one.latencies) {
        latencies.record(u64::try_from(latency.as_micros())?.max(1))?;
    }
    let requests = usize::try_from(latencies.len())?;
    Ok(Load {
        requests,
        took,
        p50: Duration::from_micros(latencies.value_at_quantile(0.5)),
        p99: Duration::from_micros(latencies.value_at_quantile(0.99)),
        changes: seen.iter().map(|one| one.changes).sum(),
        used,
        bytes: seen.iter().map(|one| one.bytes).sum::<usize>() / requests.max(1),
    })
}
