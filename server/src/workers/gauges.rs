//! Figures that nobody's request computes: how far behind the feed and the relay are.

use std::time::Duration;

use super::next_round;
use crate::platform::shutdown::Shutdown;
use crate::state::AppState;

const BETWEEN_ROUNDS: Duration = Duration::from_secs(10);
/// A feed held up for longer says that somebody left a transaction open.
const WORTH_TELLING_S: f64 = 30.0;

pub(super) async fn run(state: AppState, consumers: Vec<&'static str>, stopping: Shutdown) {
    while next_round(BETWEEN_ROUNDS, &stopping).await {
        if let Err(error) = measure(&state, &consumers).await {
            tracing::warn!(error = %error, "cannot measure how far behind the feed is");
        }
    }
}

async fn measure(state: &AppState, consumers: &[&'static str]) -> Result<(), sqlx::Error> {
    let (tenancy, now) = (&state.tenancy, state.clock.now());
    let held_up_s = tenancy.feed_lag_s(now).await?.unwrap_or(0.0);
    metrics::gauge!("feed_lag_seconds").set(held_up_s);
    if held_up_s > WORTH_TELLING_S {
        tracing::error!(feed.lag_s = held_up_s, "the feed is held up: some transaction has been open for long");
    }
    for consumer in consumers {
        let behind_s = tenancy.relay_lag_s(consumer, now).await?.unwrap_or(0.0);
        metrics::gauge!("relay_lag_seconds", "consumer" => *consumer).set(behind_s);
    }
    Ok(())
}
