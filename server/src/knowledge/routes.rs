//! `/articles`: reading and searching.

use axum::extract::State;
use axum::http::StatusCode;
use sync_core::ids::ArticleId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::error::KnowledgeError;
use super::search::{self, Place};
use super::view::{
    ArticleFilter, ArticleSummaryView, ArticleView, FoundArticleView, NewArticleRequest, SearchQuery, TextQuery,
    TextRequest,
};
use super::{store, verb_routes, write};
use crate::platform::clock::Clock;
use crate::platform::etag::{IfMatch, Versioned};
use crate::platform::extract::{Json, Path, Query};
use crate::platform::page::{Page, PageQuery};
use crate::platform::problem::{ApiResult, ProblemView};
use crate::platform::random::Random;
use crate::state::AppState;
use crate::tenancy::{Permission, TenantCtx, TenantTx};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_articles, create_article))
        .routes(routes!(search_articles))
        .routes(routes!(get_article, write_article))
        .merge(verb_routes::routes())
}

/// Articles in the order in which they were begun, without their bodies.
#[utoipa::path(get, path = "/articles", tag = "knowledge", params(PageQuery, ArticleFilter),
    responses((status = 200, body = Page<ArticleSummaryView>), (status = "4XX", body = ProblemView)))]
async fn list_articles(
    ctx: TenantCtx,
    Query(page): Query<PageQuery>,
    Query(filter): Query<ArticleFilter>,
) -> ApiResult<Json<Page<ArticleSummaryView>>> {
    ctx.require(Permission::ReadKnowledge)?;
    let (after, rows, state) = (page.after::<Uuid>()?, page.rows(), filter.state()?.to_owned());
    if state != "published" {
        ctx.require(Permission::WriteKnowledge)?;
    }
    let rows = ctx.read(async move |tx: &mut TenantTx| store::list(tx, &state, &filter, after, rows).await).await?;
    Ok(Json(Page::of(rows, &page, |row| row.article_id, ArticleSummaryView::from)))
}

/// Published articles that answer a question, best first. Up to 200 are considered; the words found are marked.
#[utoipa::path(get, path = "/articles/search", tag = "knowledge", params(PageQuery, SearchQuery),
    responses((status = 200, body = Page<FoundArticleView>), (status = "4XX", body = ProblemView)))]
async fn search_articles(
    ctx: TenantCtx,
    Query(page): Query<PageQuery>,
    Query(asked): Query<SearchQuery>,
) -> ApiResult<Json<Page<FoundArticleView>>> {
    ctx.require(Permission::ReadKnowledge)?;
    let after = page.after::<Place>()?;
    let found = search::search(&ctx, &asked.q).await?.into_iter();
    let rows = found.filter(|(place, _)| after.is_none_or(|after| *place > after)).collect();
    Ok(Json(Page::of(rows, &page, |(place, _)| *place, |(_, view)| view)))
}

/// Begins an article with its first draft.
#[utoipa::path(post, path = "/articles", tag = "knowledge", request_body = NewArticleRequest,
    responses((status = 201, body = ArticleView), (status = "4XX", body = ProblemView)))]
async fn create_article(
    ctx: TenantCtx,
    State(clock): State<Clock>,
    State(random): State<Random>,
    Json(request): Json<NewArticleRequest>,
) -> ApiResult<(StatusCode, Versioned<ArticleView>)> {
    ctx.require(Permission::WriteKnowledge)?;
    let (article, now, by) = (request.parse()?, clock.now(), ctx.signed_in()?);
    let id = ArticleId(random.uuid(now));
    let row = ctx.transact(async move |tx: &mut TenantTx| write::begin(tx, id, article, (by, now)).await).await?;
    Ok((StatusCode::CREATED, row.into()))
}

/// One article. Readers see what is published.
#[utoipa::path(get, path = "/articles/{article_id}", tag = "knowledge", params(("article_id" = Uuid, Path), TextQuery),
    responses((status = 200, body = ArticleView), (status = 404, body = ProblemView)))]
async fn get_article(
    ctx: TenantCtx,
    Path(id): Path<Uuid>,
    Query(text): Query<TextQuery>,
) -> ApiResult<Versioned<ArticleView>> {
    ctx.require(Permission::ReadKnowledge)?;
    let writes = ctx.may(Permission::WriteKnowledge);
    let wants_draft = text.draft && writes;
    let row = ctx.read(async move |tx: &mut TenantTx| store::get(tx, ArticleId(id), wants_draft).await).await?;
    let seen = row.filter(|row| writes || row.published.is_some());
    Ok(seen.ok_or(KnowledgeError::NotFound)?.into())
}

/// Writes a new draft. Readers see what is published until the draft is.
#[utoipa::path(put, path = "/articles/{article_id}", tag = "knowledge", request_body = TextRequest,
    params(("article_id" = Uuid, Path), ("If-Match" = String, Header, description = "the ETag it was read with")),
    responses((status = 200, body = ArticleView), (status = 404, body = ProblemView), (status = 412, body = ProblemView)))]
async fn write_article(
    ctx: TenantCtx,
    State(clock): State<Clock>,
    Path(id): Path<Uuid>,
    IfMatch(version): IfMatch,
    Json(request): Json<TextRequest>,
) -> ApiResult<Versioned<ArticleView>> {
    ctx.require(Permission::WriteKnowledge)?;
    let (text, by) = (request.parse()?, (ctx.signed_in()?, clock.now()));
    let row =
        ctx.transact(async move |tx: &mut TenantTx| write::write(tx, ArticleId(id), version, &text, by).await).await?;
    Ok(row.into())
}
