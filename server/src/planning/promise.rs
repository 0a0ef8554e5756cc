//! A window that was offered is taken: the visit gets it, and with it, if that is wished, the engineer.

use chrono::{DateTime, Utc};
use sync_core::document::Scalar;
use sync_core::document::core::path;
use sync_core::ids::{GrantId, TicketId, UserId, VisitId};
use sync_core::time::{ServerTime, TimeWindow};

use super::assign::{Assigned, Decision, Wish, assign};
use super::choose::choose;
use super::offers::{OPEN, Window};
use super::rank::{Question, rank};
use super::{PlanningError, Terms, board_store, clock};
use crate::ledger::{Desk, Edit, Ledger, LedgerError, Value};
use crate::tenancy::TenantTx;

/// What is promised to the customer.
#[derive(Debug, Clone, Copy)]
pub struct Promise {
    pub visit: VisitId,
    pub window: Window,
    /// Nobody else is to come.
    pub engineer: Option<UserId>,
    /// Assign it at once. What somebody has already is always given anew: an appointment is with somebody.
    pub must_assign: bool,
}

/// Makes the promise if it can be kept; nothing is done otherwise. `held` is the assignment by which somebody has the
/// visit.
pub async fn promise(
    tx: &mut TenantTx,
    ledger: &Ledger,
    promise: Promise,
    held: Option<GrantId>,
    decision: Decision,
    terms: &Terms,
) -> Result<Option<Assigned>, PlanningError> {
    let Promise { visit, window, engineer, must_assign } = promise;
    let row = board_store::visits(tx, &[visit.0]).await?.pop().ok_or(PlanningError::NotFound)?;
    if !OPEN.contains(&row.status.as_str()) {
        return Err(PlanningError::NotOpen);
    }
    let question = Question { window: Some(window), instead_of: held, also: engineer, ..Question::about(visit) };
    let wish = Wish { engineer, ..Wish::default() };
    if must_assign || held.is_some() {
        return Box::pin(assign(tx, ledger, question, wish, decision, terms)).await.map(Some);
    }
    let ranked = Box::pin(rank(tx, question, terms, decision.at)).await?;
    choose(&ranked, wish, terms)?;
    let (now, slot) = (at(decision.at), clock::slot(window.0, window.1)?);
    let set = |desk: &mut Desk<'_>| set_window(desk, visit, slot).map_err(PlanningError::from);
    ledger.edit(tx, TicketId(row.ticket_id), decision.by, now, set).await?;
    Ok(None)
}

/// Gives a visit this window, whatever stood there. A pin was one to the old window and goes with it.
pub(super) fn set_window(desk: &mut Desk<'_>, visit: VisitId, window: TimeWindow) -> Result<(), LedgerError> {
    let plan = desk.core().visits.get(&visit).copied().ok_or(LedgerError::NotFound)?;
    let time = |time: ServerTime| Value::Plain(Scalar::Int(time.0));
    let side = |path, seen: Option<ServerTime>, to| Edit { path, seen: seen.map(time), to: Some(time(to)) };
    let mut edits = vec![
        side(path::visit_start(visit), plan.window.map(TimeWindow::start), window.start()),
        side(path::visit_end(visit), plan.window.map(TimeWindow::end), window.end()),
    ];
    if plan.pinned {
        let flag = |value| Some(Value::Plain(Scalar::Bool(value)));
        edits.push(Edit { path: path::visit_pinned(visit), seen: flag(true), to: flag(false) });
    }
    desk.set(&edits).map(|_| ())
}

fn at(time: DateTime<Utc>) -> ServerTime {
    ServerTime(time.timestamp_millis())
}
