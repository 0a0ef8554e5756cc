//! All live streams of this process: one tail per tenant that is being watched.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sync_core::ids::TenantId;
use tokio::sync::Semaphore;

use super::error::LiveError;
use super::event::Viewer;
use super::tail::{Tail, Watch};
use crate::platform::clock::Clock;
use crate::platform::shutdown::Shutdown;
use crate::state::AppState;
use crate::tenancy::{SessionId, SystemEntry, Tenancy};

/// The live streams of this process. Clones share them.
#[derive(Clone)]
pub struct Live(Arc<Hub>);

pub(super) struct Hub {
    pub tenancy: Tenancy,
    pub clock: Clock,
    /// Streams end when it is announced: the server waits for them.
    pub shutdown: Shutdown,
    /// Streams that read their backlog at the same time: what they missed must not take the whole pool.
    pub backlog_readers: Semaphore,
    tails: Mutex<HashMap<TenantId, Arc<Tail>>>,
    streams: AtomicUsize,
}

const MOST_STREAMS: usize = 10_000;
const MOST_STREAMS_OF_A_USER: usize = 10;
const BACKLOG_READERS: usize = 3;

impl Live {
    /// No streams yet.
    pub fn new(state: &AppState) -> Self {
        Self(Arc::new(Hub {
            tenancy: state.tenancy.clone(),
            clock: state.clock.clone(),
            shutdown: state.shutdown.clone(),
            backlog_readers: Semaphore::new(BACKLOG_READERS),
            tails: Mutex::default(),
            streams: AtomicUsize::new(0),
        }))
    }

    /// Something of this tenant has been committed.
    pub fn wake(&self, tenant: TenantId) {
        if let Some(tail) = self.0.tails().get(&tenant) {
            tail.wake();
        }
    }

    /// Anything may have been committed: nobody was listening for a while.
    pub fn wake_all(&self) {
        self.0.tails().values().for_each(|tail| tail.wake());
    }

    pub(super) fn hub(&self) -> &Arc<Hub> {
        &self.0
    }
}

impl Hub {
    /// Enters a stream with the tail of its tenant, which is started if nobody was watching.
    pub fn watch(self: &Arc<Self>, tenant: TenantId, session: SessionId, viewer: Viewer) -> Result<Watch, LiveError> {
        let mut tails = self.tails();
        if self.shutdown.is_announced() || self.streams.load(Ordering::SeqCst) >= MOST_STREAMS {
            return Err(LiveError::Full);
        }
        let tail = match tails.get(&tenant) {
            Some(tail) => Arc::clone(tail),
            None => {
                let ctx = self.tenancy.system(tenant, SystemEntry::Live);
                let tail = Arc::new(Tail::new(ctx));
                tokio::spawn(Arc::clone(&tail).run(Arc::clone(self)));
                tails.insert(tenant, Arc::clone(&tail));
                tail
            }
        };
        let watch = Watch::enter(self, &tail, session, viewer, MOST_STREAMS_OF_A_USER)?;
        Ok(watch)
    }

    /// Forgets a tail that nobody watches; false if somebody has just begun to.
    pub fn forget(&self, tail: &Tail) -> bool {
        let mut tails = self.tails();
        let is_unwatched = tail.is_unwatched();
        if is_unwatched {
            tails.remove(&tail.tenant());
        }
        is_unwatched
    }

    /// Counts the streams in and out.
    pub fn count(&self, is_opened: bool) {
        let gauge = metrics::gauge!("live_streams");
        if is_opened {
            self.streams.fetch_add(1, Ordering::SeqCst);
            gauge.increment(1.0);
        } else {
            self.streams.fetch_sub(1, Ordering::SeqCst);
            gauge.decrement(1.0);
        }
    }

    fn tails(&self) -> std::sync::MutexGuard<'_, HashMap<TenantId, Arc<Tail>>> {
        self.tails.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
