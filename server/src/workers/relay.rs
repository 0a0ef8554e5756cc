//! Hands the outbox's events to those who act on them: at least once, in the feed's order, each consumer and each tenant
//! at its own pace.
//!
//! A consumer's position in a tenant is leased to one process at a time; nothing is locked and no transaction is open
//! while a consumer works. An event that fails is tried again after a growing pause. If it keeps failing it is recorded,
//! counted and passed over, so that it holds up nothing but its own tenant, and that not for long.

mod consumer;
mod drain;
mod store;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sync_core::ids::TenantId;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use uuid::Uuid;

use crate::platform::clock::Clock;
use crate::platform::shutdown::Shutdown;
use crate::state::AppState;
use crate::tenancy::Tenancy;
pub use consumer::{Consumer, Failure};
use drain::{Drain, Rest};

/// Who gets the outbox's events, and how far each has come.
pub struct Relay {
    tenancy: Tenancy,
    clock: Clock,
    /// What this process calls itself in leases.
    holder: Uuid,
    pace: Pace,
    lines: Vec<Arc<Line>>,
}

/// One consumer and the tenants it should look at.
struct Line {
    consumer: Consumer,
    woken: Mutex<BTreeSet<TenantId>>,
    must_look: Notify,
    must_ask: watch::Sender<u64>,
}

/// How patient the relay is.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Looks for work without a wake-up.
    pub poll: Duration,
    /// How long a process that died keeps its lease.
    pub lease: Duration,
    /// How long a consumer may take over one event. Well below the lease.
    pub patience: Duration,
    /// The pause after the first failure; each further one is four times as long.
    pub back_off: Duration,
    /// After so many failures an event is passed over; after [`PATIENT`] times as many if it was only the database's trouble.
    pub attempts: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            poll: Duration::from_secs(5),
            lease: Duration::from_secs(60),
            patience: Duration::from_secs(30),
            back_off: Duration::from_millis(250),
            attempts: 6,
        }
    }
}

/// How much longer the relay tries when nothing is wrong with the event: by default for an hour and a half. Not for ever:
/// what comes after it waits.
pub const PATIENT: u32 = 4;
/// Tenants that one consumer works on at the same time.
const AT_ONCE: usize = 8;
/// When rows wait for an older transaction, the relay looks again after this.
const HELD_UP: Duration = Duration::from_millis(50);

impl Relay {
    /// A relay to these consumers; [`Relay::run`] sets it going.
    pub fn new(state: &AppState, consumers: Vec<Consumer>, pace: Pace) -> Self {
        let (tenancy, clock) = (state.tenancy.clone(), state.clock.clone());
        let holder = state.random.uuid(clock.now());
        let line = |consumer| {
            let (woken, must_look) = (Mutex::default(), Notify::new());
            Arc::new(Line { consumer, woken, must_look, must_ask: watch::Sender::new(0) })
        };
        Self { tenancy, clock, holder, pace, lines: consumers.into_iter().map(line).collect() }
    }

    /// Something of this tenant is in the outbox.
    pub fn wake(&self, tenant: TenantId) {
        for line in &self.lines {
            line.woken().insert(tenant);
            line.must_look.notify_one();
        }
    }

    /// Anything may be in the outbox.
    pub fn wake_all(&self) {
        for line in &self.lines {
            line.must_ask.send_modify(|times| *times += 1);
            line.must_look.notify_one();
        }
    }

    /// Relays until told to stop, and then returns when the events in hand are done.
    pub async fn run(self: Arc<Self>, stopping: Shutdown) {
        let mut lines = JoinSet::new();
        for line in &self.lines {
            lines.spawn(Arc::clone(&self).run_line(Arc::clone(line), stopping.clone()));
        }
        while lines.join_next().await.is_some() {}
    }

    async fn run_line(self: Arc<Self>, line: Arc<Line>, stopping: Shutdown) {
        let mut must_ask = line.must_ask.subscribe();
        let mut due: HashMap<TenantId, Instant> = HashMap::new();
        let mut working: HashSet<TenantId> = HashSet::new();
        let mut drains: JoinSet<(TenantId, Rest)> = JoinSet::new();
        let mut ask_at = Instant::now();
        while !stopping.is_announced() {
            let now = Instant::now();
            if ask_at <= now || must_ask.has_changed().unwrap_or(false) {
                must_ask.mark_unchanged();
                ask_at = now + self.pace.poll;
                due.extend(self.ask(&line).await.into_iter().map(|tenant| (tenant, now)));
            }
            due.extend(std::mem::take(&mut *line.woken()).into_iter().map(|tenant| (tenant, now)));
            let mut ready: Vec<(Instant, TenantId)> = due
                .iter()
                .filter(|(tenant, at)| **at <= now && !working.contains(tenant))
                .map(|(tenant, at)| (*at, *tenant))
                .collect();
            ready.sort_unstable();
            for (_, tenant) in ready.into_iter().take(AT_ONCE.saturating_sub(working.len())) {
                due.remove(&tenant);
                working.insert(tenant);
                let drain = Drain::new(&self, &line.consumer, tenant, stopping.clone());
                drains.spawn(async move { (tenant, drain.run().await) });
            }
            let next = due.iter().filter(|(tenant, _)| !working.contains(tenant)).map(|(_, at)| *at);
            // What is due and has no place yet waits for one to become free.
            let next = next.filter(|at| *at > now).min().unwrap_or(ask_at).min(ask_at);
            tokio::select! {
                Some(drained) = drains.join_next() => if let Ok((tenant, rest)) = drained {
                    working.remove(&tenant);
                    if let Some(pause) = rest.pause() {
                        due.entry(tenant).or_insert(Instant::now() + pause);
                    }
                },
                () = line.must_look.notified() => {}
                () = tokio::time::sleep_until(next) => {}
                () = stopping.wait() => {}
            }
        }
        while drains.join_next().await.is_some() {}
    }

    async fn ask(&self, line: &Line) -> Vec<TenantId> {
        self.tenancy.relay_due(line.consumer.name(), self.clock.now()).await.unwrap_or_else(|error| {
            tracing::warn!(error = %error, relay.consumer = line.consumer.name(), "cannot look for work");
            Vec::new()
        })
    }
}

impl Line {
    fn woken(&self) -> std::sync::MutexGuard<'_, BTreeSet<TenantId>> {
        self.woken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
