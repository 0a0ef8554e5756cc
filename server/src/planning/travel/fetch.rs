//! One request to a routing engine, which may do anything: not answer, answer slowly, answer without end, send
//! somebody elsewhere.

use std::time::{Duration, Instant};

use reqwest::redirect::Policy;
use reqwest::{Client, Response};

use super::engine::Engine;
use super::error::RoadsError;
use super::spot::Spot;

/// Asks one engine, within a time and up to a length.
#[derive(Debug, Clone)]
pub struct Fetch {
    http: Client,
    engine: Engine,
    patience: Duration,
}

impl Fetch {
    /// # Errors
    /// The HTTP client cannot be made.
    pub fn new(engine: Engine, patience: Duration) -> Result<Self, reqwest::Error> {
        let http = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .connect_timeout(patience.min(LONGEST_CONNECT))
            .user_agent("callout")
            .build()?;
        Ok(Self { http, engine, patience })
    }

    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The drives from each of some places to each of others, row by row.
    pub async fn table(&self, from: &[Spot], to: &[Spot]) -> Result<Vec<u32>, RoadsError> {
        let begun = Instant::now();
        let answer = tokio::time::timeout(self.patience, self.exchange(from, to)).await;
        let answer = answer.unwrap_or(Err(RoadsError::Slow(self.patience)));
        let outcome = if answer.is_ok() { "answered" } else { "failed" };
        metrics::counter!("routing_requests_total", "outcome" => outcome).increment(1);
        metrics::histogram!("routing_request_seconds").record(begun.elapsed().as_secs_f64());
        answer
    }

    async fn exchange(&self, from: &[Spot], to: &[Spot]) -> Result<Vec<u32>, RoadsError> {
        let response = self.engine.request(&self.http, from, to).send().await.map_err(|_| RoadsError::Unreachable)?;
        let status = response.status().as_u16();
        let body = body(response).await?;
        self.engine.read(status, &body, from, to)
    }
}

async fn body(mut response: Response) -> Result<Vec<u8>, RoadsError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| RoadsError::Unreachable)? {
        if body.len() + chunk.len() > MOST_BYTES {
            return Err(RoadsError::TooLong(MOST_BYTES));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Ten thousand entries in Valhalla's long form are half of it.
const MOST_BYTES: usize = 4 << 20;
const LONGEST_CONNECT: Duration = Duration::from_secs(2);
