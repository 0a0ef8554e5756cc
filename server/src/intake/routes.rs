//! `POST /imports`: a CSV file in, a report out.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use futures_util::StreamExt;
use tokio::sync::Semaphore;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::IntakeError;
use super::import::{self, Import};
use super::mapping::Mapping;
use super::reading::{Reading, is_movable};
use super::store;
use super::view::{ImportQuery, ImportReport};
use crate::ledger::Ledger;
use crate::platform::clock::Clock;
use crate::platform::extract::{Json, Query, body_problem};
use crate::platform::problem::{ApiResult, Problem, ProblemView};
use crate::platform::random::Random;
use crate::state::AppState;
use crate::tenancy::{Permission, TenantCtx, TenantTx};

/// The largest file.
const MAX_BYTES: usize = 32 << 20;
/// The most rows; a longer file is sent in parts.
const MAX_ROWS: usize = 50_000;
/// A file is held whole while it is read, so only so many at once in one process.
const MOST_AT_ONCE: usize = 2;

#[derive(Clone)]
struct Places(Arc<Semaphore>);

pub fn routes() -> OpenApiRouter<AppState> {
    let places = Places(Arc::new(Semaphore::new(MOST_AT_ONCE)));
    OpenApiRouter::new().routes(routes!(import_file)).layer(Extension(places))
}

/// Imports a CSV file. Rows that were imported before are left alone, wrong ones are reported by row and column and keep
/// no other out. A request enters rows for some seconds; as long as `remaining` is not 0, send the same file again to go
/// on. The same holds for an import that was cut off.
#[utoipa::path(post, path = "/imports", tag = "import", params(ImportQuery),
    request_body(content = String, content_type = "text/csv"),
    responses((status = 200, body = ImportReport), (status = 404, body = ProblemView), (status = 413, body = ProblemView),
        (status = 422, body = ProblemView), (status = 503, body = ProblemView)))]
async fn import_file(
    ctx: TenantCtx,
    State(ledger): State<Arc<Ledger>>,
    State(clock): State<Clock>,
    State(random): State<Random>,
    Extension(places): Extension<Places>,
    Query(query): Query<ImportQuery>,
    request: Request,
) -> ApiResult<Json<ImportReport>> {
    ctx.require(Permission::Import)?;
    let name = query.mapping.clone();
    let row = ctx.read(async move |tx: &mut TenantTx| store::mapping(tx, &name).await).await?;
    let definition = serde_json::from_value(row.definition).map_err(Problem::internal)?;
    let mapping = Mapping::parse(&definition).map_err(IntakeError::from)?;
    let _place = places.0.try_acquire().map_err(|_| Problem::unavailable(5))?;
    let bytes = csv_body(request).await?;
    let read = move || Reading::of(&bytes, &mapping, MAX_ROWS).map(|reading| (mapping, reading));
    let (mapping, reading) =
        tokio::task::spawn_blocking(read).await.map_err(Problem::internal)?.map_err(IntakeError::from)?;
    let shift_days = shift_days(&query, &reading)?;
    let import = Import { name: row.name, mapping, shift_days, clock, random, ledger };
    let report = if query.dry_run {
        import::rehearse(&ctx, &import, reading).await?
    } else {
        import::enter(&ctx, import, reading).await?
    };
    Ok(Json(report))
}

/// By how many days the times of the file are moved.
fn shift_days(query: &ImportQuery, reading: &Reading) -> ApiResult<i64> {
    let days = match (query.shift_days, query.anchor) {
        (Some(_), Some(_)) => return Err(Problem::invalid("anchor", "give shift_days or anchor, not both")),
        (days, None) => days.unwrap_or(0),
        (None, Some(date)) => reading.days_to(date),
    };
    if is_movable(days) { Ok(days) } else { Err(IntakeError::TooFar.into()) }
}

/// The file, as long as it is one and not too large.
async fn csv_body(request: Request) -> ApiResult<Vec<u8>> {
    let content_type =
        request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !content_type.to_ascii_lowercase().starts_with("text/csv") {
        let title = "The body must be text/csv";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", title));
    }
    let mut chunks = request.into_body().into_data_stream();
    let mut bytes = Vec::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| body_problem(StatusCode::BAD_REQUEST))?;
        if bytes.len() + chunk.len() > MAX_BYTES {
            return Err(body_problem(StatusCode::PAYLOAD_TOO_LARGE));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}
