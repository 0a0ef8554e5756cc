//! A dispatcher gives a visit to somebody else, in one step: the old assignment ends as the new one begins.

use chrono::{DateTime, Utc};
use sync_core::ids::GrantId;

use super::store;
use crate::ledger::{By, Ledger};
use crate::planning::assign::{Assigned, Decision, assign as decide};
use crate::planning::rank::Question;
use crate::planning::travel::Roads;
use crate::planning::{Mode, PlanningError, Terms, Wish};
use crate::tenancy::TenantTx;

/// Ends an assignment and makes another. With nobody named it goes to the best of the others; the same engineer may be
/// named, to give him another time.
pub async fn reassign(
    tx: &mut TenantTx,
    ledger: &Ledger,
    assignment: GrantId,
    wish: Wish,
    by: By,
    roads: &Roads,
    now: DateTime<Utc>,
) -> Result<Assigned, PlanningError> {
    let held = store::assignment(tx, assignment).await?;
    let question = Question {
        instead_of: Some(assignment),
        not: wish.engineer.is_none().then_some(held.engineer),
        ..Question::about(held.visit)
    };
    let is_suggested = match wish.engineer {
        Some(engineer) => store::is_suggested(tx, held.visit, engineer).await?,
        None => true,
    };
    let mode = if is_suggested { Mode::Suggested } else { Mode::Manual };
    let terms = Terms::load(tx).await?.by(roads);
    decide(tx, ledger, question, wish, Decision { by, mode, run: None, at: now }, &terms).await
}
