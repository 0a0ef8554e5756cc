//! What a run begins with: the visits nobody has, and everybody who works in its days.

use std::sync::Arc;

use sync_core::ids::{TicketId, VisitId};

use super::Run;
use super::store::Left;
use crate::planning::board::{Board, place_of};
use crate::planning::board_store::{self as rows, Horizon};
use crate::planning::{PlanningError, Terms};
use crate::tenancy::TenantTx;

/// The board, and the visits that could not be put on it.
pub struct Situation {
    pub board: Arc<Board>,
    pub left: Vec<Left>,
    /// On the board or not.
    pub visits: usize,
    pub terms: Terms,
}

impl Run {
    pub(super) async fn read(&self) -> Result<Situation, PlanningError> {
        let order = self.order.clone();
        let horizon = Horizon { from: order.from.max(self.hand.clock.now()), to: order.to };
        if horizon.from >= horizon.to {
            return Err(PlanningError::TooLate);
        }
        let read = async move |tx: &mut TenantTx| {
            let terms = Terms::load(tx).await?;
            let wanted = rows::unassigned(tx, order.tickets.as_deref()).await?;
            let (taken, beyond) = wanted.split_at(wanted.len().min(MOST_VISITS));
            let ids: Vec<_> = taken.iter().map(|(visit, _)| visit.0).collect();
            let (located, lost): (Vec<_>, Vec<_>) =
                rows::visits(tx, &ids).await?.into_iter().partition(|row| place_of(row).is_some());
            let engineers = rows::engineers(tx).await?;
            let board = Board::load(tx, &located, engineers, horizon, None, &terms).await?;
            let lost = lost.iter().map(|row| left(VisitId(row.visit_id), TicketId(row.ticket_id), "not_located"));
            let beyond = beyond.iter().map(|(visit, ticket)| left(*visit, *ticket, "too_many"));
            let left = lost.chain(beyond).collect();
            Ok::<_, PlanningError>(Situation { board: Arc::new(board), left, visits: wanted.len(), terms })
        };
        self.ctx.read(read).await
    }
}

fn left(visit: VisitId, ticket: TicketId, reason: &'static str) -> Left {
    Left { visit, ticket, reason, refused: Default::default() }
}

/// The urgent and the old first; the rest is left to the next run.
const MOST_VISITS: usize = 10_000;
