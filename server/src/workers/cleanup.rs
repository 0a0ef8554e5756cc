//! Forgets what has expired: tokens, challenges, kept answers, uploads left unfinished, positions kept long enough,
//! plans that nobody wanted, documents that did not open on a phone.

use std::time::Duration;

use super::next_round;
use crate::devices::{self, DeviceError};
use crate::planning::{PlanningError, run as plans};
use crate::platform::shutdown::Shutdown;
use crate::state::AppState;
use crate::tenancy::{SystemEntry, TenantTx};

const BETWEEN_ROUNDS: Duration = Duration::from_secs(3600);
/// Positions that one statement drops.
const MOST_AT_ONCE: i32 = 10_000;

pub(super) async fn run(state: AppState, stopping: Shutdown) {
    while next_round(BETWEEN_ROUNDS, &stopping).await {
        match state.tenancy.forget_expired(state.clock.now()).await {
            Ok(0) => {}
            Ok(rows) => tracing::info!(rows, "expired rows forgotten"),
            Err(error) => tracing::error!(error = %error, "cannot forget what has expired"),
        }
        if let Err(error) = state.partials.forget_expired(state.clock.now()).await {
            tracing::error!(error = %error, "cannot forget unfinished uploads");
        }
        if let Err(error) = forget_positions(&state).await {
            tracing::error!(error = %error, "cannot forget old positions");
        }
        if let Err(error) = forget_of_tenants(&state).await {
            tracing::error!(error = %error, "cannot forget what tenants have had for long enough");
        }
    }
}

/// Drops the plans that assigned nothing and whose days are long over, and what did not open on a phone long ago;
/// returns how many rows that were.
pub async fn forget_of_tenants(state: &AppState) -> Result<u64, Forgetting> {
    let (mut forgotten, now) = (0, state.clock.now());
    for tenant in state.tenancy.tenants().await? {
        let ctx = state.tenancy.system(tenant, SystemEntry::Cleanup);
        forgotten += ctx.transact(async move |tx: &mut TenantTx| plans::forget_unused(tx, now).await).await?;
        forgotten += ctx.transact(async move |tx: &mut TenantTx| devices::forget_unreadable(tx, now).await).await?;
    }
    Ok(forgotten)
}

/// Why a round was not ended.
#[derive(Debug, thiserror::Error)]
pub enum Forgetting {
    #[error("plans")]
    Plans(#[from] PlanningError),
    #[error("devices")]
    Devices(#[from] DeviceError),
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

async fn forget_positions(state: &AppState) -> Result<(), sqlx::Error> {
    while state.tenancy.forget_positions(state.clock.now(), MOST_AT_ONCE).await? >= i64::from(MOST_AT_ONCE) {}
    Ok(())
}
