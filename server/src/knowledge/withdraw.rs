//! Withdrawing: readers do not see it any more, and phones let go of it. Its texts stay for those who write.

use chrono::{DateTime, Utc};
use sync_core::ids::ArticleId;

use super::error::KnowledgeError;
use super::store::{self, ArticleRow};
use crate::tenancy::TenantTx;

pub async fn withdraw(
    tx: &mut TenantTx,
    id: ArticleId,
    version: i64,
    now: DateTime<Utc>,
) -> Result<ArticleRow, KnowledgeError> {
    let locked = store::lock(tx, id, version).await?;
    locked.published.ok_or(KnowledgeError::NotPublished)?;
    let revision = store::next_revision(tx).await?;
    store::withdraw(tx, id, revision, now).await?;
    store::get(tx, id, false).await?.ok_or(KnowledgeError::NotFound)
}
