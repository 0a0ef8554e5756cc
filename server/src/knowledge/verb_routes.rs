//! `/articles/{article_id}/…`: what readers and phones are shown.

use axum::extract::State;
use sync_core::ids::ArticleId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::view::ArticleView;
use super::{publish, withdraw};
use crate::platform::clock::Clock;
use crate::platform::etag::{IfMatch, Versioned};
use crate::platform::extract::Path;
use crate::platform::problem::{ApiResult, ProblemView};
use crate::state::AppState;
use crate::tenancy::{Permission, TenantCtx, TenantTx};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(publish_article)).routes(routes!(withdraw_article))
}

/// Shows the draft to readers, and sends it to the phones.
#[utoipa::path(post, path = "/articles/{article_id}/publish", tag = "knowledge",
    params(("article_id" = Uuid, Path), ("If-Match" = String, Header, description = "the ETag it was read with")),
    responses((status = 200, body = ArticleView), (status = 404, body = ProblemView), (status = 409, body = ProblemView),
        (status = 412, body = ProblemView)))]
async fn publish_article(
    ctx: TenantCtx,
    State(clock): State<Clock>,
    Path(id): Path<Uuid>,
    IfMatch(version): IfMatch,
) -> ApiResult<Versioned<ArticleView>> {
    ctx.require(Permission::WriteKnowledge)?;
    let now = clock.now();
    let row =
        ctx.transact(async move |tx: &mut TenantTx| publish::publish(tx, ArticleId(id), version, now).await).await?;
    Ok(row.into())
}

/// Takes it away from readers and phones. Its texts stay, and the next draft can be published again.
#[utoipa::path(post, path = "/articles/{article_id}/withdraw", tag = "knowledge",
    params(("article_id" = Uuid, Path), ("If-Match" = String, Header, description = "the ETag it was read with")),
    responses((status = 200, body = ArticleView), (status = 404, body = ProblemView), (status = 409, body = ProblemView),
        (status = 412, body = ProblemView)))]
async fn withdraw_article(
    ctx: TenantCtx,
    State(clock): State<Clock>,
    Path(id): Path<Uuid>,
    IfMatch(version): IfMatch,
) -> ApiResult<Versioned<ArticleView>> {
    ctx.require(Permission::WriteKnowledge)?;
    let now = clock.now();
    let row =
        ctx.transact(async move |tx: &mut TenantTx| withdraw::withdraw(tx, ArticleId(id), version, now).await).await?;
    Ok(row.into())
}
