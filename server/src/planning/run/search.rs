//! The engine at work: it computes for seconds or minutes, beside the tasks of the server, while the lease is renewed
//! and the progress noted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use callout_dispatch::{Budget, Plan, Prepared, plan_while};
use tokio::time::{MissedTickBehavior, interval};

use super::figures::{Figures, Today};
use super::read::Situation;
use super::{LEASE, Run, store};
use crate::planning::PlanningError;
use crate::platform::shutdown::Shutdown;
use crate::tenancy::TenantTx;

/// What the engine has found; and for a draft, what the days come to before and after.
pub struct Found {
    pub plan: Plan,
    pub figures: Option<(Figures, Figures)>,
}

/// What the search and who waits for it tell each other.
struct Progress {
    rounds: u64,
    looks: AtomicU64,
    is_over: AtomicBool,
}

impl Progress {
    /// What the engine asks now and then: nothing of the time is used, so that the same seed gives the same plan, until
    /// all of it is.
    fn spent(&self) -> f64 {
        self.looks.fetch_add(1, Ordering::Relaxed);
        if self.is_over.load(Ordering::Relaxed) { 1.0 } else { 0.0 }
    }

    /// Which share of the rounds is done. The parts of a large plan are counted in whole looks, so it may come a little
    /// early; that it is done, only the plan itself says.
    fn share(&self) -> f64 {
        let done = self.looks.load(Ordering::Relaxed) * Budget::ROUNDS_A_LOOK;
        (done as f64 / self.rounds.max(1) as f64).min(0.99)
    }
}

/// Ends the search when nobody waits for it any more.
struct EndOnDrop(Arc<Progress>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.is_over.store(true, Ordering::Relaxed);
    }
}

impl Run {
    pub(super) async fn search(&self, situation: &Situation, stopping: &Shutdown) -> Result<Found, PlanningError> {
        let (board, policy) = (Arc::clone(&situation.board), situation.terms.policy.clone());
        let (today, is_draft, is_replan) = (situation.today.clone(), self.order.is_draft, self.order.is_replan);
        let (rounds, seed) = (u64::from(self.order.rounds), u64::from(self.order.seed));
        let budget = Budget { threads: THREADS, ..Budget::rounds(rounds) };
        let progress = Arc::new(Progress { rounds, looks: AtomicU64::new(0), is_over: AtomicBool::new(false) });
        let end = EndOnDrop(Arc::clone(&progress));
        let told = Arc::clone(&progress);
        let mut planning = tokio::task::spawn_blocking(move || {
            let plan = plan_while(&board.engine, &policy, budget, seed, &|| told.spent());
            if !is_draft || told.is_over.load(Ordering::Relaxed) {
                return Found { plan, figures: None };
            }
            let prepared = Prepared::new(&board.engine, &policy);
            let today = Today::of(&prepared, &today);
            let before = Figures::of(&board, &today.plan, &policy);
            let plan = if is_replan { today.or_better(plan) } else { plan };
            let after = Figures::of(&board, &plan, &policy);
            Found { plan, figures: Some((before, after)) }
        });
        let found = self.holding(stopping, || progress.share(), &mut planning).await;
        if found.is_err() {
            drop(end);
            // Its threads are free before this process takes another one.
            _ = planning.await;
        }
        found?.map_err(|_| PlanningError::Stopped)
    }

    /// Waits for something while the lease is renewed and the share of the search noted; not any longer than the plan is
    /// wanted, and the server to go on.
    pub(super) async fn holding<T>(
        &self,
        stopping: &Shutdown,
        share: impl Fn() -> f64,
        work: impl Future<Output = T>,
    ) -> Result<T, PlanningError> {
        let mut beat = interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        beat.tick().await;
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return Ok(done),
                () = stopping.wait() => return Err(PlanningError::Stopped),
                _ = beat.tick() => if !self.renew(share()).await {
                    return Err(PlanningError::Overtaken);
                },
            }
        }
    }

    /// False if the plan was cancelled, or is somebody else's now. As long as the database does not answer, that is not
    /// known; what is written later asks again.
    async fn renew(&self, share: f64) -> bool {
        let lease = self.lease;
        let renew = async move |tx: &mut TenantTx| store::renew(tx, lease, share, LEASE).await;
        self.ctx.transact(renew).await.unwrap_or_else(|error| {
            tracing::warn!(plan.id = %self.order.run, %error, "cannot renew the lease of a plan");
            true
        })
    }
}

/// Threads that search for one plan: two, so that two plans at once leave a small machine room to answer.
const THREADS: usize = 2;
/// How often the lease is renewed, the progress noted, and a cancellation noticed.
const BEAT: Duration = Duration::from_secs(1);
