//! A dispatcher gives a visit to an engineer, or to the best there is.

use chrono::{DateTime, Utc};
use sync_core::ids::VisitId;

use super::store;
use crate::ledger::{By, Ledger};
use crate::planning::assign::{Assigned, Decision, assign as decide};
use crate::planning::rank::Question;
use crate::planning::travel::Roads;
use crate::planning::{Mode, PlanningError, Terms, Wish};
use crate::tenancy::TenantTx;

/// Assigns a visit that nobody has. The phone learns of it on its next pull; nothing here notifies anyone.
pub async fn assign(
    tx: &mut TenantTx,
    ledger: &Ledger,
    visit: VisitId,
    wish: Wish,
    by: By,
    roads: &Roads,
    now: DateTime<Utc>,
) -> Result<Assigned, PlanningError> {
    let is_suggested = match wish.engineer {
        Some(engineer) => store::is_suggested(tx, visit, engineer).await?,
        None => true,
    };
    let mode = if is_suggested { Mode::Suggested } else { Mode::Manual };
    let decision = Decision { by, mode, run: None, at: now };
    let terms = Terms::load(tx).await?.by(roads);
    decide(tx, ledger, Question::about(visit), wish, decision, &terms).await
}
