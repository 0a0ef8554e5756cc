//! The end of one tenant's feed: reads each new row once and hands it to every stream of this process.
//!
//! Rows are read below the oldest running transaction, in the feed's order, so none can appear behind the tail. A wake-up
//! says that something was committed; it may still have to wait for an older transaction, so the tail looks again
//! shortly until nothing waits. The same task asks every two seconds whether those who watch still may.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sync_core::ids::{TenantId, UserId};
use tokio::sync::{Notify, broadcast, watch};
use tokio::time::Instant;

use super::error::LiveError;
use super::event::{End, LiveEvent, Viewer};
use super::hub::Hub;
use super::store;
use crate::ledger::feed::{self, Position};
use crate::tenancy::{Role, SessionId, TenantCtx, TenantTx};

/// See the head of this file.
pub struct Tail {
    ctx: TenantCtx,
    wake: Notify,
    events: broadcast::Sender<Arc<LiveEvent>>,
    /// Set once it is known where the tail begins: before that a stream could miss what lies between.
    is_begun: watch::Sender<bool>,
    watchers: Mutex<Watchers>,
}

#[derive(Default)]
struct Watchers {
    next: u64,
    streams: HashMap<u64, Watcher>,
}

struct Watcher {
    session: SessionId,
    viewer: Viewer,
    end: watch::Sender<Option<End>>,
}

/// Events kept for streams that are a moment behind; one further behind reads from the database.
const RING: usize = 512;
const PAGE: i64 = 500;
/// However often it is woken, the tail reads no more often than this: what comes together is read together.
const AT_MOST_EVERY: Duration = Duration::from_millis(20);
/// Looks without a wake-up: the net under lost ones.
const POLL: Duration = Duration::from_secs(5);
const LONGEST_RETRY: Duration = Duration::from_millis(250);
const BETWEEN_CHECKS: Duration = Duration::from_secs(2);
/// Without a successful check for so long, nobody may go on watching.
const LONGEST_UNCHECKED: Duration = Duration::from_secs(30);
/// How long a tail goes on when its last stream has gone: consoles are reloaded.
const LINGER: Duration = Duration::from_secs(30);

impl Tail {
    /// A tail that begins where the feed is when it is first run.
    pub fn new(ctx: TenantCtx) -> Self {
        let (wake, events) = (Notify::new(), broadcast::Sender::new(RING));
        Self { ctx, wake, events, is_begun: watch::Sender::new(false), watchers: Mutex::default() }
    }

    pub fn tenant(&self) -> TenantId {
        self.ctx.tenant()
    }

    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Everything that is handed out from now on. Waits until the tail has begun.
    pub async fn follow(&self) -> broadcast::Receiver<Arc<LiveEvent>> {
        // The sender is ours, so there is always a value to wait for.
        let _ = self.is_begun.subscribe().wait_for(|is_begun| *is_begun).await;
        self.events.subscribe()
    }

    pub fn is_unwatched(&self) -> bool {
        self.watchers().streams.is_empty()
    }

    pub fn end_all(&self, end: End) {
        self.end_where(end, |_| true);
    }

    /// Runs until nobody has watched for a while.
    pub async fn run(self: Arc<Self>, hub: Arc<Hub>) {
        let mut position = self.begin().await;
        let mut pause = AT_MOST_EVERY;
        let (mut check_at, mut checked, mut watched) =
            (Instant::now() + BETWEEN_CHECKS, Instant::now(), Instant::now());
        loop {
            let has_failed = match self.read_on(&mut position).await {
                Ok(Progress::CaughtUp) => {
                    pause = POLL;
                    false
                }
                Ok(Progress::More) => {
                    pause = Duration::ZERO;
                    false
                }
                Ok(Progress::HeldUp) => {
                    pause = if pause == POLL { AT_MOST_EVERY } else { (pause * 2).clamp(AT_MOST_EVERY, LONGEST_RETRY) };
                    false
                }
                Err(error) => {
                    tracing::warn!(error = %error, "cannot read the feed, trying again");
                    true
                }
            };
            if Instant::now() >= check_at {
                check_at = Instant::now() + BETWEEN_CHECKS;
                match self.check_sessions().await {
                    Ok(()) => checked = Instant::now(),
                    Err(_) if checked.elapsed() > LONGEST_UNCHECKED => self.end_all(End::Unavailable),
                    Err(error) => tracing::debug!(error = %error, "cannot check who is watching"),
                }
            }
            if !self.is_unwatched() {
                watched = Instant::now();
            } else if watched.elapsed() > LINGER && hub.forget(&self) {
                return;
            }
            if has_failed {
                tokio::time::sleep(LONGEST_RETRY).await;
                continue;
            }
            if !pause.is_zero() {
                let wait = pause.min(check_at.saturating_duration_since(Instant::now()));
                // A wake-up that ends the wait early is not lost: it is what the next reading answers.
                let _ = tokio::time::timeout(wait, self.wake.notified()).await;
                tokio::time::sleep(AT_MOST_EVERY).await;
            }
        }
    }

