//! What one request may cost: bytes, seconds, a place among those handled at once. What is too much is turned away at
//! once and told when to come back: a queue would only make everyone late.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use tokio::sync::Semaphore;

use super::problem::Problem;

/// The largest body of an ordinary request, in bytes. A route that takes more says so itself.
pub const LARGEST_BODY: usize = 1024 * 1024;

/// The longest that a request may take to be answered. What it has begun in the database is still carried to its end.
const LONGEST_REQUEST: Duration = Duration::from_secs(30);

/// The places for requests that are being handled.
#[derive(Debug, Clone)]
pub struct Admission(Arc<Semaphore>);

impl Admission {
    pub fn new(places: usize) -> Self {
        Self(Arc::new(Semaphore::new(places)))
    }
}

/// Handles the request if there is a place, else turns it away. The place is free again when the answer begins, so a
/// stream does not hold one.
pub async fn admit(State(Admission(places)): State<Admission>, request: Request, next: Next) -> Response {
    let Ok(_place) = places.try_acquire() else {
        metrics::counter!("http_requests_shed_total").increment(1);
        return Problem::unavailable(1).into_response();
    };
    next.run(request).await
}

/// Gives up on a request that takes too long, a slowly sent body included.
pub async fn end_in_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(LONGEST_REQUEST, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too-slow", "The request took too long")
            .retry_after(5)
            .into_response(),
    }
}

/// A handler that panics is one failed request, no more.
pub async fn catch_panic(request: Request, next: Next) -> Response {
    match std::panic::AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(panic) => {
            let said = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let said = said.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
            Problem::internal(format!("a handler panicked: {said}")).into_response()
        }
    }
}
