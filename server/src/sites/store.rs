//! All SQL of sites but their entry, which the import shares (`directory`).

use chrono::{DateTime, Utc};
use sync_core::ids::SiteId;
use uuid::Uuid;

use super::error::SiteError;
use super::view::SiteFilter;
use crate::directory::{NewSite, Position, Reference};
use crate::tenancy::TenantTx;

pub struct SiteRow {
    pub site_id: Uuid,
    pub customer_id: Option<Uuid>,
    pub name: String,
    pub address: String,
    pub lat: Option<f64>,
    pub lon: Option<f64>,
    pub time_zone: String,
    pub external_ref: Option<String>,
    pub version: i64,
    pub created_at: DateTime<Utc>,
    pub archived_at: Option<DateTime<Utc>>,
}

pub async fn list(
    tx: &mut TenantTx,
    filter: &SiteFilter,
    after: Option<Uuid>,
    rows: i64,
) -> Result<Vec<SiteRow>, SiteError> {
    let found = sqlx::query_as!(
        SiteRow,
        "select site_id, customer_id, name, address, lat, lon, time_zone, external_ref, version, created_at, archived_at
        from site
        where ($1::uuid is null or site_id > $1)
            and (archived_at is not null) = $2
            and ($3::uuid is null or customer_id = $3)
            and ($4::boolean is null or (lat is not null) = $4)
            and ($5::text is null or strpos(lower(name), lower($5)) > 0 or strpos(lower(address), lower($5)) > 0
                or strpos(lower(external_ref), lower($5)) > 0)
        order by site_id
        limit $6",
        after,
        filter.archived,
        filter.customer_id,
        filter.located,
        filter.q,
        rows,
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(found)
}

pub async fn get(tx: &mut TenantTx, id: SiteId) -> Result<Option<SiteRow>, SiteError> {
    let found = sqlx::query_as!(
        SiteRow,
        "select site_id, customer_id, name, address, lat, lon, time_zone, external_ref, version, created_at, archived_at
        from site
        where site_id = $1",
        id.0,
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(found)
}

/// Replaces a site that still has this version.
pub async fn update(
    tx: &mut TenantTx,
    id: SiteId,
    version: i64,
    site: &NewSite,
    archived_at: Option<DateTime<Utc>>,
) -> Result<SiteRow, SiteError> {
    let updated = sqlx::query_as!(
        SiteRow,
        "update site
        set customer_id = $3, name = $4, address = $5, lat = $6, lon = $7, cell = $8, time_zone = $9, external_ref = $10,
            version = version + 1, archived_at = case when $11::timestamptz is not null then coalesce(archived_at, $11) end
        where site_id = $1 and version = $2
        returning site_id, customer_id, name, address, lat, lon, time_zone, external_ref, version, created_at, archived_at",
        id.0,
        version,
        site.customer.map(|id| id.0),
        site.name.as_str(),
        site.address,
        site.position.map(Position::lat),
        site.position.map(Position::lon),
        site.position.map(Position::cell),
        site.time_zone.name(),
        site.external_ref.as_ref().map(Reference::as_str),
        archived_at,
    )
    .fetch_optional(&mut **tx)
    .await?;
    match updated {
        Some(row) => Ok(row),
        None => Err(get(tx, id).await?.map_or(SiteError::NotFound, |row| SiteError::Stale { present: row.version })),
    }
}
