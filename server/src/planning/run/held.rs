//! Appointments that somebody has and that a plan may move: on the board they are published, so that moving them costs.

use std::collections::BTreeMap;

use callout_dispatch::{Order, Published, VisitIndex};
use chrono::{DateTime, Utc};
use sync_core::ids::{GrantId, TicketId, UserId, VisitId};

use crate::planning::PlanningError;
use crate::planning::board::Board;
use crate::planning::clock::seconds_from;

/// Who has a visit, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    pub grant: GrantId,
    pub visit: VisitId,
    pub ticket: TicketId,
    pub engineer: UserId,
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
}

/// Notes on the board who has what, and says what each engineer has to do today, in order.
pub fn publish(board: &mut Board, held: &[Held]) -> Result<Vec<Order>, PlanningError> {
    let held: BTreeMap<VisitId, &Held> = held.iter().map(|held| (held.visit, held)).collect();
    let mut visits = board.engine.visits().to_vec();
    let mut today: Vec<(Order, i64)> = Vec::new();
    for (number, visit) in (0..).zip(&mut visits) {
        let index = VisitIndex(number);
        let Some(held) = held.get(&board.visit(index).0) else { continue };
        // Whoever is not on the board, or has no shift any more, is not going there.
        let Some(engineer) = board.index_of(held.engineer) else { continue };
        let start = seconds_from(held.from);
        visit.published = Some(Published { engineer, start });
        let mut shifts = board.engine.engineer(engineer).shifts.iter();
        if let Some(shift) = shifts.position(|shift| (shift.interval.start()..shift.interval.end()).contains(&start)) {
            today.push((Order { engineer, shift, visits: vec![index] }, start));
        }
    }
    let (now, travel) = (board.engine.now(), board.engine.travel().clone());
    board.engine = callout_dispatch::Board::new(now, travel, board.engine.engineers().to_vec(), visits)?;
    today.sort_by_key(|(order, start)| (order.engineer, order.shift, *start));
    let mut orders: Vec<Order> = Vec::new();
    for (order, _) in today {
        match orders.last_mut().filter(|last| (last.engineer, last.shift) == (order.engineer, order.shift)) {
            Some(last) => last.visits.extend(order.visits),
            None => orders.push(order),
        }
    }
    Ok(orders)
}
