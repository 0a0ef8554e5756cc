//! The API's own description, and a page to read and try it that needs no network.

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::http::header;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use serde_json::{Value, json};
use utoipa::PartialSchema;
use utoipa_swagger_ui::{Config, serve};

use crate::platform::problem::{Problem, ProblemView};

const DOCUMENT: &str = "/api/v1/openapi.json";

/// What the operations are about, in the order in which somebody new needs them.
const TAGS: [(&str, &str); 17] = [
    ("sessions", "signing in and out"),
    ("users", "who works here"),
    ("devices", "phones with keys of their own"),
    ("customers", "for whom"),
    ("sites", "where, and whom to ask for there"),
    ("engineers", "who goes there, when they work, and what they are good at"),
    ("skills", "what one can be good at"),
    ("ticket types", "kinds of work: how long, how urgent, which skills"),
    ("import", "many tickets from a file"),
    ("tickets", "one request and the work done for it"),
    ("visits", "one planned or actual presence of an engineer"),
    ("dispatching", "who goes to which visit, and why"),
    ("knowledge", "articles and procedures, found in Chinese and in English"),
    ("live", "positions and what is happening now"),
    ("sync", "what phones speak: binary, offline first"),
    ("attachments", "the bytes of photos and signatures"),
    ("audit", "what to write down elsewhere, so that the past cannot be rewritten unseen"),
];

/// The document and the page at `/docs`.
pub fn pages<S: Clone + Send + Sync + 'static>(document: utoipa::openapi::OpenApi) -> Router<S> {
    let text: Arc<str> = complete(serde_json::to_value(document).unwrap_or_default()).to_string().into();
    let document = move || {
        let text = Arc::clone(&text);
        async move { ([(header::CONTENT_TYPE, "application/json")], text.to_string()) }
    };
    Router::new()
        .route(DOCUMENT, get(document))
        .route("/docs", get(|| async { Redirect::to("/docs/") }))
        .route("/docs/", get(|| async { (page_headers(), Html(include_str!("docs.html"))) }))
        .route("/docs/{file}", get(|Path(file): Path<String>| async move { page_file(&file) }))
}

/// Nothing from elsewhere is loaded, and nobody may frame the page: one can sign in on it.
fn page_headers() -> [(header::HeaderName, &'static str); 1] {
    let policy = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'";
    [(header::CONTENT_SECURITY_POLICY, policy)]
}

/// One of the files that the page consists of.
fn page_file(name: &str) -> Response {
    let config = Config::new([DOCUMENT]).use_base_layout();
    match serve(name, Arc::new(config)) {
        Ok(Some(file)) => ([(header::CONTENT_TYPE, file.content_type)], file.bytes.into_owned()).into_response(),
        _ => Problem::not_found().into_response(),
    }
}

/// Adds what holds for every operation: where it lies, who may call it, how it fails.
fn complete(mut document: Value) -> Value {
    document["info"] = json!({
        "title": "Callout",
        "version": env!("CARGO_PKG_VERSION"),
        "description": "Field service: dispatch, tickets, people and devices. Errors are problems (RFC 9457). Lists are \
                        `{items, next_cursor}`. A POST with an `Idempotency-Key` is carried out once.\n\n\
                        To try it: `POST /auth/sign-in`, then give the `access_token` of the answer to *Authorize*.",
        "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
    });
    document["servers"] = json!([{ "url": "/api/v1" }]);
    document["tags"] = TAGS.map(|(name, description)| json!({ "name": name, "description": description })).into();
    document["security"] = json!([{ "bearer": [] }]);
    document["components"]["securitySchemes"] = json!({ "bearer": { "type": "http", "scheme": "bearer" } });
    document["components"]["schemas"]["Problem"] = serde_json::to_value(ProblemView::schema()).unwrap_or_default();
    let problem = json!({
        "description": "a problem",
        "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
    });
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    for (_, operations) in paths {
        for (_, operation) in operations.as_object_mut().into_iter().flatten() {
            if operation.get("responses").is_some() {
                operation["responses"]["default"] = problem.clone();
                shorten_summary(operation);
            }
        }
    }
    document
}

/// A summary is one line of plain text; what a comment says beyond its first sentence is description.
fn shorten_summary(operation: &mut Value) {
    let summary = operation["summary"].as_str().unwrap_or_default().replace('\n', " ");
    let (first, more) = summary.split_once(". ").unwrap_or((&summary, ""));
    let description = [more, operation["description"].as_str().unwrap_or_default()];
    let description: Vec<&str> = description.into_iter().filter(|part| !part.is_empty()).collect();
    if !description.is_empty() {
        operation["description"] = description.join("\n\n").into();
    }
    operation["summary"] = first.trim_end_matches('.').replace('`', "").into();
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::shorten_summary;

    #[test]
    fn a_summary_is_one_sentence() {
        let mut operation =
            json!({ "summary": "Imports a `CSV` file. Wrong rows\nkeep no other out.", "description": "404 if none." });
        shorten_summary(&mut operation);
        assert_eq!(operation["summary"], "Imports a CSV file");
        assert_eq!(operation["description"], "Wrong rows keep no other out.\n\n404 if none.");

        let mut operation = json!({ "summary": "One user." });
        shorten_summary(&mut operation);
        assert_eq!(operation, json!({ "summary": "One user" }));
    }
}
