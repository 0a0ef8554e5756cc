//! What one request may cost: bytes, seconds, a place among those handled at once. What is too much is turned away at
//! once and told when to come back: a queue would only make everyone late.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody, to_bytes};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::{FutureExt, StreamExt, stream};
use tokio::sync::{Semaphore, oneshot};

use super::extract::body_problem;
use super::problem::Problem;

/// The largest body of an ordinary request, in bytes. A route that takes more says so itself.
pub const LARGEST_BODY: usize = 1024 * 1024;

/// The longest that a request may take to be answered. What it has begun in the database is still carried to its end.
const LONGEST_REQUEST: Duration = Duration::from_secs(30);

/// A body has the time on top that it takes at so many bytes a second: a photo from a poor network is no attack.
const SLOWEST_BODY: u64 = 32 * 1024;

/// The longest body that has time of its own, in bytes, whatever the request says of its length.
const LARGEST_SLOW_BODY: u64 = 32 * 1024 * 1024;

/// The largest body that is waited for before its request is handled, in bytes.
const SMALL_BODY: u64 = 64 * 1024;

/// The places for requests that are being handled.
#[derive(Debug, Clone)]
pub struct Admission(Arc<Semaphore>);

impl Admission {
    pub fn new(places: usize) -> Self {
        Self(Arc::new(Semaphore::new(places)))
    }
}

/// Handles the request if there is a place, else turns it away. The place is free again when the answer begins, so a
/// stream does not hold one. A small body is waited for first: whoever sends it slowly keeps nobody else out.
pub async fn admit(State(Admission(places)): State<Admission>, request: Request, next: Next) -> Response {
    let request = match gather(request).await {
        Ok(request) => request,
        Err(problem) => return problem.into_response(),
    };
    let Ok(_place) = places.try_acquire() else {
        metrics::counter!("http_requests_shed_total").increment(1);
        return Problem::unavailable(1).into_response();
    };
    next.run(request).await
}

/// The request with its body, if that is small and says so; else as it is.
async fn gather(request: Request) -> Result<Request, Problem> {
    if !length(&request).is_some_and(|length| (1..=SMALL_BODY).contains(&length)) {
        return Ok(request);
    }
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.map_err(|_| body_problem(StatusCode::BAD_REQUEST))?;
    Ok(Request::from_parts(parts, Body::from(body)))
}

/// Takes only a body that [`admit`] waits for: what strangers may send must not hold a place while it comes.
pub async fn small_body(request: Request, next: Next) -> Response {
    match length(&request) {
        Some(..=SMALL_BODY) => next.run(request).await,
        Some(_) => body_problem(StatusCode::PAYLOAD_TOO_LARGE).into_response(),
        None => Problem::new(StatusCode::LENGTH_REQUIRED, "length-required", "The length of the body must be given")
            .into_response(),
    }
}

/// Gives up on a request whose body stands still for so long.
pub async fn end_idle_body(State(longest_pause): State<Duration>, request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let (stalled, is_stalled) = oneshot::channel();
    let request = request.map(|body| steady(body, longest_pause, stalled));
    tokio::select! {
        response = next.run(request) => response,
        Ok(()) = is_stalled => {
            Problem::new(StatusCode::REQUEST_TIMEOUT, "slow-body", "The body stopped coming").into_response()
        }
    }
}

/// The body, which after a pause that is too long says so and yields nothing more.
fn steady(body: Body, longest_pause: Duration, stalled: oneshot::Sender<()>) -> Body {
    let chunks = body.into_data_stream();
    Body::from_stream(stream::unfold((chunks, stalled), move |(mut chunks, stalled)| async move {
        match tokio::time::timeout(longest_pause, chunks.next()).await {
            Ok(chunk) => chunk.map(|chunk| (chunk, (chunks, stalled))),
            Err(_) => {
                let _ = stalled.send(());
                std::future::pending().await
            }
        }
    }))
}

/// Gives up on a request that takes too long, a slowly sent body included.
pub async fn end_in_time(request: Request, next: Next) -> Response {
    let body = length(&request).unwrap_or(0).min(LARGEST_SLOW_BODY);
    let longest = LONGEST_REQUEST + Duration::from_secs(body / SLOWEST_BODY);
    match tokio::time::timeout(longest, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too-slow", "The request took too long")
            .retry_after(5)
            .into_response(),
    }
}

/// How long the body is to be, in bytes, if the request says so.
fn length(request: &Request) -> Option<u64> {
    request.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
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
