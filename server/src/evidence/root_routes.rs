//! `/audit/roots`: what an auditor writes down elsewhere, so that the past cannot be rewritten unseen.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::store::{self, LeafRow, RootRow};
use crate::platform::extract::{Json, Path, Query};
use crate::platform::hex;
use crate::platform::page::{Page, PageQuery};
use crate::platform::problem::{ApiResult, Problem, ProblemView};
use crate::state::AppState;
use crate::tenancy::{Permission, TenantCtx, TenantTx};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list_roots)).routes(routes!(list_leaves))
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

/// A ticket that moved on a day: a leaf of the tree. Its hash is SHA-256 over 0x00, `callout log leaf 1` and 0x00, the 16
/// bytes of the ticket's id, the two numbers in 8 bytes each, the most significant first, and the link.
#[derive(Debug, Serialize, ToSchema)]
struct LeafView {
    ticket_id: Uuid,
    /// The changes of that day: their numbers.
    from_version: i64,
    to_version: i64,
    /// The link of the last of them in the ticket's chain, hexadecimal.
    link: String,
}

impl From<LeafRow> for LeafView {
    fn from(row: LeafRow) -> Self {
        let LeafRow { ticket_id, from_version, to_version, link, .. } = row;
        Self { ticket_id, from_version, to_version, link: hex::encode(&link) }
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

/// What is under the root of a day, in the order of the tree.
///
/// Whoever has the root computes it from this again (RFC 6962), and finds out if a leaf was changed or taken out. A ticket
/// that is listed here and has no evidence any more was taken out itself.
#[utoipa::path(get, path = "/audit/roots/{day}/leaves", tag = "audit", params(("day" = NaiveDate, Path), PageQuery),
    responses((status = 200, body = Page<LeafView>), (status = "4XX", body = ProblemView)))]
async fn list_leaves(
    ctx: TenantCtx,
    Path(day): Path<NaiveDate>,
    Query(page): Query<PageQuery>,
) -> ApiResult<Json<Page<LeafView>>> {
    ctx.require(Permission::ExportEvidence)?;
    let (after, rows) = (page.after::<Uuid>()?, page.rows());
    let rows = ctx.read(async move |tx: &mut TenantTx| store::leaves_of(tx, day, after, rows).await).await?;
    let rows = rows.ok_or_else(Problem::not_found)?;
    Ok(Json(Page::of(rows, &page, |row| row.ticket_id, LeafView::from)))
}
