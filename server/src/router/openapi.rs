//! The API's own description, and a page to read and try it that needs no network.

use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::routing::get;
use serde_json::{Value, json};
use utoipa::PartialSchema;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::platform::problem::ProblemView;

const DOCUMENT: &str = "/api/v1/openapi.json";

/// The document and the page at `/docs`.
pub fn pages<S: Clone + Send + Sync + 'static>(document: utoipa::openapi::OpenApi) -> Router<S> {
    let text: Arc<str> = complete(serde_json::to_value(document).unwrap_or_default()).to_string().into();
    let serve = move || {
        let text = Arc::clone(&text);
        async move { ([(header::CONTENT_TYPE, "application/json")], text.to_string()) }
    };
    let page = SwaggerUi::new("/docs").config(Config::new([DOCUMENT]).use_base_layout().display_operation_id(true));
    Router::new().route(DOCUMENT, get(serve)).merge(page)
}

/// Adds what holds for every operation: where it lies, who may call it, how it fails.
fn complete(mut document: Value) -> Value {
    document["info"] = json!({
        "title": "Callout",
        "version": env!("CARGO_PKG_VERSION"),
        "description": "Field service: dispatch, tickets, people and devices. Errors are problems (RFC 9457). Lists are \
                        `{items, next_cursor}`. A POST with an `Idempotency-Key` is carried out once.",
        "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
    });
    document["servers"] = json!([{ "url": "/api/v1" }]);
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
            }
        }
    }
    document
}
