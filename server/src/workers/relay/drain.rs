//! One consumer's turn in one tenant: a page of events, in order, under a lease.

use std::error::Error;
use std::iter::successors;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sync_core::ids::TenantId;
use tokio::time::Instant;

use super::consumer::{Consumer, Failure};
use super::store::{self, Lease};
use super::{HELD_UP, PATIENT, Pace, Relay};
use crate::ledger::LedgerError;
use crate::ledger::delivery::{self, Delivery};
use crate::ledger::feed::Position;
use crate::platform::clock::Clock;
use crate::platform::passing::is_passing;
use crate::platform::shutdown::Shutdown;
use crate::tenancy::{SystemEntry, TenantCtx, TenantTx};

/// What a turn needs.
pub struct Drain {
    ctx: TenantCtx,
    consumer: Consumer,
    clock: Clock,
    pace: Pace,
    lease: Lease,
    stopping: Shutdown,
}

/// What is left to do after a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// Nothing; or somebody else is at it.
    Nothing,
    /// There is more.
    More,
    /// There is more after this.
    After(Duration),
}

impl Rest {
    /// When to look again without being woken.
    pub fn pause(self) -> Option<Duration> {
        match self {
            Self::Nothing => None,
            Self::More => Some(Duration::ZERO),
            Self::After(pause) => Some(pause),
        }
    }
}

const PAGE: i64 = 100;
/// How much work may be repeated if this process dies.
const SAVE_EVERY: Duration = Duration::from_secs(1);
const AFTER_DATABASE_TROUBLE: Duration = Duration::from_secs(1);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(300);

impl Drain {
    pub fn new(relay: &Relay, consumer: &Consumer, tenant: TenantId, stopping: Shutdown) -> Self {
        Self {
            ctx: relay.tenancy.system(tenant, SystemEntry::Relay),
            consumer: consumer.clone(),
            clock: relay.clock.clone(),
            pace: relay.pace,
            lease: Lease {
                consumer: consumer.name(),
                holder: relay.holder,
                length: TimeDelta::from_std(relay.pace.lease).unwrap_or(TimeDelta::MAX),
            },
            stopping,
        }
    }

    /// Takes the turn.
    pub async fn run(self) -> Rest {
        match self.turn().await {
            Ok(rest) => rest,
            Err(error) => {
                tracing::warn!(
                    error = %error, relay.consumer = self.consumer.name(), tenant.id = %self.ctx.tenant(),
                    "the relay cannot reach the outbox, trying again"
                );
                Rest::After(AFTER_DATABASE_TROUBLE)
            }
        }
    }

    async fn turn(&self) -> Result<Rest, LedgerError> {
        let (lease, now) = (self.lease, self.clock.now());
        let Some(taken) = self.ctx.transact(async move |tx: &mut TenantTx| store::take(tx, lease).await).await? else {
            return Ok(Rest::Nothing);
        };
        if let Some(pause) = taken.retry_at.and_then(|at| (at - now).to_std().ok()) {
            self.give_back(taken.position).await?;
            return Ok(Rest::After(pause));
        }
        let page = self.ctx.read(async move |tx: &mut TenantTx| delivery::read(tx, taken.position, PAGE).await).await?;
        let rest = match (page.is_full, page.is_held_up) {
            (true, _) => Rest::More,
            (false, true) => Rest::After(HELD_UP),
            (false, false) => Rest::Nothing,
        };
        let (mut done, mut attempts, mut saved) = (taken.position, taken.attempts, Instant::now());
        for delivery in page.deliveries {
            if self.stopping.is_announced() {
                break;
            }
            if saved.elapsed() > SAVE_EVERY {
                if !self.save(done).await? {
                    return Ok(Rest::Nothing);
                }
                saved = Instant::now();
            }
            let delivery = Arc::new(delivery);
            let Err(failure) = self.hand_over(&delivery).await else {
                (done, attempts) = (delivery.position, 0);
                continue;
            };
            attempts += 1;
            let patient = if is_passing_trouble(&*failure) { PATIENT } else { 1 };
            if attempts < self.pace.attempts * patient {
                let pause = self.back_off(attempts);
                self.put_off(done, attempts, self.clock.now() + pause, &failure).await?;
                return Ok(Rest::After(pause));
            }
            if !self.pass_over(&delivery, attempts, &failure).await? {
                return Ok(Rest::Nothing);
            }
            (done, attempts) = (delivery.position, 0);
        }
        self.give_back(done).await?;
        Ok(rest)
    }

