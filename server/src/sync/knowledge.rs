//! The tenant's articles, for a phone that says which revision of the set it has: what has changed since, a page at a
//! time, after its tickets.

use sync_core::reference::{Article, KNOWLEDGE};
use sync_core::wire::{Item, Reference, ReferenceRow, SyncRequest};

use crate::ledger::LedgerError;
use crate::tenancy::TenantTx;

/// Rows of one page.
const ROWS_PER_PAGE: i64 = 500;
/// Bytes of texts in one page: a page is also a transaction on the phone, during which nobody can save anything.
const BYTES_PER_PAGE: usize = 512 << 10;

/// The next page of the set, if the phone keeps it and lacks any of it. At least one article, and no more than `room`
/// bytes beyond that.
pub async fn page(
    tx: &mut TenantTx,
    request: &SyncRequest,
    is_same_server: bool,
    room: usize,
) -> Result<Option<Item>, LedgerError> {
    let Some(held) = request.references.iter().find(|held| held.set == KNOWLEDGE) else { return Ok(None) };
    let revision = sqlx::query_scalar!("select revision from knowledge").fetch_optional(tx.as_mut()).await?;
    let revision = revision.unwrap_or_default();
    let held = i64::try_from(held.version).unwrap_or(i64::MAX);
    if held == revision && (is_same_server || revision == 0) {
        return Ok(None);
    }
    // What an earlier server called by a number, or a backup never knew, says nothing here.
    let known = if is_same_server && held <= revision { held } else { 0 };
    let room = i64::try_from(room.min(BYTES_PER_PAGE)).unwrap_or(i64::MAX);
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
        ROWS_PER_PAGE,
        room,
    )
    .fetch_all(tx.as_mut())
    .await?;
    // The last page leaves the phone where the set is, whatever became of the articles of that revision.
    let last = rows.last().map_or(revision, |row| row.revision);
    let has_more = sqlx::query_scalar!(
        r#"select exists (
            select from article where revision > $1 and ($2 or published is not null)
        ) as "has_more!""#,
        last,
        known > 0,
    )
    .fetch_one(tx.as_mut())
    .await?;
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
    let version = if has_more { last } else { revision };
    Ok(Some(Item::Reference(Reference {
        set: KNOWLEDGE.to_owned(),
        version: version.unsigned_abs(),
        rows: rows.collect(),
        replaces_all: known == 0,
        has_more,
    })))
}
