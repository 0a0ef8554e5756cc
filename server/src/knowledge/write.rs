//! Writing a text: it is the draft until it is published.

use chrono::{DateTime, Utc};
use sync_core::ids::{ArticleId, UserId};

use super::error::KnowledgeError;
use super::store::{self, ArticleRow};
use super::view::Text;
use crate::tenancy::TenantTx;

/// Begins an article.
pub async fn begin(
    tx: &mut TenantTx,
    id: ArticleId,
    (kind, text): (String, Text),
    by: (UserId, DateTime<Utc>),
) -> Result<ArticleRow, KnowledgeError> {
    store::insert(tx, id, &kind, by.1).await?;
    store::insert_text(tx, (id, 1), &text, by).await?;
    store::get(tx, id, true).await?.ok_or(KnowledgeError::NotFound)
}

/// A new draft, in place of the one there is. What is published stays until the draft is.
pub async fn write(
    tx: &mut TenantTx,
    id: ArticleId,
    version: i64,
    text: &Text,
    by: (UserId, DateTime<Utc>),
) -> Result<ArticleRow, KnowledgeError> {
    let locked = store::lock(tx, id, version).await?;
    store::insert_text(tx, (id, locked.last + 1), text, by).await?;
    store::get(tx, id, true).await?.ok_or(KnowledgeError::NotFound)
}
