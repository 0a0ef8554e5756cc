//! Forgets what has expired: tokens, challenges, kept answers.

use std::time::Duration;

use super::next_round;
use crate::platform::shutdown::Shutdown;
use crate::state::AppState;

const BETWEEN_ROUNDS: Duration = Duration::from_secs(3600);

pub(super) async fn run(state: AppState, stopping: Shutdown) {
    while next_round(BETWEEN_ROUNDS, &stopping).await {
        match state.tenancy.forget_expired(state.clock.now()).await {
            Ok(0) => {}
            Ok(rows) => tracing::info!(rows, "expired rows forgotten"),
            Err(error) => tracing::error!(error = %error, "cannot forget what has expired"),
        }
    }
}
