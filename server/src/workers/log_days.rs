//! Closes the days of the log, tenant by tenant: a root for each day that is over.

use std::time::Duration;

use super::next_round;
use crate::ledger::{LedgerError, root};
use crate::platform::shutdown::Shutdown;
use crate::state::AppState;
use crate::tenancy::{SystemEntry, TenantTx};

const BETWEEN_ROUNDS: Duration = Duration::from_secs(60);

pub(super) async fn run(state: AppState, stopping: Shutdown) {
    while next_round(BETWEEN_ROUNDS, &stopping).await {
        if let Err(error) = close_days(&state).await {
            tracing::error!(error = %error, "cannot close the days of the log");
        }
    }
}

/// Closes every day that is over, of every tenant. Several processes may do so at once: each day is closed by one.
pub async fn close_days(state: &AppState) -> Result<usize, LedgerError> {
    let (mut closed, now) = (0, state.clock.now());
    for tenant in state.tenancy.log_days_due(root::last_to_close(now)).await? {
        let ctx = state.tenancy.system(tenant, SystemEntry::LogDays);
        loop {
            let (signer, epoch) = (state.signer.clone(), state.server_epoch);
            let close = ctx.transact(async move |tx: &mut TenantTx| root::close_next(tx, &signer, epoch, now).await);
            match close.await? {
                Some(day) => tracing::info!(tenant.id = %tenant, %day, "a day of the log is closed"),
                None => break,
            }
            closed += 1;
        }
    }
    Ok(closed)
}
