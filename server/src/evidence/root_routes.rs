//! `/audit/roots`: what an auditor writes down elsewhere, so that the past cannot be rewritten unseen.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::store::{self, RootRow};
use crate::platform::extract::{Json, Query};
use crate::platform::hex;
use crate::platform::page::{Page, PageQuery};
use crate::platform::problem::{ApiResult, ProblemView};
use crate::state::AppState;
use crate::tenancy::{Permission, TenantCtx, TenantTx};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list_roots))
}

/// The root of one day. Bytes are lower-case hexadecimal.
#[derive(Debug, Serialize, ToSchema)]
struct RootView {
    /// UTC.
    day: NaiveDate,
    /// Tickets that moved on that day: the leaves of the tree.
    leaves: i64,
    /// Changes that they cover.
    changes: i64,
    root: String,
    /// SHA-256 of what was signed of the day before; zeros for the first.
    previous: String,
    /// Another one after a restore: from there on the roots may tell of another past than those that were out before.
    server_epoch: Uuid,
    closed_at: DateTime<Utc>,
    /// The server's, Ed25519.
    signature: String,
}

impl From<RootRow> for RootView {
    fn from(row: RootRow) -> Self {
        Self {
            day: row.day,
            leaves: row.leaves,
            changes: row.changes,
            root: hex::encode(&row.root),
            previous: hex::encode(&row.previous),
            server_epoch: row.server_epoch,
            closed_at: row.closed_at,
            signature: hex::encode(&row.signature),
        }
    }
}

/// The roots of the log, a day each, the oldest first: to be written down where nobody here can change them.
#[utoipa::path(get, path = "/audit/roots", tag = "audit", params(PageQuery),
    responses((status = 200, body = Page<RootView>), (status = "4XX", body = ProblemView)))]
async fn list_roots(ctx: TenantCtx, Query(page): Query<PageQuery>) -> ApiResult<Json<Page<RootView>>> {
    ctx.require(Permission::ExportEvidence)?;
    let (after, rows) = (page.after::<NaiveDate>()?, page.rows());
    let rows = ctx.read(async move |tx: &mut TenantTx| store::roots_after(tx, after, rows).await).await?;
    Ok(Json(Page::of(rows, &page, |row| row.day, RootView::from)))
}
