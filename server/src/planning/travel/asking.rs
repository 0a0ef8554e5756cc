//! Asks a routing engine for what is not known yet: a few requests at a time, within a time, and not at all while the
//! engine is known to fail.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::apart;
use super::breaker::Breaker;
use super::cache::Cache;
use super::drives::{Drives, UNKNOWN};
use super::engine::{Engine, EngineKind, Limits};
use super::error::RoadsError;
use super::fetch::Fetch;
use super::question::Question;
use super::spot::Spot;
use super::tiles::{Tile, tiles};

/// One routing engine with what it has answered; one for each process.
#[derive(Debug)]
pub struct Asking {
    fetch: Fetch,
    limits: Limits,
    cache: Arc<Cache>,
    breaker: Breaker,
    /// The engine computes for one request on one thread: more at once only wait there.
    turns: Semaphore,
}

/// How an engine is asked, and what of it is kept.
#[derive(Debug, Clone)]
pub struct Manner {
    pub patience: Duration,
    pub limits: Limits,
    pub cache_bytes: usize,
    pub cache_age: Duration,
}

impl Manner {
    /// The usual one for an engine.
    pub fn of(engine: &Engine) -> Self {
        Self {
            patience: Duration::from_secs(5),
            limits: engine.limits(),
            cache_bytes: 256 << 20,
            cache_age: Duration::from_secs(7 * 86_400),
        }
    }
}

impl Asking {
    /// # Errors
    /// The HTTP client cannot be made.
    pub fn new(engine: Engine, manner: &Manner) -> Result<Self, reqwest::Error> {
        Ok(Self {
            fetch: Fetch::new(engine, manner.patience)?,
            limits: manner.limits,
            cache: Arc::new(Cache::new(manner.cache_bytes, manner.cache_age, Instant::now())),
            breaker: Breaker::default(),
            turns: Semaphore::new(AT_ONCE),
        })
    }

    pub fn engine(&self) -> EngineKind {
        self.fetch.engine().kind
    }

    /// What is known already.
    pub fn look_up(&self, question: Arc<Question>) -> Drives {
        self.cache.look_up(question, Instant::now())
    }

    /// Why the engine is left alone at present, if it is.
    pub fn paused(&self) -> Option<RoadsError> {
        self.breaker.paused(Instant::now())
    }

    /// All answers to a question. What has been answered when it fails is kept.
    pub async fn ask(&self, question: Arc<Question>, patience: Duration) -> Result<Drives, RoadsError> {
        if question.drives() > Self::MOST_DRIVES {
            return Err(Self::too_many());
        }
        let mut drives = self.known(question).await;
        let unknown = drives.unknown();
        metrics::counter!("routing_drives_total", "from" => "memory")
            .increment((drives.question().drives() - unknown) as u64);
        metrics::counter!("routing_drives_total", "from" => "engine").increment(unknown as u64);
        if unknown == 0 {
            return Ok(drives);
        }
        self.breaker.admit(Instant::now())?;
        let outcome = tokio::time::timeout(patience, self.fill(&mut drives)).await;
        let outcome = outcome.unwrap_or(Err(RoadsError::Slow(patience)));
        match &outcome {
            Ok(()) => self.breaker.succeeded(),
            // It answers, though not all of it in time, or not about such places: that is no failure of the engine.
            Err(error) if error.is_about_places() => self.breaker.succeeded(),
            Err(RoadsError::Slow(_)) if drives.unknown() < unknown => self.breaker.succeeded(),
            Err(error) => self.breaker.failed(Instant::now(), error),
        }
        outcome.map(|()| drives)
    }

    /// [`Asking::look_up`] for a question that may be large: then beside the tasks of the server.
    async fn known(&self, question: Arc<Question>) -> Drives {
        if question.drives() < LARGE {
            return self.look_up(question);
        }
        let (cache, wanted) = (Arc::clone(&self.cache), Arc::clone(&question));
        let looking = tokio::task::spawn_blocking(move || cache.look_up(wanted, Instant::now()));
        looking.await.unwrap_or_else(|_| Drives::new(question, |_, _| UNKNOWN))
    }

    async fn fill(&self, drives: &mut Drives) -> Result<(), RoadsError> {
        let tiles = tiles(drives, self.limits);
        let question = Arc::clone(drives.question());
        let question = question.as_ref();
        let mut answers = stream::iter(tiles)
            .map(|tile| async move { (self.tile(question, &tile).await, tile) })
            .buffer_unordered(AT_ONCE);
        while let Some((answer, tile)) = answers.next().await {
            let entries = answer?;
            self.cache.keep(question, &tile, &entries, Instant::now());
            drives.fill(&tile, &entries);
        }
        Ok(())
    }

    async fn tile(&self, question: &Question, tile: &Tile) -> Result<Vec<u32>, RoadsError> {
        let spots = |rows: &[u32]| rows.iter().map(|row| question.spots()[*row as usize]).collect::<Vec<Spot>>();
        apart::drives(self, &spots(&tile.from), &spots(&tile.to)).await
    }

    /// One request, when it is its turn.
    pub(super) async fn table(&self, from: &[Spot], to: &[Spot]) -> Result<Vec<u32>, RoadsError> {
        let _turn = self.turns.acquire().await;
        self.fetch.table(from, to).await
    }

    pub fn too_many() -> RoadsError {
        RoadsError::TooMany(Self::MOST_DRIVES)
    }

    /// Of one board: a table of 64 MiB.
    pub const MOST_DRIVES: usize = 16 << 20;
    /// How long somebody waits for candidates, and a plan for all its drives.
    pub const RANK_PATIENCE: Duration = Duration::from_secs(10);
    pub const PLAN_PATIENCE: Duration = Duration::from_secs(120);
}

const AT_ONCE: usize = 4;
/// Drives that are looked up in a few milliseconds.
const LARGE: usize = 50_000;
