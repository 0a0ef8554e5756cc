//! Time that became free goes to visits that nobody could take before.

use std::sync::Arc;

use callout_dispatch::{Policy, VisitIndex, scan};
use chrono::{DateTime, TimeDelta, Utc};
use sync_core::ids::{TicketId, UserId};
use uuid::Uuid;

use super::{beside, store};
use crate::ledger::Ledger;
use crate::planning::automatic::attend;
use crate::planning::board::Board;
use crate::planning::board_store::{self as rows, Horizon};
use crate::planning::travel::{Roads, informed};
use crate::planning::{PlanningError, Terms};
use crate::tenancy::{TenantCtx, TenantTx};

/// Looks whether these engineers can take any of them now; if so, the visit is dispatched as if it were new.
pub async fn fill(
    ctx: &TenantCtx,
    ledger: &Arc<Ledger>,
    roads: &Roads,
    engineers: &[UserId],
    now: DateTime<Utc>,
) -> Result<(), PlanningError> {
    let terms = ctx.read(async move |tx: &mut TenantTx| Terms::load(tx).await).await?;
    let crew: Arc<[Uuid]> = engineers.iter().map(|engineer| engineer.0).collect();
    let read = |roads: Roads| {
        let (crew, on) = (Arc::clone(&crew), terms.clone().by(&roads));
        ctx.read(async move |tx: &mut TenantTx| load(tx, &crew, &on, now).await)
    };
    let Some(board) = informed(roads, read).await? else {
        return Ok(());
    };
    let policy = terms.policy;
    for ticket in beside(move || placeable(&board, &policy)).await? {
        attend(ctx, ledger, roads, ticket, now).await?;
    }
    Ok(())
}

async fn load(
    tx: &mut TenantTx,
    engineers: &[Uuid],
    terms: &Terms,
    now: DateTime<Utc>,
) -> Result<Option<Board>, PlanningError> {
    let waiting = store::unplaced(tx).await?;
    if waiting.is_empty() {
        return Ok(None);
    }
    let visits = rows::visits(tx, &waiting).await?;
    let crew = rows::engineers_of(tx, engineers).await?;
    let horizon = Horizon { from: now, to: now + terms.horizon + TimeDelta::days(1) };
    Board::load(tx, &visits, crew, horizon, &[], terms).await.map(Some)
}

/// The tickets of those that one of the engineers could take.
fn placeable(board: &Board, policy: &Policy) -> Vec<TicketId> {
    let visits = board.engine.visits().iter().zip((0..).map(VisitIndex));
    let can = visits.filter(|(visit, _)| scan(&board.engine, visit, policy).best().is_some());
    can.map(|(_, index)| board.visit(index).1).collect()
}
