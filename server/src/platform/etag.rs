//! Rows with a version: an edit names the version it saw, and a stale one is refused instead of overwriting.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::extract::Json;
use super::problem::{ApiResult, Problem};

/// A body and, as its `ETag`, the version of the row it shows.
#[derive(Debug, Clone)]
pub struct Versioned<T> {
    pub version: i64,
    pub body: T,
}

impl<T: Serialize> IntoResponse for Versioned<T> {
    fn into_response(self) -> Response {
        let mut response = Json(self.body).into_response();
        if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", self.version)) {
            response.headers_mut().insert(header::ETAG, tag);
        }
        response
    }
}

/// The version an edit is meant for, from `If-Match`. A request without one is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IfMatch(pub i64);

impl IfMatch {
    /// An error unless the row still has the version that the editor saw.
    pub fn check(self, version: i64) -> ApiResult<()> {
        if self.0 == version { Ok(()) } else { Err(stale()) }
    }
}

/// The row has changed since the editor saw it.
pub fn stale() -> Problem {
    Problem::new(StatusCode::PRECONDITION_FAILED, "stale", "This has changed meanwhile; read it again")
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> ApiResult<Self> {
        let Some(value) = parts.headers.get(header::IF_MATCH) else {
            return Err(Problem::new(
                StatusCode::PRECONDITION_REQUIRED,
                "precondition-required",
                "Say with If-Match which version you are changing",
            ));
        };
        let version = value.to_str().ok().and_then(|tag| tag.trim().strip_prefix('"')?.strip_suffix('"')?.parse().ok());
        version.map(Self).ok_or_else(stale)
    }
}
