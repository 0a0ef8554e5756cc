//! The routing engine of a process, from its settings.

use std::time::Duration;

use anyhow::Context;

use crate::planning::travel::{Asking, Engine, Manner, Roads};
use crate::platform::config::Routing;

/// The roads that this process plans by. Nobody is asked yet: an engine that is down does not keep a server from starting.
pub fn roads(settings: &Routing) -> anyhow::Result<Roads> {
    let Some(setting) = &settings.engine else { return Ok(Roads::default()) };
    let engine: Engine = setting.parse().context("CALLOUT_ROUTING")?;
    let mut manner = Manner::of(&engine);
    manner.patience = Duration::from_millis(settings.patience_ms.max(1));
    if let Some(pairs) = settings.pairs {
        manner.limits.pairs = pairs.max(1);
    }
    manner.cache_bytes = settings.cache_mb.saturating_mul(1 << 20);
    manner.cache_age = Duration::from_secs(settings.cache_hours.saturating_mul(3_600));
    tracing::info!(routing.engine = %engine.kind, "drives are measured by a routing engine");
    Ok(Roads::by(Asking::new(engine, &manner).context("the client of the routing engine")?))
}
