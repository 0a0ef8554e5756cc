//! Works on the plans that were ordered, some at a time: tenant by tenant, so that one who orders many holds up nobody
//! else, and assigning beside searching, so that what was accepted does not wait for a search to end.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use sync_core::ids::TenantId;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::planning::PlanningError;
use crate::planning::run::{Hand, Run, Stage};
use crate::platform::shutdown::Shutdown;
use crate::state::AppState;
use crate::tenancy::{SystemEntry, Tenancy};

/// The plans this process works on.
pub struct Plans {
    tenancy: Tenancy,
    hand: Hand,
    must_search: Notify,
    must_apply: Notify,
}

/// Searches at a time; each takes two threads.
const SEARCHES: usize = 2;
/// Plans that are assigned at a time.
const APPLIED: usize = 2;
/// Looks for work without a wake-up: the lease of a process that died has run out.
const POLL: Duration = Duration::from_secs(5);

impl Plans {
    /// Nothing is done before [`Plans::run`].
    pub fn new(state: &AppState) -> Self {
        let holder = state.random.uuid(state.clock.now());
        let (ledger, roads, clock) = (Arc::clone(&state.ledger), state.roads.clone(), state.clock.clone());
        let hand = Hand { holder, ledger, roads, clock };
        Self { tenancy: state.tenancy.clone(), hand, must_search: Notify::new(), must_apply: Notify::new() }
    }

    /// There may be something to do.
    pub fn wake(&self) {
        self.must_search.notify_one();
        self.must_apply.notify_one();
    }

    /// Works until told to stop, and then returns when what is in hand has been given back.
    pub async fn run(self: Arc<Self>, stopping: Shutdown) {
        tokio::join!(
            self.run_stage(Stage::Search, SEARCHES, &self.must_search, &stopping),
            self.run_stage(Stage::Apply, APPLIED, &self.must_apply, &stopping),
        );
    }

    async fn run_stage(&self, stage: Stage, at_once: usize, must_look: &Notify, stopping: &Shutdown) {
        let mut busy: HashSet<TenantId> = HashSet::new();
        let mut working: JoinSet<()> = JoinSet::new();
        let mut at_work: Vec<(tokio::task::Id, TenantId)> = Vec::new();
        while !stopping.is_announced() {
            while at_work.len() < at_once
                && let Some((tenant, run)) = self.next(stage, &busy).await
            {
                let task = working.spawn(run.carry_out(stopping.clone()));
                busy.insert(tenant);
                at_work.push((task.id(), tenant));
            }
            tokio::select! {
                Some(ended) = working.join_next_with_id() => {
                    let id = match ended {
                        Ok((id, ())) => id,
                        Err(error) => {
                            tracing::error!(%error, "the work on a plan ended badly; it is taken up again when its lease has run out");
                            error.id()
                        }
                    };
                    at_work.retain(|(task, tenant)| {
                        let is_over = *task == id;
                        if is_over {
                            busy.remove(tenant);
                        }
                        !is_over
                    });
                }
                () = must_look.notified() => {}
                () = tokio::time::sleep(POLL) => {}
                () = stopping.wait() => {}
            }
        }
        while working.join_next().await.is_some() {}
    }

    /// The next plan of the tenant whose turn it is: one of each at a time.
    async fn next(&self, stage: Stage, busy: &HashSet<TenantId>) -> Option<(TenantId, Run)> {
        self.look(stage, busy).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "cannot look for plans");
            None
        })
    }

    async fn look(&self, stage: Stage, busy: &HashSet<TenantId>) -> Result<Option<(TenantId, Run)>, PlanningError> {
        for tenant in self.tenancy.plans_due(&stage.states()).await? {
            if busy.contains(&tenant) {
                continue;
            }
            let ctx = self.tenancy.system(tenant, SystemEntry::Plans);
            if let Some(run) = self.hand.take(&ctx, stage).await? {
                return Ok(Some((tenant, run)));
            }
        }
        Ok(None)
    }
}
