//! A dispatcher puts a visit into the pool, or takes it out, whatever the mode of its type.

use chrono::{DateTime, Utc};
use serde_json::json;
use sync_core::ids::{UserId, VisitId};
use sync_core::time::ServerTime;

use super::store;
use crate::ledger::outbox::{self, Event};
use crate::planning::PlanningError;
use crate::tenancy::TenantTx;

/// Says by hand whether a visit that nobody has is on offer. From then on the mode of its type does not count.
pub async fn place(
    tx: &mut TenantTx,
    visit: VisitId,
    is_offered: bool,
    by: UserId,
    now: DateTime<Utc>,
) -> Result<(), PlanningError> {
    let standing = store::standing(tx, visit).await?.ok_or(PlanningError::NotFound)?;
    if is_offered && !standing.is_open() {
        return Err(match standing.held_by() {
            Some((grant, engineer)) => PlanningError::AlreadyAssigned { grant, engineer },
            None => PlanningError::NothingToDo,
        });
    }
    if store::place(tx, visit, is_offered, by, now).await? {
        let (kind, payload) = ("ticket.pooled", json!({ "visit_id": visit.to_string(), "is_offered": is_offered }));
        let event = Event { kind, ticket: Some(standing.ticket), user: None, payload };
        outbox::append(tx, &event, ServerTime(now.timestamp_millis())).await?;
    }
    Ok(())
}
