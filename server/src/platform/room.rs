//! Whether there is room to write. While there is not, reads go on, writes are answered so, and whoever balances load is
//! told that this server is not ready; it tries again by itself.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

use super::problem::DatabaseFull;

/// How long a server counts as not ready after a write found no room. Then it is sent work again, and finds out.
const TRIES_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// When a write last found no room.
#[derive(Debug, Clone, Default)]
pub struct Room(Arc<Mutex<Option<Instant>>>);

impl Room {
    /// Whether a write found none just now.
    pub fn is_lacking(&self) -> bool {
        self.found_none().is_some_and(|at| at.elapsed() < TRIES_AGAIN_AFTER)
    }

    fn found_none(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks at every answer for whether there was room.
pub async fn watch(State(room): State<Room>, request: Request, next: Next) -> Response {
    let is_writing = !request.method().is_safe();
    let response = next.run(request).await;
    if response.extensions().get::<DatabaseFull>().is_some() {
        *room.found_none() = Some(Instant::now());
    } else if is_writing && response.status().is_success() {
        *room.found_none() = None;
    }
    response
}
