//! All SQL of contacts.

use chrono::{DateTime, Utc};
use sync_core::ids::{ContactId, SiteId};
use uuid::Uuid;

use super::error::SiteError;
use crate::directory::Name;
use crate::tenancy::TenantTx;

pub struct ContactRow {
    pub contact_id: Uuid,
    pub site_id: Uuid,
    pub name: String,
    pub phone: Option<String>,
    pub email: Option<String>,
    pub note: Option<String>,
    pub version: i64,
    pub archived_at: Option<DateTime<Utc>>,
}

/// A contact to be entered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewContact {
    pub name: Name,
    pub phone: Option<String>,
    pub email: Option<String>,
    pub note: Option<String>,
}

/// An error if there is no such site.
pub async fn list(
    tx: &mut TenantTx,
    site: SiteId,
    after: Option<Uuid>,
    rows: i64,
) -> Result<Vec<ContactRow>, SiteError> {
    if super::store::get(tx, site).await?.is_none() {
        return Err(SiteError::NotFound);
    }
    let found = sqlx::query_as!(
        ContactRow,
        "select contact_id, site_id, name, phone, email, note, version, archived_at
        from contact
        where site_id = $1 and ($2::uuid is null or contact_id > $2)
        order by contact_id
        limit $3",
        site.0,
        after,
        rows,
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(found)
}

pub async fn insert(
    tx: &mut TenantTx,
    site: SiteId,
    id: ContactId,
    contact: &NewContact,
    now: DateTime<Utc>,
) -> Result<ContactRow, SiteError> {
    let inserted = sqlx::query_as!(
        ContactRow,
        "insert into contact (tenant_id, contact_id, site_id, name, phone, email, note, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8)
        returning contact_id, site_id, name, phone, email, note, version, archived_at",
        tx.tenant().0,
        id.0,
        site.0,
        contact.name.as_str(),
        contact.phone,
        contact.email,
        contact.note,
        now,
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(inserted)
}

/// Replaces a contact that still has this version.
pub async fn update(
    tx: &mut TenantTx,
    site: SiteId,
    id: ContactId,
    version: i64,
    contact: &NewContact,
    archived_at: Option<DateTime<Utc>>,
) -> Result<ContactRow, SiteError> {
    let updated = sqlx::query_as!(
        ContactRow,
        "update contact
        set name = $4, phone = $5, email = $6, note = $7, version = version + 1,
            archived_at = case when $8::timestamptz is not null then coalesce(archived_at, $8) end
        where site_id = $1 and contact_id = $2 and version = $3
        returning contact_id, site_id, name, phone, email, note, version, archived_at",
        site.0,
        id.0,
        version,
        contact.name.as_str(),
        contact.phone,
        contact.email,
        contact.note,
        archived_at,
    )
    .fetch_optional(&mut **tx)
    .await?;
    if let Some(row) = updated {
        return Ok(row);
    }
    let present =
        sqlx::query_scalar!("select version from contact where site_id = $1 and contact_id = $2", site.0, id.0)
            .fetch_optional(&mut **tx)
            .await?;
    Err(present.map_or(SiteError::NotFound, |present| SiteError::Stale { present }))
}
