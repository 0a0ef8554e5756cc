//! The rows of the tenant's articles as phones get them.

use sync_core::reference::Article;
use sync_core::wire::ReferenceRow;

use crate::ledger::LedgerError;
use crate::tenancy::TenantTx;

/// The set's revision; 0 if it has never had an article.
pub async fn revision(tx: &mut TenantTx) -> Result<i64, LedgerError> {
    let revision = sqlx::query_scalar!("select revision from knowledge").fetch_optional(tx.as_mut()).await?;
    Ok(revision.unwrap_or_default())
}

/// What has changed since a revision, and the revision of the last of that: at most `limit` articles, one, and then as
/// many as `room` bytes of texts hold. From 0 on it is what there is; later also what was withdrawn.
pub async fn changed_since(
    tx: &mut TenantTx,
    known: i64,
    limit: i64,
    room: i64,
) -> Result<(Vec<ReferenceRow>, Option<i64>), LedgerError> {
    let rows = sqlx::query!(
        r#"select c.article_id, c.revision as "revision!", c.kind, c.published, c.published_at, t.title as "title?",
            t.body as "body?", t.language as "language?", t.tags as "tags?", t.ticket_types as "ticket_types?",
            t.asset_models as "asset_models?"
        from (
            select article_id, revision, kind, published, published_at,
                coalesce(sum(bytes) over (order by revision rows between unbounded preceding and 1 preceding), 0) as before
            from article
            where revision > $1 and ($1 > 0 or published is not null)
            order by revision
            limit $2
        ) c
        left join article_text t on t.article_id = c.article_id and t.number = c.published
        where c.before <= $3
        order by c.revision"#,
        known,
        limit,
        room,
    )
    .fetch_all(tx.as_mut())
    .await?;
    let last = rows.last().map(|row| row.revision);
    let rows = rows.into_iter().map(|row| {
        let article = row.published.map(|number| Article {
            kind: row.kind,
            title: row.title.unwrap_or_default(),
            body: row.body.unwrap_or_default(),
            language: row.language.unwrap_or_default(),
            tags: row.tags.unwrap_or_default(),
            ticket_types: row.ticket_types.unwrap_or_default(),
            asset_models: row.asset_models.unwrap_or_default(),
            number: number.unsigned_abs(),
            published_at: row.published_at.map_or(0, |at| at.timestamp_millis()),
        });
        let value = article.as_ref().map(Article::to_bytes).unwrap_or_default();
        ReferenceRow { key: row.article_id.to_string(), value, removed: article.is_none() }
    });
    Ok((rows.collect(), last))
}

/// Whether there is anything behind this revision.
pub async fn has_more(tx: &mut TenantTx, revision: i64, with_withdrawn: bool) -> Result<bool, LedgerError> {
    Ok(sqlx::query_scalar!(
        r#"select exists (
            select from article where revision > $1 and ($2 or published is not null)
        ) as "has_more!""#,
        revision,
        with_withdrawn,
    )
    .fetch_one(tx.as_mut())
    .await?)
}
