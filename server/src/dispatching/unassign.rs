//! A dispatcher takes a visit back. Whoever is on site stays until he leaves.

use sync_core::ids::GrantId;
use sync_core::time::ServerTime;

use super::store::{self, Assignment};
use crate::ledger::{By, Desk, Ledger};
use crate::planning::PlanningError;
use crate::tenancy::TenantTx;

/// Ends an assignment; the engineer's time is free again. Nobody else is looked for: that is the dispatcher's affair.
pub async fn unassign(
    tx: &mut TenantTx,
    ledger: &Ledger,
    assignment: GrantId,
    by: By,
    now: ServerTime,
) -> Result<Assignment, PlanningError> {
    let held = store::assignment(tx, assignment).await?;
    let take_back = |desk: &mut Desk<'_>| {
        let is_held = desk.grants().any(|grant| grant.id == assignment && grant.ended.is_none());
        if is_held { Ok(desk.unassign(assignment)?) } else { Err(PlanningError::AssignmentEnded) }
    };
    ledger.edit(tx, held.ticket, by, now, take_back).await?;
    Ok(held)
}
