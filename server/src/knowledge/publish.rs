//! Publishing: readers see the draft from now on, search finds it, and phones are sent it.

use chrono::{DateTime, Utc};
use sync_core::ids::ArticleId;
use sync_core::search;

use super::error::KnowledgeError;
use super::store::{self, ArticleRow};
use crate::tenancy::TenantTx;

pub async fn publish(
    tx: &mut TenantTx,
    id: ArticleId,
    version: i64,
    now: DateTime<Utc>,
) -> Result<ArticleRow, KnowledgeError> {
    let locked = store::lock(tx, id, version).await?;
    locked.draft.ok_or(KnowledgeError::NoDraft)?;
    let draft = store::get(tx, id, true).await?.ok_or(KnowledgeError::NotFound)?;
    let terms: Vec<String> = search::count(&draft.title, &draft.body).terms.into_keys().collect();
    let bytes = i32::try_from(draft.title.len() + draft.body.len()).unwrap_or(i32::MAX);
    let revision = store::next_revision(tx).await?;
    store::publish(tx, id, revision, (&terms, bytes), now).await?;
    store::get(tx, id, false).await?.ok_or(KnowledgeError::NotFound)
}
