//! `/tickets/{ticket_id}/evidence`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use sync_core::ids::TicketId;
use sync_core::time::ServerTime;
use sync_core::wire::ServerSigner;
use tokio_util::io::ReaderStream;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::export::export;
use crate::ledger::Ledger;
use crate::platform::blobs::BlobStore;
use crate::platform::clock::Clock;
use crate::platform::extract::Path;
use crate::platform::problem::{ApiResult, ProblemView};
use crate::state::AppState;
use crate::tenancy::{Permission, TenantCtx};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(get_evidence))
}

/// Everything that proves a ticket, in one file: a ZIP that `callout verify FILE` checks anywhere, with no server.
///
/// It holds what was said in words that whoever has the file can read.
#[utoipa::path(get, path = "/tickets/{ticket_id}/evidence", tag = "tickets", params(("ticket_id" = Uuid, Path)),
    responses((status = 200, body = Vec<u8>, content_type = "application/zip"), (status = "4XX", body = ProblemView)))]
async fn get_evidence(
    ctx: TenantCtx,
    State(ledger): State<Arc<Ledger>>,
    State(blobs): State<Arc<dyn BlobStore>>,
    State(signer): State<ServerSigner>,
    State(clock): State<Clock>,
    Path(ticket): Path<Uuid>,
) -> ApiResult<Response> {
    ctx.require(Permission::ExportEvidence)?;
    let now = ServerTime(clock.now_ms());
    let file = export(&ctx, &ledger, &*blobs, &signer, TicketId(ticket), now).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/zip".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{ticket}.zip\"")),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (header::CACHE_CONTROL, "private, no-store".to_owned()),
    ];
    let stream = ReaderStream::new(tokio::fs::File::from_std(file));
    Ok((headers, Body::from_stream(stream)).into_response())
}
