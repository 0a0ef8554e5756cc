//! Bytes that somebody takes away as a file. They are never shown in place: what a phone sent is nobody's web page.

use axum::http::header;
use axum::response::{IntoResponse, Response};

/// The bytes as they are.
pub fn download(bytes: impl IntoResponse) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CONTENT_DISPOSITION, "attachment"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'"),
        (header::CACHE_CONTROL, "private, no-store"),
    ];
    (headers, bytes).into_response()
}