    /// In a task of its own, so that a panic is a failure like any other.
    async fn hand_over(&self, delivery: &Arc<Delivery>) -> Result<(), Failure> {
        let (consumer, ctx, delivery) = (self.consumer.clone(), self.ctx.clone(), Arc::clone(delivery));
        let begun = Instant::now();
        let mut acting = tokio::spawn(async move { consumer.act(ctx, delivery).await });
        let outcome = match tokio::time::timeout(self.pace.patience, &mut acting).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(panicked)) => Err(panicked.into()),
            Err(elapsed) => {
                acting.abort();
                Err(elapsed.into())
            }
        };
        let result = if outcome.is_ok() { "handled" } else { "failed" };
        metrics::counter!("relay_events_total", "consumer" => self.consumer.name(), "result" => result).increment(1);
        metrics::histogram!("relay_event_seconds", "consumer" => self.consumer.name())
            .record(begun.elapsed().as_secs_f64());
        outcome
    }

    fn back_off(&self, attempts: u32) -> Duration {
        self.pace.back_off.saturating_mul(4_u32.saturating_pow(attempts.saturating_sub(1))).min(LONGEST_BACK_OFF)
    }

    async fn put_off(
        &self,
        done: Position,
        attempts: u32,
        retry_at: DateTime<Utc>,
        failure: &Failure,
    ) -> Result<(), LedgerError> {
        tracing::warn!(
            error = %failure, relay.consumer = self.consumer.name(), tenant.id = %self.ctx.tenant(), attempts,
            "a consumer could not act on an event, it will be asked again"
        );
        let lease = self.lease;
        self.ctx
            .transact(async move |tx: &mut TenantTx| store::put_off(tx, lease, done, attempts, retry_at).await)
            .await
    }

    async fn pass_over(&self, delivery: &Arc<Delivery>, attempts: u32, failure: &Failure) -> Result<bool, LedgerError> {
        tracing::error!(
            error = %failure, relay.consumer = self.consumer.name(), tenant.id = %self.ctx.tenant(), attempts,
            event.kind = delivery.kind, event.position = %delivery.position,
            "a consumer cannot act on an event: it is passed over and kept in relay_failure"
        );
        metrics::counter!("relay_events_total", "consumer" => self.consumer.name(), "result" => "passed_over")
            .increment(1);
        let (lease, delivery, now) = (self.lease, Arc::clone(delivery), self.clock.now());
        let error: String = failure.to_string().chars().take(500).collect();
        self.ctx
            .transact(async move |tx: &mut TenantTx| {
                store::pass_over(tx, lease, &delivery, attempts, &error, now).await
            })
            .await
    }

    /// False if the lease has been lost.
    async fn save(&self, done: Position) -> Result<bool, LedgerError> {
        let lease = self.lease;
        self.ctx.transact(async move |tx: &mut TenantTx| store::save(tx, lease, done).await).await
    }

    async fn give_back(&self, done: Position) -> Result<(), LedgerError> {
        let lease = self.lease;
        self.ctx.transact(async move |tx: &mut TenantTx| store::give_back(tx, lease, done).await).await
    }
}

/// Whether it failed because of the database and not of the event: somebody held a row for long, a connection broke.
fn is_passing_trouble(failure: &(dyn Error + Send + Sync + 'static)) -> bool {
    let causes = successors(Some(failure as &(dyn Error + 'static)), |&error| error.source());
    causes.filter_map(|error| error.downcast_ref::<sqlx::Error>()).any(is_passing)
}
