//! Plans many visits at once and assigns what was planned.
//!
//! The rows are read in one short transaction, the engine runs with none open, and the result is written in small ones.
//! Meanwhile the company goes on working: whoever was booked or assigned since then stays so, and the visit concerned
//! is ranked once more by itself, or left with a reason.

mod apply;
mod read;

use std::sync::Arc;

use callout_dispatch::{Budget, Plan, plan};
use chrono::{DateTime, Utc};
use tokio::sync::oneshot;
use tracing::Instrument;
use uuid::Uuid;

use super::board::{Board, by_rule};
use super::store::{self, Left};
use super::{PlanningError, Terms};
use crate::ledger::{By, Ledger};
use crate::platform::clock::Clock;
use crate::tenancy::{TenantCtx, TenantTx};
use read::Situation;

/// What is to be planned.
#[derive(Debug, Clone)]
pub struct Order {
    /// The id of the run.
    pub run: Uuid,
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    /// None: every ticket with a located visit that nobody has.
    pub tickets: Option<Vec<Uuid>>,
    pub seed: u32,
    /// How often a part of the plan is taken apart and put together better.
    pub rounds: u32,
    /// Only say what would be done.
    pub is_dry: bool,
}

/// Everything a run works with.
#[derive(Clone)]
struct Run {
    ctx: TenantCtx,
    ledger: Arc<Ledger>,
    clock: Clock,
    order: Order,
    terms: Terms,
}

/// Starts a run: what is ordered is noted before this returns. The run goes on to its end whether or not anybody waits
/// for the receiver; what comes of it stands in the tables.
pub async fn start(
    ctx: TenantCtx,
    ledger: Arc<Ledger>,
    clock: Clock,
    order: Order,
    terms: Terms,
) -> Result<oneshot::Receiver<Result<(), PlanningError>>, PlanningError> {
    let run = Run { ctx, ledger, clock, order, terms };
    run.begin().await?;
    let (tell, told) = oneshot::channel();
    let id = run.order.run;
    let to_the_end = async move {
        if let Err(Err(error)) = tell.send(run.carry_out().await) {
            tracing::error!(plan.id = %id, %error, "a plan failed, and nobody waits for it");
        }
    };
    tokio::spawn(to_the_end.in_current_span());
    Ok(told)
}

impl Run {
    async fn begin(&self) -> Result<(), PlanningError> {
        let (order, terms) = (self.order.clone(), self.terms.clone());
        let (by, at) = (By::caller(&self.ctx).user(), self.clock.now());
        self.ctx.transact(async move |tx: &mut TenantTx| store::begin_run(tx, &order, by, &terms, at).await).await
    }

    async fn carry_out(self) -> Result<(), PlanningError> {
        let Situation { board, mut left, visits } = self.read().await?;
        let plan = self.plan(&board).await?;
        left.extend(unserved(&board, &plan));
        let planned = apply::planned(&board, &plan);
        if self.order.is_dry {
            self.note(planned).await?;
        } else {
            left.extend(self.apply(planned).await?);
        }
        let (run, at, size) = (self.order.run, self.clock.now(), (visits, board.engineer_count()));
        self.ctx.transact(async move |tx: &mut TenantTx| store::finish_run(tx, run, size, &left, at).await).await
    }

    /// The engine computes for a second or more, so it does that beside the tasks of the server.
    async fn plan(&self, board: &Arc<Board>) -> Result<Plan, PlanningError> {
        let (board, policy) = (Arc::clone(board), self.terms.policy.clone());
        let budget = Budget { threads: THREADS, ..Budget::rounds(self.order.rounds.into()) };
        let seed = u64::from(self.order.seed);
        let planning = tokio::task::spawn_blocking(move || plan(&board.engine, &policy, budget, seed));
        planning.await.map_err(|_| PlanningError::Stopped)
    }

    /// Notes what would be done.
    async fn note(&self, planned: Vec<super::assign::Give>) -> Result<(), PlanningError> {
        let run = self.order.run;
        let note = async move |tx: &mut TenantTx| {
            for give in &planned {
                store::insert_planned(tx, run, (give.visit, give.ticket), &give.chosen, None).await?;
            }
            Ok::<_, PlanningError>(())
        };
        self.ctx.transact(note).await
    }
}

fn unserved(board: &Board, plan: &Plan) -> Vec<Left> {
    let left = plan.unserved.iter().map(|unserved| {
        let (visit, ticket) = board.visit(unserved.visit);
        let reason = unserved.main.map_or("no_engineer", |rule| rule.as_str());
        Left { visit, ticket, reason, refused: by_rule(&unserved.refused) }
    });
    left.collect()
}

/// Threads that search for one plan: two, so that two plans at once leave a small machine room to answer.
const THREADS: usize = 2;
