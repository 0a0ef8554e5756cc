//! Request parts whose rejections are problems. Handlers use these instead of axum's own.

use axum::body::Bytes;
use axum::extract::rejection::{JsonRejection, MissingJsonContentType, PathRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::problem::Problem;

/// A JSON body, in either direction. Request types deny unknown fields, so that a misspelt one is told.
#[derive(Debug, Clone)]
pub struct Json<T>(pub T);

/// The parameters of the path. One that cannot be read names nothing that exists: 404.
#[derive(Debug, Clone)]
pub struct Path<T>(pub T);

/// The query string.
#[derive(Debug, Clone)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(&request) {
            return Err(json_problem(&JsonRejection::MissingJsonContentType(MissingJsonContentType::default())));
        }
        let body = Bytes::from_request(request, state).await.map_err(|rejection| body_problem(rejection.status()))?;
        // A record read from an array would take its fields by position, and PostgreSQL stores no zero character.
        if body.trim_ascii_start().first().is_some_and(|first| *first != b'{') {
            return Err(invalid_body("the body must be an object"));
        }
        if has_zero_character(&body) {
            return Err(invalid_body("a text contains the character zero"));
        }
        axum::Json::from_bytes(&body).map(|axum::Json(body)| Self(body)).map_err(|rejection| json_problem(&rejection))
    }
}

fn is_json(request: &Request) -> bool {
    let media = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    media.split(';').next().is_some_and(|media| media.trim().eq_ignore_ascii_case("application/json"))
}

/// Whether the escape of the character zero stands somewhere, itself not escaped.
fn has_zero_character(body: &[u8]) -> bool {
    const ESCAPE: &[u8] = br"\u0000";
    let ends_escaped = |before: &[u8]| before.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1;
    body.windows(ESCAPE.len()).enumerate().any(|(at, part)| part == ESCAPE && !ends_escaped(&body[..at]))
}

fn invalid_body(reason: &str) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-body", "The body does not have the expected fields")
        .detail(reason)
}

fn json_problem(rejection: &JsonRejection) -> Problem {
    match rejection {
        JsonRejection::JsonDataError(error) => invalid_body(&error.body_text()),
        JsonRejection::JsonSyntaxError(error) => {
            Problem::new(StatusCode::BAD_REQUEST, "malformed-body", "The body is not JSON").detail(error.body_text())
        }
        JsonRejection::MissingJsonContentType(_) => Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-media-type",
            "The body must be application/json",
        ),
        other => body_problem(other.status()),
    }
}

/// A body that could not be read to its end.
pub fn body_problem(status: StatusCode) -> Problem {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(status, "too-large", "The body is too large"),
        _ => Problem::new(StatusCode::BAD_REQUEST, "incomplete-body", "The body could not be read"),
    }
}

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        if parts.uri.path().contains("%00") {
            return Err(Problem::not_found());
        }
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(path)) => Ok(Self(path)),
            Err(PathRejection::FailedToDeserializePathParams(_)) => Err(Problem::not_found()),
            Err(other) => Err(Problem::internal(other)),
        }
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        if parts.uri.query().is_some_and(|query| query.contains("%00")) {
            return Err(invalid_query("a value contains the character zero"));
        }
        match axum::extract::Query::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(query)) => Ok(Self(query)),
            Err(rejection) => Err(invalid_query(&rejection.body_text())),
        }
    }
}

fn invalid_query(reason: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "invalid-query", "The query string is not understood").detail(reason)
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::has_zero_character;

    #[test]
    fn only_the_character_itself_counts() {
        assert!(has_zero_character(br#"{"a":"x\u0000"}"#));
        assert!(has_zero_character(br#"{"a":"\\\u0000"}"#));
        assert!(!has_zero_character(br#"{"a":"\\u0000"}"#));
        assert!(!has_zero_character(br#"{"a":"\u0001"}"#));
    }
}
