//! Background loops. `boot` starts them before the first request and stops them after the last one has been answered.

pub mod relay;
mod plans;
mod wakeup;
mod cleanup;
mod log_days;
mod overruns;
mod gauges;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use sync_core::ids::TenantId;
use tokio::task::JoinSet;

use crate::attachments;
use crate::ledger::delivery::Delivery;
use crate::live::Live;
use crate::planning::{self, Happened};
use crate::platform::shutdown::{Shutdown, ShutdownTrigger, shutdown};
use crate::state::AppState;
use crate::tenancy::TenantCtx;
use plans::Plans;
use relay::{Consumer, Pace, Relay};
use wakeup::Sleeper;

pub use cleanup::forget_of_tenants;
pub use log_days::close_days;
pub use overruns::notice_overruns;

/// Who acts on the events of the outbox. This list is the whole wiring.
pub fn consumers(state: &AppState) -> Vec<Consumer> {
    let AppState { ledger, roads, clock, .. } = state.clone();
    let dispatch = move |ctx: TenantCtx, delivery: Arc<Delivery>| {
        let (ledger, roads, now) = (Arc::clone(&ledger), roads.clone(), clock.now());
        async move {
            let event = Happened { kind: &delivery.kind, ticket: delivery.ticket, payload: &delivery.payload };
            planning::on_event(&ctx, &ledger, &roads, event, now).await
        }
    };
    let clock = state.clock.clone();
    let offer = move |ctx: TenantCtx, delivery: Arc<Delivery>| {
        let now = clock.now();
        async move {
            let event = Happened { kind: &delivery.kind, ticket: delivery.ticket, payload: &delivery.payload };
            planning::pool::on_event(&ctx, event, now).await
        }
    };
    let AppState { blobs, clock, .. } = state.clone();
    let find = move |ctx: TenantCtx, delivery: Arc<Delivery>| {
        let (blobs, clock) = (Arc::clone(&blobs), clock.clone());
        async move { attachments::on_event(&ctx, &*blobs, &clock, &delivery).await }
    };
    vec![Consumer::new("planning", dispatch), Consumer::new("pool", offer), Consumer::new("attachments", find)]
}

/// How long the workers may take to finish what they are at.
const LONGEST_STOP: Duration = Duration::from_secs(10);

/// The running loops.
#[derive(Debug)]
pub struct Workers {
    tasks: JoinSet<()>,
    stop: ShutdownTrigger,
}

impl Workers {
    /// Starts them all. `live` is woken when there is something to stream; the consumers get the outbox's events.
    pub fn start(state: &AppState, live: Live, consumers: Vec<Consumer>) -> Self {
        let (stop, stopping) = shutdown();
        let mut workers = Self { tasks: JoinSet::new(), stop };
        let names: Vec<&'static str> = consumers.iter().map(Consumer::name).collect();
        let relay = Arc::new(Relay::new(state, consumers, Pace::default()));
        let plans = Arc::new(Plans::new(state));
        let sleepers: Vec<Box<dyn Sleeper>> =
            vec![Box::new(live), Box::new(Arc::clone(&relay)), Box::new(Arc::clone(&plans))];
        workers.spawn(wakeup::run(state.tenancy.clone(), sleepers, stopping.clone()));
        workers.spawn(relay.run(stopping.clone()));
        workers.spawn(plans.run(stopping.clone()));
        workers.spawn(cleanup::run(state.clone(), stopping.clone()));
        workers.spawn(log_days::run(state.clone(), stopping.clone()));
        workers.spawn(overruns::run(state.clone(), stopping.clone()));
        workers.spawn(gauges::run(state.clone(), names, stopping));
        workers
    }

    fn spawn(&mut self, worker: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(worker);
    }

    /// Lets each loop finish its round.
    pub async fn stop(mut self) {
        self.stop.announce();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(LONGEST_STOP, all).await.is_err() {
            tracing::warn!("a background loop did not stop in time, ending it");
        }
    }
}

/// Waits for the next round; false when there is to be none.
async fn next_round(after: Duration, stopping: &Shutdown) -> bool {
    tokio::select! {
        () = stopping.wait() => false,
        () = tokio::time::sleep(after) => true,
    }
}

impl Sleeper for Live {
    fn wake(&self, _channel: &str, tenant: TenantId) {
        Self::wake(self, tenant);
    }

    fn wake_all(&self) {
        Self::wake_all(self);
    }
}

impl Sleeper for Arc<Relay> {
    fn wake(&self, channel: &str, tenant: TenantId) {
        if channel == wakeup::OUTBOX {
            Relay::wake(self, tenant);
        }
    }

    fn wake_all(&self) {
        Relay::wake_all(self);
    }
}

impl Sleeper for Arc<Plans> {
    fn wake(&self, channel: &str, _tenant: TenantId) {
        if channel == wakeup::PLAN {
            Plans::wake(self);
        }
    }

    fn wake_all(&self) {
        Plans::wake(self);
    }
}