    async fn begin(&self) -> Position {
        loop {
            let here = self.ctx.read(async |tx: &mut TenantTx| feed::horizon(tx).await).await;
            match here {
                Ok(position) => {
                    self.is_begun.send_replace(true);
                    return position;
                }
                Err(error) => tracing::warn!(error = %error, "cannot find the end of the feed, trying again"),
            }
            tokio::time::sleep(LONGEST_RETRY).await;
        }
    }

    async fn read_on(&self, position: &mut Position) -> Result<Progress, LiveError> {
        let after = *position;
        let (rows, is_held_up) = self
            .ctx
            .read(async move |tx: &mut TenantTx| {
                let rows = store::rows_after(tx, after, None, PAGE).await?;
                let is_held_up = store::is_held_up(tx).await?;
                Ok::<_, LiveError>((rows, is_held_up))
            })
            .await?;
        let is_full = i64::try_from(rows.len()).is_ok_and(|count| count >= PAGE);
        for row in rows {
            *position = row.position;
            if let Some(event) = LiveEvent::of(row) {
                // An error says that nobody is following.
                let _ = self.events.send(Arc::new(event));
            }
        }
        Ok(match (is_full, is_held_up) {
            (true, _) => Progress::More,
            (false, true) => Progress::HeldUp,
            (false, false) => Progress::CaughtUp,
        })
    }

    async fn check_sessions(&self) -> Result<(), LiveError> {
        let mut asked: Vec<_> = self.watchers().streams.values().map(|watcher| watcher.session.0).collect();
        if asked.is_empty() {
            return Ok(());
        }
        asked.sort_unstable();
        asked.dedup();
        let sessions = asked.clone();
        let standing: HashMap<_, Role> = self
            .ctx
            .read(async move |tx: &mut TenantTx| store::standing_sessions(tx, &sessions).await)
            .await?
            .into_iter()
            .map(|(session, role)| (session.0, role))
            .collect();
        self.end_where(End::SignedOut, |watcher| {
            asked.binary_search(&watcher.session.0).is_ok()
                && standing.get(&watcher.session.0) != Some(&watcher.viewer.role)
        });
        Ok(())
    }

    fn end_where(&self, end: End, is_over: impl Fn(&Watcher) -> bool) {
        for watcher in self.watchers().streams.values().filter(|watcher| is_over(watcher)) {
            watcher.end.send_replace(Some(end));
        }
    }

    fn watchers(&self) -> MutexGuard<'_, Watchers> {
        self.watchers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Progress {
    CaughtUp,
    /// There are further rows to read at once.
    More,
    /// There are rows that wait for an older transaction.
    HeldUp,
}

/// A stream's place among those who watch; leaving it is dropping it.
pub struct Watch {
    pub tail: Arc<Tail>,
    pub end: watch::Receiver<Option<End>>,
    hub: Arc<Hub>,
    id: u64,
}

impl Watch {
    pub fn enter(
        hub: &Arc<Hub>,
        tail: &Arc<Tail>,
        session: SessionId,
        viewer: Viewer,
        most_of_a_user: usize,
    ) -> Result<Self, LiveError> {
        let (sender, end) = watch::channel(None);
        let mut watchers = tail.watchers();
        let of_this_user = |user: UserId| watchers.streams.values().filter(|one| one.viewer.user == user).count();
        if of_this_user(viewer.user) >= most_of_a_user {
            return Err(LiveError::TooManyStreams { most: most_of_a_user });
        }
        let id = watchers.next;
        watchers.next += 1;
        watchers.streams.insert(id, Watcher { session, viewer, end: sender });
        drop(watchers);
        hub.count(true);
        Ok(Self { tail: Arc::clone(tail), end, hub: Arc::clone(hub), id })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.tail.watchers().streams.remove(&self.id);
        self.hub.count(false);
    }
}
