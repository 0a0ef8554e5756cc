//! The feed's wake-up: the one connection of this process that listens for commits.
//!
//! A notification carries a tenant and nothing else, and may be lost with its connection; so whoever is woken reads from
//! where it stood, everybody is woken whenever the connection has been made anew, and looks now and then by itself.

use std::time::Duration;

use sync_core::ids::TenantId;

use crate::platform::shutdown::Shutdown;
use crate::tenancy::{Notice, Notices, Tenancy};

/// Somebody who waits for commits.
pub trait Sleeper: Send + Sync {
    /// Something of this tenant has been committed on this channel.
    fn wake(&self, channel: &str, tenant: TenantId);
    /// Anything may have been committed.
    fn wake_all(&self);
}

/// Events in the outbox.
pub const OUTBOX: &str = "outbox";
/// Engineers that moved.
pub const POSITION: &str = "position";
/// Plans that were ordered, or are to be accepted.
pub const PLAN: &str = "plan";

const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(500);

/// Listens until told to stop.
pub(super) async fn run(tenancy: Tenancy, sleepers: Vec<Box<dyn Sleeper>>, stopping: Shutdown) {
    let listening = async {
        loop {
            match tenancy.listen(&[OUTBOX, POSITION, PLAN]).await {
                Ok(notices) => {
                    sleepers.iter().for_each(|sleeper| sleeper.wake_all());
                    let error = pass_on(notices, &sleepers).await;
                    tracing::warn!(error = error.as_deref(), "no longer listening for commits, trying again");
                }
                Err(error) => tracing::warn!(error = %error, "cannot listen for commits, trying again"),
            }
            tokio::time::sleep(BETWEEN_ATTEMPTS).await;
        }
    };
    tokio::select! {
        () = listening => {}
        () = stopping.wait() => {}
    }
}

/// Passes notices on until the connection is lost; says why if it is known.
async fn pass_on(mut notices: Notices, sleepers: &[Box<dyn Sleeper>]) -> Option<String> {
    loop {
        match notices.next().await {
            Ok(Some(Notice { channel, tenant: Some(tenant) })) => {
                sleepers.iter().for_each(|sleeper| sleeper.wake(&channel, tenant));
            }
            Ok(Some(Notice { tenant: None, .. })) => sleepers.iter().for_each(|sleeper| sleeper.wake_all()),
            Ok(None) => return None,
            Err(error) => return Some(error.to_string()),
        }
    }
}
