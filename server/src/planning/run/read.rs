//! What a run begins with: the visits nobody has, those that may move, and everybody who works in its days.

use std::sync::Arc;

use callout_dispatch::Order;
use sync_core::ids::{GrantId, TicketId, VisitId};

use super::Run;
use super::held::{Held, publish};
use super::proposal::Left;
use crate::planning::board::{Board, place_of};
use crate::planning::board_store::{self as rows, Horizon};
use crate::planning::{PlanningError, Terms};
use crate::platform::shutdown::Shutdown;
use crate::tenancy::TenantTx;

/// The board, and the visits that could not be put on it.
pub struct Situation {
    pub board: Arc<Board>,
    pub left: Vec<Left>,
    /// On the board or not.
    pub visits: usize,
    /// The appointments that may move, and what each engineer has of them to do, in order.
    pub held: Vec<Held>,
    pub today: Vec<Order>,
    pub terms: Terms,
}

impl Run {
    pub(super) async fn read(&self, stopping: &Shutdown) -> Result<Situation, PlanningError> {
        let (order, roads) = (self.order.clone(), self.hand.roads.clone());
        let horizon = Horizon { from: order.from.max(self.hand.clock.now()), to: order.to };
        if horizon.from >= horizon.to {
            return Err(PlanningError::TooLate);
        }
        let read = async move |tx: &mut TenantTx| {
            let terms = Terms::load(tx).await?.by(&roads);
            let wanted = rows::unassigned(tx, order.tickets.as_deref()).await?;
            let (taken, beyond) = wanted.split_at(wanted.len().min(MOST_VISITS));
            let mut held =
                if order.is_replan { rows::movable(tx, horizon, order.tickets.as_deref()).await? } else { Vec::new() };
            // What has no room on the board stays as it is.
            held.truncate(MOST_VISITS - taken.len());
            let ids: Vec<_> =
                taken.iter().map(|(visit, _)| visit.0).chain(held.iter().map(|held| held.visit.0)).collect();
            let (located, lost): (Vec<_>, Vec<_>) =
                rows::visits(tx, &ids).await?.into_iter().partition(|row| place_of(row).is_some());
            let engineers = rows::engineers(tx).await?;
            let grants: Vec<GrantId> = held.iter().map(|held| held.grant).collect();
            let sketch = Board::sketch(tx, &located, engineers, horizon, &grants, &terms).await?;
            let lost =
                lost.iter().map(|row| Left::because((VisitId(row.visit_id), TicketId(row.ticket_id)), "not_located"));
            let beyond = beyond.iter().map(|visit| Left::because(*visit, "too_many"));
            let left: Vec<Left> = lost.chain(beyond).collect();
            Ok::<_, PlanningError>((sketch, left, wanted.len() + held.len(), held, terms))
        };
        let (sketch, left, visits, held, terms) = self.ctx.read(read).await?;
        // The routing engine may take its time: nothing is locked, and no transaction is open.
        let roads = self.holding(stopping, || 0.0, sketch.informed(&terms.roads)).await?;
        let mut board = sketch.board(&terms, &roads)?;
        let today = publish(&mut board, &held)?;
        Ok(Situation { board: Arc::new(board), left, visits, held, today, terms })
    }
}

/// The urgent and the old first; the rest is left to the next run.
const MOST_VISITS: usize = 10_000;
