//! Everything that goes wrong leaves the server as a problem (RFC 9457): a stable `type`, a status, a sentence.
//!
//! A feature's error enum converts into [`Problem`]; nothing else turns an error into a response. A 5xx tells the client
//! nothing but its kind; the whole chain of causes is logged, once, here.

use std::error::Error;
use std::fmt;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::passing::is_passing;

/// What a handler returns.
pub type ApiResult<T> = Result<T, Problem>;

/// One answer that is not the one asked for.
pub struct Problem(Box<Parts>);

struct Parts {
    status: StatusCode,
    slug: &'static str,
    title: &'static str,
    detail: Option<String>,
    members: Map<String, Value>,
    retry_after_s: Option<u32>,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

/// The slug of what could not be written because the database's disk is full.
const DATABASE_FULL: &str = "database-full";

/// PostgreSQL's code for a disk without room.
const DISK_FULL: &str = "53100";

/// On an answer: the database has no room for what was to be written.
#[derive(Debug, Clone, Copy)]
pub struct DatabaseFull;

/// PostgreSQL's code for a character that it cannot store: zero.
const UNTRANSLATABLE: &str = "22021";

/// Before the slug in a problem's `type`.
pub const TYPE_PREFIX: &str = "urn:callout:problem:";

impl Problem {
    /// A problem of this kind. The slug is for programs and never changes; the title is for people and is always the same
    /// for one slug.
    pub fn new(status: StatusCode, slug: &'static str, title: &'static str) -> Self {
        let (detail, members, retry_after_s, cause) = (None, Map::new(), None, None);
        Self(Box::new(Parts { status, slug, title, detail, members, retry_after_s, cause }))
    }

    /// What is particular to this occurrence. Never an address, a name, a token.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// A further member for programs to read.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.members.insert(name.to_owned(), value.into());
        self
    }

    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.0.retry_after_s = Some(seconds);
        self
    }

    /// Why it happened: logged for a 5xx, never sent.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    pub fn slug(&self) -> &'static str {
        self.0.slug
    }

    /// Not there, or not the caller's: deliberately the same.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "There is no such thing here")
    }

    pub fn method_not_allowed() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "This cannot be done to it")
    }

    pub fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "Your role may not do this")
    }

    /// One field of the request is not acceptable.
    pub fn invalid(field: &str, reason: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-field", "A field is not acceptable")
            .detail(reason)
            .with("field", field)
    }

    pub fn internal(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "The server failed").caused_by(cause)
    }

    /// Nothing was done; the same request may work soon.
    pub fn unavailable(retry_after_s: u32) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "The server cannot do this just now")
            .retry_after(retry_after_s)
    }
}

/// What makes a problem of the reason why the value of this field is not acceptable: for `map_err`.
pub fn invalid<E: fmt::Display>(field: &'static str) -> impl Fn(E) -> Problem {
    move |reason| Problem::invalid(field, reason.to_string())
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        if error.as_database_error().and_then(|error| error.code()).is_some_and(|code| code == UNTRANSLATABLE) {
            return Self::new(
                StatusCode::BAD_REQUEST,
                "invalid-text",
                "A text contains a character that cannot be kept",
            );
        }
        if error.as_database_error().and_then(|error| error.code()).is_some_and(|code| code == DISK_FULL) {
            return Self::new(StatusCode::INSUFFICIENT_STORAGE, DATABASE_FULL, "There is no room for this just now")
                .retry_after(10)
                .caused_by(error);
        }
        if is_passing(&error) { Self::unavailable(1).caused_by(error) } else { Self::internal(error) }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Parts { status, slug, title, detail, mut members, retry_after_s, cause } = *self.0;
        if status.is_server_error() {
            let chain = cause.as_deref().map(chain).unwrap_or_default();
            match status {
                StatusCode::SERVICE_UNAVAILABLE => tracing::warn!(problem = slug, error = chain, "request turned away"),
                _ => tracing::error!(problem = slug, error = chain, "request failed"),
            }
        }
        members.insert("type".to_owned(), json!(format!("{TYPE_PREFIX}{slug}")));
        members.insert("title".to_owned(), json!(title));
        members.insert("status".to_owned(), json!(status.as_u16()));
        if let Some(detail) = detail {
            members.insert("detail".to_owned(), json!(detail));
        }
        let body = Value::Object(members).to_string();
        let mut response = (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
        if let Some(seconds) = retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if slug == DATABASE_FULL {
            response.extensions_mut().insert(DatabaseFull);
        }
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0.status.as_u16(), self.0.slug)?;
        if let Some(detail) = &self.0.detail {
            write!(f, ": {detail}")?;
        }
        self.0.cause.as_deref().map_or(Ok(()), |cause| write!(f, " ({})", chain(cause)))
    }
}

/// The message of an error and of everything under it.
fn chain(error: &(dyn Error + Send + Sync + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let message = cause.to_string();
        if !text.ends_with(&message) {
            text.push_str(": ");
            text.push_str(&message);
        }
        source = cause.source();
    }
    text
}

/// How a problem looks, for the API document.
#[derive(utoipa::ToSchema)]
#[schema(as = Problem)]
#[expect(dead_code, reason = "describes the JSON that Problem writes by hand")]
pub struct ProblemView {
    /// `urn:callout:problem:` and a slug that never changes.
    #[schema(example = "urn:callout:problem:not-found")]
    r#type: String,
    /// The same sentence for every problem of this type.
    title: String,
    status: u16,
    /// What is particular to this occurrence.
    detail: Option<String>,
}
