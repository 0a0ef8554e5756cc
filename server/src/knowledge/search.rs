//! Searching: the database finds who holds the words, `sync_core::search` decides who answers, as it does on a phone.

use std::collections::BTreeMap;

use sync_core::search::{self, Hit, Postings, Query, Ranked};
use uuid::Uuid;

use super::error::KnowledgeError;
use super::store::{self, ArticleRow, Candidate};
use super::view::FoundArticleView;
use crate::tenancy::{TenantCtx, TenantTx};

/// Articles that are looked at more closely, those first that hold the more telling words.
const MOST_CANDIDATES: i32 = 200;

/// The place of an answer among the others: worse ones come later.
pub type Place = (i64, Uuid);

/// The articles that answer, best first, with the place of each.
pub async fn search(ctx: &TenantCtx, asked: &str) -> Result<Vec<(Place, FoundArticleView)>, KnowledgeError> {
    let query = Query::parse(asked);
    if query.is_empty() {
        return Ok(Vec::new());
    }
    let terms: Vec<String> = query.terms().into_iter().map(str::to_owned).collect();
    let wanted = terms.clone();
    let (candidates, rows) = ctx
        .read(async move |tx: &mut TenantTx| {
            let candidates = store::find(tx, &wanted, MOST_CANDIDATES).await?;
            let ids: Vec<Uuid> = candidates.iter().map(|candidate| candidate.article_id).collect();
            let rows = store::published(tx, &ids).await?;
            Ok::<_, KnowledgeError>((candidates, rows))
        })
        .await?;
    // Long articles take some milliseconds to read.
    let answers = tokio::task::spawn_blocking(move || answers(&query, &terms, &candidates, rows));
    answers.await.map_err(|_| KnowledgeError::Interrupted)
}

fn answers(
    query: &Query,
    terms: &[String],
    candidates: &[Candidate],
    rows: Vec<ArticleRow>,
) -> Vec<(Place, FoundArticleView)> {
    let Some(first) = candidates.first() else { return Vec::new() };
    let number = |count: i64| u32::try_from(count).unwrap_or(u32::MAX);
    let empty = |frequency: &i64| Postings { frequency: number(*frequency), hits: Vec::new() };
    let mut postings: BTreeMap<String, Postings<Uuid>> =
        terms.iter().cloned().zip(first.frequencies.iter().map(empty)).collect();
    for row in &rows {
        let counted = search::count(&row.title, &row.body);
        for (term, postings) in &mut postings {
            if let Some((in_title, in_body)) = counted.terms.get(term) {
                let (document, length) = (row.article_id, counted.length);
                postings.hits.push(Hit { document, in_title: *in_title, in_body: *in_body, length });
            }
        }
    }
    let mut by_id: BTreeMap<Uuid, ArticleRow> = rows.into_iter().map(|row| (row.article_id, row)).collect();
    let ranked = search::rank(query, &postings, number(first.articles));
    ranked
        .into_iter()
        .filter_map(|Ranked { document, score }| {
            let row = by_id.remove(&document)?;
            let parts = |parts: Vec<search::Part>| parts.into_iter().map(Into::into).collect();
            let view = FoundArticleView {
                article_id: row.article_id,
                kind: row.kind,
                language: row.language,
                tags: row.tags,
                title: parts(search::mark(&row.title, query)),
                snippet: parts(search::snippet(&row.body, query)),
            };
            // Whole numbers, so that a cursor says exactly where it stands.
            Some((((score * -1e9) as i64, document), view))
        })
        .collect()
}
