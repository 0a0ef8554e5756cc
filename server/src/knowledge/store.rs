//! All SQL of articles but what phones are sent of them (`sync`).

use chrono::{DateTime, Utc};
use sync_core::ids::{ArticleId, UserId};
use uuid::Uuid;

use super::error::KnowledgeError;
use super::view::{ArticleFilter, Text};
use crate::tenancy::TenantTx;

/// An article with one of its texts.
pub struct ArticleRow {
    pub article_id: Uuid,
    pub kind: String,
    pub draft: Option<i64>,
    pub published: Option<i64>,
    pub published_at: Option<DateTime<Utc>>,
    pub withdrawn_at: Option<DateTime<Utc>>,
    pub version: i64,
    pub number: i64,
    pub title: String,
    pub body: String,
    pub language: String,
    pub tags: Vec<String>,
    pub ticket_types: Vec<String>,
    pub asset_models: Vec<String>,
    pub written_at: DateTime<Utc>,
}

pub struct SummaryRow {
    pub article_id: Uuid,
    pub kind: String,
    pub title: String,
    pub language: String,
    pub tags: Vec<String>,
    pub version: i64,
}

pub async fn list(
    tx: &mut TenantTx,
    state: &str,
    filter: &ArticleFilter,
    after: Option<Uuid>,
    rows: i64,
) -> Result<Vec<SummaryRow>, KnowledgeError> {
    let found = sqlx::query_as!(
        SummaryRow,
        "select a.article_id, a.kind, t.title, t.language, t.tags, a.version
        from article a
        join article_text t on t.article_id = a.article_id
            and t.number = case $1 when 'published' then a.published when 'draft' then a.draft else a.last end
        where ($1 <> 'withdrawn' or a.withdrawn_at is not null)
            and ($2::text is null or a.kind = $2)
            and ($3::text is null or t.language in ($3, 'both'))
            and ($4::text is null or $4 = any(t.tags))
            and ($5::text is null or $5 = any(t.ticket_types))
            and ($6::text is null or $6 = any(t.asset_models))
            and ($7::uuid is null or a.article_id > $7)
        order by a.article_id
        limit $8",
        state,
        filter.kind,
        filter.language,
        filter.tag,
        filter.ticket_type,
        filter.asset_model,
        after,
        rows,
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(found)
}

/// An article with its published text, or the draft; with the last one there was if it has neither.
pub async fn get(tx: &mut TenantTx, id: ArticleId, wants_draft: bool) -> Result<Option<ArticleRow>, KnowledgeError> {
    let found = sqlx::query_as!(
        ArticleRow,
        "select a.article_id, a.kind, a.draft, a.published, a.published_at, a.withdrawn_at, a.version, t.number, t.title,
            t.body, t.language, t.tags, t.ticket_types, t.asset_models, t.written_at
        from article a
        join article_text t on t.article_id = a.article_id
            and t.number = case
                when $2 then coalesce(a.draft, a.published, a.last) else coalesce(a.published, a.draft, a.last) end
        where a.article_id = $1",
        id.0,
        wants_draft,
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(found)
}

/// The row as it is, locked; an error unless it still has this version.
pub async fn lock(tx: &mut TenantTx, id: ArticleId, version: i64) -> Result<Locked, KnowledgeError> {
    let found = sqlx::query_as!(
        Locked,
        "select last, draft, published, version from article where article_id = $1 for update",
        id.0,
    )
    .fetch_optional(&mut **tx)
    .await?;
    let found = found.ok_or(KnowledgeError::NotFound)?;
    if found.version == version { Ok(found) } else { Err(KnowledgeError::Stale { present: found.version }) }
}

/// Which texts an article has.
pub struct Locked {
    pub last: i64,
    pub draft: Option<i64>,
    pub published: Option<i64>,
    pub version: i64,
}

pub async fn insert(tx: &mut TenantTx, id: ArticleId, kind: &str, now: DateTime<Utc>) -> Result<(), KnowledgeError> {
    sqlx::query!(
        "insert into article (tenant_id, article_id, kind, created_at) values ($1, $2, $3, $4)",
        tx.tenant().0,
        id.0,
        kind,
        now,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

pub async fn insert_text(
    tx: &mut TenantTx,
    (id, number): (ArticleId, i64),
    text: &Text,
    (by, now): (UserId, DateTime<Utc>),
) -> Result<(), KnowledgeError> {
    let known =
        sqlx::query_scalar!(r#"select count(*) as "count!" from ticket_type where code = any($1)"#, &text.ticket_types)
            .fetch_one(&mut **tx)
            .await?;
    if usize::try_from(known).ok() != Some(text.ticket_types.len()) {
        return Err(KnowledgeError::NoSuchTicketType);
    }
    sqlx::query!(
        "insert into article_text (
            tenant_id, article_id, number, title, body, language, tags, ticket_types, asset_models, written_at, written_by)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        tx.tenant().0,
        id.0,
        number,
        text.title,
        text.body,
        text.language,
        &text.tags,
        &text.ticket_types,
        &text.asset_models,
        now,
        by.0,
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        "update article set last = $2, draft = $2, version = version + case when $2::bigint = 1 then 0 else 1 end
        where article_id = $1",
        id.0,
        number,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The next revision of the set. Whoever asks after this one waits until it is committed.
pub async fn next_revision(tx: &mut TenantTx) -> Result<i64, KnowledgeError> {
    let revision = sqlx::query_scalar!(
        "insert into knowledge (tenant_id, revision) values ($1, 1)
        on conflict on constraint knowledge_pkey do update set revision = knowledge.revision + 1
        returning revision",
        tx.tenant().0,
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(revision)
}

/// The draft is what readers see from now on.
pub async fn publish(
    tx: &mut TenantTx,
    id: ArticleId,
    revision: i64,
    (terms, bytes): (&[String], i32),
    now: DateTime<Utc>,
) -> Result<(), KnowledgeError> {
    sqlx::query!(
        "update article
        set published = draft, draft = null, published_at = $2, withdrawn_at = null, revision = $3, terms = $4, bytes = $5,
            version = version + 1
        where article_id = $1",
        id.0,
        now,
        revision,
        terms,
        bytes,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Readers do not see it any more.
pub async fn withdraw(
    tx: &mut TenantTx,
    id: ArticleId,
    revision: i64,
    now: DateTime<Utc>,
) -> Result<(), KnowledgeError> {
    sqlx::query!(
        "update article
        set published = null, published_at = null, terms = null, bytes = null, withdrawn_at = $2, revision = $3,
            version = version + 1
        where article_id = $1",
        id.0,
        now,
        revision,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// A published article that holds some of the terms looked for.
pub struct Candidate {
    pub article_id: Uuid,
    /// How many articles there are.
    pub articles: i64,
    /// How many hold each of the terms.
    pub frequencies: Vec<i64>,
}

pub async fn find(tx: &mut TenantTx, terms: &[String], at_most: i32) -> Result<Vec<Candidate>, KnowledgeError> {
    let found = sqlx::query_as!(
        Candidate,
        r#"select article_id as "article_id!", articles as "articles!", frequencies as "frequencies!"
        from find_articles($1, $2)"#,
        terms,
        at_most,
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(found)
}

/// The published texts of these articles.
pub async fn published(tx: &mut TenantTx, ids: &[Uuid]) -> Result<Vec<ArticleRow>, KnowledgeError> {
    let found = sqlx::query_as!(
        ArticleRow,
        "select a.article_id, a.kind, a.draft, a.published, a.published_at, a.withdrawn_at, a.version, t.number, t.title,
            t.body, t.language, t.tags, t.ticket_types, t.asset_models, t.written_at
        from article a
        join article_text t on t.article_id = a.article_id and t.number = a.published
        where a.article_id = any($1)
        order by a.article_id",
        ids,
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(found)
}
