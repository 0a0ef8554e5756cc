//! Looks, tenant by tenant, for appointments that take longer than planned while another one follows.

use std::time::Duration;

use super::next_round;
use crate::planning::PlanningError;
use crate::planning::replan;
use crate::platform::shutdown::Shutdown;
use crate::state::AppState;
use crate::tenancy::SystemEntry;

const BETWEEN_ROUNDS: Duration = Duration::from_secs(60);

pub(super) async fn run(state: AppState, stopping: Shutdown) {
    while next_round(BETWEEN_ROUNDS, &stopping).await {
        if let Err(error) = notice_overruns(&state).await {
            tracing::error!(error = %error, "cannot look for what takes longer than planned");
        }
    }
}

/// One round; returns how many were news. What follows from them is done by whoever gets the events.
pub async fn notice_overruns(state: &AppState) -> Result<usize, PlanningError> {
    let (mut noticed, now) = (0, state.clock.now());
    for tenant in state.tenancy.under_way(now).await? {
        let ctx = state.tenancy.system(tenant, SystemEntry::Overruns);
        noticed += replan::notice_overruns(&ctx, now).await?;
    }
    Ok(noticed)
}
