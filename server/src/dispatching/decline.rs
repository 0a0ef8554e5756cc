//! An engineer tells the desk that he will not do a visit; on his phone he would decline it himself.

use chrono::{DateTime, Utc};
use sync_core::ids::GrantId;
use sync_core::time::ServerTime;

use super::store;
use super::unassign::unassign;
use crate::ledger::{By, Ledger};
use crate::planning::PlanningError;
use crate::tenancy::TenantTx;

/// Ends an assignment and remembers who turned it down: he is not offered the visit again, and where the server
/// dispatches, the next one is.
pub async fn decline(
    tx: &mut TenantTx,
    ledger: &Ledger,
    assignment: GrantId,
    reason: Option<String>,
    by: By,
    now: DateTime<Utc>,
) -> Result<(), PlanningError> {
    let held = unassign(tx, ledger, assignment, by, ServerTime(now.timestamp_millis())).await?;
    store::turn_down(tx, assignment, &held, reason, by.user(), now).await
}
