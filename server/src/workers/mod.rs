//! Background loops. `boot` starts them before the first request and stops them after the last one has been answered.

mod cleanup;

use std::future::Future;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::platform::shutdown::{Shutdown, ShutdownTrigger, shutdown};
use crate::state::AppState;

/// How long the workers may take to finish what they are at.
const LONGEST_STOP: Duration = Duration::from_secs(10);

/// The running loops.
#[derive(Debug)]
pub struct Workers {
    tasks: JoinSet<()>,
    stop: ShutdownTrigger,
}

impl Workers {
    pub fn start(state: &AppState) -> Self {
        let (stop, stopping) = shutdown();
        let mut workers = Self { tasks: JoinSet::new(), stop };
        workers.spawn(cleanup::run(state.clone(), stopping));
        workers
    }

    fn spawn(&mut self, worker: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(worker);
    }

    /// Lets each loop finish its round.
    pub async fn stop(mut self) {
        self.stop.announce();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(LONGEST_STOP, all).await.is_err() {
            tracing::warn!("a background loop did not stop in time, ending it");
        }
    }
}

/// Waits for the next round; false when there is to be none.
async fn next_round(after: Duration, stopping: &Shutdown) -> bool {
    tokio::select! {
        () = stopping.wait() => false,
        () = tokio::time::sleep(after) => true,
    }
}
