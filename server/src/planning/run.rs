//! Plans many visits at once: ordered at the desk, carried out by whichever process is free.
//!
//! An order is a row. A worker takes it under a lease and carries it out: the rows are read in one short transaction, the
//! engine searches with none open, the plan is written down with its reasons in one more, and what it gives to whom is
//! assigned in small ones, from what was written down; of a draft, what somebody accepts. So a process that is killed
//! loses nothing: another takes the order up when the lease has run out, plans anew from the same seed, or goes on
//! assigning where the other stopped.
//!
//! Meanwhile the company goes on working: whoever was booked or assigned since then stays so, and the visit concerned is
//! ranked once more by itself, or left with a reason.

mod read;
mod held;
mod search;
mod figures;
mod proposal;
mod apply;
mod check;
mod groups;
mod store;
mod planned_store;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use sync_core::ids::UserId;
use uuid::Uuid;

use super::PlanningError;
use super::travel::Roads;
use crate::ledger::Ledger;
use crate::platform::clock::Clock;
use crate::platform::shutdown::Shutdown;
use crate::tenancy::{TenantCtx, TenantTx};
use read::Situation;
use search::Found;
use store::{Lease, Written};

pub use figures::{Figures, Levels};
pub use held::Held;
pub use proposal::Relaxed;
pub use store::{accept, cancel, forget_unused, order};

/// What is to be planned.
#[derive(Debug, Clone)]
pub struct Order {
    /// The id of the run.
    pub run: Uuid,
    /// In whose name it is assigned.
    pub by: UserId,
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    /// None: every ticket with a located visit that nobody has.
    pub tickets: Option<Vec<Uuid>>,
    pub seed: u32,
    /// How often a part of the plan is taken apart and put together better.
    pub rounds: u32,
    /// Only say what would be done.
    pub is_draft: bool,
    /// Appointments that somebody has may move, too; only in a draft.
    pub is_replan: bool,
}

/// What a worker does for plans. Assigning does not wait until a search has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Search,
    Apply,
}

impl Stage {
    /// The states in which a plan needs it.
    pub fn states(self) -> Vec<String> {
        let states: &[&str] = match self {
            Self::Search => &["queued", "running"],
            Self::Apply => &["applying"],
        };
        states.iter().map(|state| (*state).to_owned()).collect()
    }
}

/// Who works on plans: a process, by a name of its own.
#[derive(Clone)]
pub struct Hand {
    pub holder: Uuid,
    pub ledger: Arc<Ledger>,
    /// How long drives take.
    pub roads: Roads,
    pub clock: Clock,
}

/// A plan in hand.
#[derive(Clone)]
pub struct Run {
    ctx: TenantCtx,
    hand: Hand,
    stage: Stage,
    order: Order,
    lease: Lease,
    /// How often somebody has begun with it.
    attempts: i32,
}

impl Hand {
    /// Takes the next plan of a tenant that needs this; none if there is none, or others have them all.
    pub async fn take(&self, ctx: &TenantCtx, stage: Stage) -> Result<Option<Run>, PlanningError> {
        loop {
            let holder = self.holder;
            let taken =
                ctx.transact(async move |tx: &mut TenantTx| store::take(tx, stage, holder, LEASE).await).await?;
            let Some((order, attempts)) = taken else { return Ok(None) };
            let lease = Lease { run: order.run, holder };
            let run = Run { ctx: ctx.clone(), hand: self.clone(), stage, order, lease, attempts };
            if attempts <= MOST_ATTEMPTS {
                return Ok(Some(run));
            }
            tracing::error!(plan.id = %run.order.run, attempts, "a plan has never come to its end, it is given up");
            run.fail("given_up").await?;
        }
    }
}

impl Run {
    /// Works on the plan until it is done, fails, is somebody else's, or the server is to end. What came of it stands in
    /// the tables.
    pub async fn carry_out(self, stopping: Shutdown) {
        let outcome = match self.stage {
            Stage::Search => self.search_and_apply(&stopping).await,
            Stage::Apply => self.apply(&stopping).await,
        };
        let settled = match outcome {
            Ok(()) => Ok(()),
            Err(PlanningError::Overtaken) => {
                tracing::info!(plan.id = %self.order.run, "a plan was cancelled, or another process has it now");
                Ok(())
            }
            Err(PlanningError::Stopped) if stopping.is_announced() => self.give_back().await,
            Err(error) if error.is_passing() => {
                tracing::warn!(plan.id = %self.order.run, %error, "a plan is interrupted, and will be tried again");
                self.put_off().await
            }
            Err(error) => {
                tracing::error!(plan.id = %self.order.run, %error, "a plan failed");
                self.fail(error.failure()).await
            }
        };
        if let Err(error) = settled {
            // The lease runs out by itself.
            tracing::warn!(plan.id = %self.order.run, %error, "cannot note where a plan stands");
        }
    }

    async fn search_and_apply(&self, stopping: &Shutdown) -> Result<(), PlanningError> {
        let situation = self.read(stopping).await?;
        let found = self.search(&situation, stopping).await?;
        self.write_down(situation, found).await?;
        if self.order.is_draft { Ok(()) } else { self.apply(stopping).await }
    }

    async fn write_down(&self, situation: Situation, found: Found) -> Result<(), PlanningError> {
        let Situation { board, mut left, visits, held, terms, .. } = situation;
        left.extend(proposal::left(&board, &found.plan));
        let engineers = board.engineer_count();
        let planned = proposal::proposals(&board, &found.plan, &held);
        let written = Written { planned, left, visits, engineers, figures: found.figures };
        let (lease, at) = (self.lease, self.hand.clock.now());
        let (by, record) = ((!self.order.is_draft).then_some(self.order.by), board.travel.noted_in(terms.record()));
        let write = async move |tx: &mut TenantTx| store::write_down(tx, lease, &written, by, record, at).await;
        self.ctx.transact(write).await
    }

    /// Another process may go on at once: nothing was wrong with it.
    async fn give_back(&self) -> Result<(), PlanningError> {
        let lease = self.lease;
        self.ctx.transact(async move |tx: &mut TenantTx| store::give_back(tx, lease).await).await
    }

    async fn put_off(&self) -> Result<(), PlanningError> {
        let (lease, pause) = (self.lease, AFTER_TROUBLE * self.attempts);
        self.ctx.transact(async move |tx: &mut TenantTx| store::put_off(tx, lease, pause).await).await
    }

    async fn fail(&self, failure: &'static str) -> Result<(), PlanningError> {
        let (lease, at) = (self.lease, self.hand.clock.now());
        self.ctx.transact(async move |tx: &mut TenantTx| store::fail(tx, lease, failure, at).await).await
    }
}

/// How long a process that died keeps a plan from the others.
const LEASE: TimeDelta = TimeDelta::seconds(30);
/// So often somebody begins with a plan: more often, and it is what brings the processes down.
const MOST_ATTEMPTS: i32 = 5;
const AFTER_TROUBLE: TimeDelta = TimeDelta::seconds(2);
