//! What the server tells of itself: a log, an id for each request, and measures.

use std::sync::OnceLock;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing::Instrument;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::config::LogFormat;
use super::hex;
use super::random::Random;

/// Carries the id of a request: the caller's if it is a plain word, else ours. The answer carries it back.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Starts logging to standard error. Only the first call of a process has an effect.
pub fn start_log(format: LogFormat) {
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,sqlx::postgres::notice=warn"));
    let registry = tracing_subscriber::registry().with(filter);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    // An error says that a log is already running, which is what was wanted.
    let _ = match format {
        LogFormat::Pretty => registry.with(lines.with_target(false)).try_init(),
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init(),
    };
}

/// Gives the request its id, a span to log under, and a place in the measures. The path is logged as its pattern: what
/// stands in its place may be a token.
pub async fn observe(State(random): State<Random>, mut request: Request, next: Next) -> Response {
    let id = request_id(&request).unwrap_or_else(|| fresh_id(random));
    request.headers_mut().insert(REQUEST_ID, id.clone());
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map_or("unknown", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!("request", id = ?id, http.method = %method, http.route = route);
    let begun = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    let (status, seconds) = (response.status().as_u16(), begun.elapsed().as_secs_f64());
    span.in_scope(|| tracing::debug!(http.status = status, seconds, "request answered"));
    let labels = [("method", method.to_string()), ("route", route), ("status", status.to_string())];
    metrics::counter!("http_requests_total", &labels).increment(1);
    metrics::histogram!("http_request_seconds", &labels[..2]).record(seconds);
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

fn request_id(request: &Request) -> Option<HeaderValue> {
    let given = request.headers().get(REQUEST_ID)?;
    let is_plain = given.as_bytes().iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-');
    (is_plain && (8..=64).contains(&given.len())).then(|| given.clone())
}

fn fresh_id(random: Random) -> HeaderValue {
    let id = hex::encode(&random.bytes::<12>());
    // Hexadecimal digits are always a header's value.
    HeaderValue::from_str(&id).unwrap_or(HeaderValue::from_static("none"))
}

/// Starts measuring, once for the process.
pub fn start_metrics() {
    handle();
}

/// Everything measured so far, in the text format of Prometheus.
pub fn metrics() -> String {
    let handle = handle();
    handle.run_upkeep();
    handle.render()
}

fn handle() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let buckets = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0];
        // Only an empty list of buckets is an error.
        let builder = PrometheusBuilder::new().set_buckets(&buckets).unwrap_or_else(|_| PrometheusBuilder::new());
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("another recorder of metrics is installed in this process");
        }
        handle
    })
}
