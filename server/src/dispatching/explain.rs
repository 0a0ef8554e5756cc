//! Why him? The reasons as they were when it was decided.

use sync_core::ids::GrantId;

use super::store;
use super::view::ExplanationView;
use crate::planning::PlanningError;
use crate::tenancy::TenantTx;

/// The explanation of an assignment.
pub async fn explain(tx: &mut TenantTx, assignment: GrantId) -> Result<ExplanationView, PlanningError> {
    let kept = store::explanation(tx, assignment).await?;
    let names = store::names(tx, &kept.considered).await?;
    Ok(ExplanationView::new(kept, &names))
}
