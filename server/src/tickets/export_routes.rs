//! `/quarantine/exports`: the files of phones that were given up with work on them.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use chrono::{DateTime, Utc};
use serde::Serialize;
use sync_core::time::ServerTime;
use sync_core::wire::ServerSigner;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::take_export::{Taken, take_export};
use crate::platform::blobs::BlobStore;
use crate::platform::clock::Clock;
use crate::platform::extract::{Json, body_problem};
use crate::platform::problem::{ApiResult, Problem, ProblemView};
use crate::state::AppState;
use crate::tenancy::{Permission, TenantCtx};

/// The largest file, in bytes: sealed, and compressed within.
const LARGEST: usize = 16 << 20;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(take_export_file)).layer(DefaultBodyLimit::max(LARGEST))
}

/// What became of a phone's export.
#[derive(Debug, Serialize, ToSchema)]
struct TakenExportView {
    /// Names the file.
    sha256: String,
    device_id: Uuid,
    /// Whose work it is.
    user_id: Uuid,
    /// When it was made, by the device's own clock.
    made_at: Option<DateTime<Utc>>,
    /// The same file was handed in before.
    is_repeated: bool,
    /// Entries that nobody here had seen; they wait in quarantine.
    taken: u32,
    /// Entries that were here already: admitted, or set aside.
    known: u32,
    /// Rows that the phone itself could not read any more. They are in the file, which is kept.
    unreadable: u32,
    /// Wishes of kinds that this server does not take.
    wishes: u32,
    tickets: Vec<TakenOfTicketView>,
    /// Photos and strokes, by digest, that entries name and nobody has handed in. Their author still can.
    missing_attachments: Vec<String>,
}

/// The entries of one ticket.
#[derive(Debug, Serialize, ToSchema)]
struct TakenOfTicketView {
    ticket_id: Uuid,
    taken: u32,
    known: u32,
}

impl From<Taken> for TakenExportView {
    fn from(done: Taken) -> Self {
        let (taken, known) = done.count();
        let of_ticket = |(ticket, (taken, known)): (&sync_core::ids::TicketId, &(u32, u32))| TakenOfTicketView {
            ticket_id: ticket.0,
            taken: *taken,
            known: *known,
        };
        Self {
            sha256: done.sha256.to_string(),
            device_id: done.device.0,
            user_id: done.user.0,
            made_at: DateTime::from_timestamp_millis(done.made_at.0),
            is_repeated: done.is_repeated,
            taken,
            known,
            unreadable: done.unreadable,
            wishes: done.wishes,
            tickets: done.tickets.iter().map(of_ticket).collect(),
            missing_attachments: done.missing.iter().map(ToString::to_string).collect(),
        }
    }
}

/// Hand in the file that a phone wrote when it was given up with work on it: at log-out, or after it was revoked.
///
/// What nobody here has seen goes into quarantine, for a dispatcher to look at. The same file again changes nothing.
#[utoipa::path(post, path = "/quarantine/exports", tag = "tickets",
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = TakenExportView), (status = 413, body = ProblemView),
        (status = 422, body = ProblemView), (status = 507, body = ProblemView), (status = "4XX", body = ProblemView)))]
async fn take_export_file(
    ctx: TenantCtx,
    State(signer): State<ServerSigner>,
    State(blobs): State<Arc<dyn BlobStore>>,
    State(clock): State<Clock>,
    headers: HeaderMap,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> ApiResult<Json<TakenExportView>> {
    ctx.require(Permission::Dispatch)?;
    if headers.get(header::CONTENT_TYPE).is_none_or(|kind| kind != "application/octet-stream") {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-media-type",
            "The body must be application/octet-stream",
        ));
    }
    let (by, now) = (ctx.signed_in()?, ServerTime(clock.now_ms()));
    let file = body.map_err(|rejection| body_problem(rejection.status()))?;
    let taken = take_export(&ctx, (&signer, &*blobs), file.into(), by, now).await?;
    Ok(Json(taken.into()))
}
