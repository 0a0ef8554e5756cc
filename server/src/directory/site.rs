//! A site: where work is done. It may be known by address alone; then its tickets wait to be located.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use sync_core::ids::{CustomerId, SiteId};

use super::{Name, Position, Reference};
use crate::tenancy::TenantTx;

/// A site to be entered.
#[derive(Debug, Clone, PartialEq)]
pub struct NewSite {
    pub customer: Option<CustomerId>,
    pub name: Name,
    /// As one would write it on an envelope; empty if unknown. Up to 500 characters.
    pub address: String,
    /// None until somebody locates it.
    pub position: Option<Position>,
    pub time_zone: Tz,
    /// What a foreign system calls it; unique.
    pub external_ref: Option<Reference>,
}

/// Enters a site. A violated `site_external_ref_key` or `site_customer_fkey` comes back as it is.
pub async fn insert_site(tx: &mut TenantTx, id: SiteId, site: &NewSite, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into site (
            tenant_id, site_id, customer_id, name, address, lat, lon, cell, time_zone, external_ref, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        tx.tenant().0,
        id.0,
        site.customer.map(|id| id.0),
        site.name.as_str(),
        site.address,
        site.position.map(Position::lat),
        site.position.map(Position::lon),
        site.position.map(Position::cell),
        site.time_zone.name(),
        site.external_ref.as_ref().map(Reference::as_str),
        now,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Says where a site is; false when there is no such site.
pub async fn locate_site(tx: &mut TenantTx, id: SiteId, position: Position) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "update site
        set lat = $2, lon = $3, cell = $4, version = version + 1
        where site_id = $1",
        id.0,
        position.lat(),
        position.lon(),
        position.cell(),
    )
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The site that a foreign system calls so, and whether it has a position.
pub async fn site_by_reference(tx: &mut TenantTx, reference: &str) -> Result<Option<(SiteId, bool)>, sqlx::Error> {
    let row = sqlx::query!(
        r#"select site_id, lat is not null as "is_located!" from site where external_ref = $1"#,
        reference,
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row.map(|row| (SiteId(row.site_id), row.is_located)))
}
