//! All SQL of customers but their entry, which the import shares (`directory`).

use chrono::{DateTime, Utc};
use sync_core::ids::CustomerId;
use uuid::Uuid;

use super::error::CustomerError;
use super::view::CustomerFilter;
use crate::directory::{NewCustomer, Reference};
use crate::tenancy::TenantTx;

pub struct CustomerRow {
    pub customer_id: Uuid,
    pub name: String,
    pub tier: String,
    pub external_ref: Option<String>,
    pub locale: String,
    pub version: i64,
    pub created_at: DateTime<Utc>,
    pub archived_at: Option<DateTime<Utc>>,
}

pub async fn list(
    tx: &mut TenantTx,
    filter: &CustomerFilter,
    after: Option<Uuid>,
    rows: i64,
) -> Result<Vec<CustomerRow>, CustomerError> {
    let found = sqlx::query_as!(
        CustomerRow,
        "select customer_id, name, tier, external_ref, locale, version, created_at, archived_at
        from customer
        where ($1::uuid is null or customer_id > $1)
            and (archived_at is not null) = $2
            and ($3::text is null or tier = $3)
            and ($4::text is null or strpos(lower(name), lower($4)) > 0 or strpos(lower(external_ref), lower($4)) > 0)
        order by customer_id
        limit $5",
        after,
        filter.archived,
        filter.tier,
        filter.q,
        rows,
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(found)
}

pub async fn get(tx: &mut TenantTx, id: CustomerId) -> Result<Option<CustomerRow>, CustomerError> {
    let found = sqlx::query_as!(
        CustomerRow,
        "select customer_id, name, tier, external_ref, locale, version, created_at, archived_at
        from customer
        where customer_id = $1",
        id.0,
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(found)
}

/// Replaces a customer that still has this version.
pub async fn update(
    tx: &mut TenantTx,
    id: CustomerId,
    version: i64,
    customer: &NewCustomer,
    archived_at: Option<DateTime<Utc>>,
) -> Result<CustomerRow, CustomerError> {
    let updated = sqlx::query_as!(
        CustomerRow,
        "update customer
        set name = $3, tier = $4, external_ref = $5, locale = $6, version = version + 1,
            archived_at = case when $7::timestamptz is not null then coalesce(archived_at, $7) end
        where customer_id = $1 and version = $2
        returning customer_id, name, tier, external_ref, locale, version, created_at, archived_at",
        id.0,
        version,
        customer.name.as_str(),
        customer.tier.as_str(),
        customer.external_ref.as_ref().map(Reference::as_str),
        customer.locale,
        archived_at,
    )
    .fetch_optional(&mut **tx)
    .await?;
    match updated {
        Some(row) => Ok(row),
        None => {
            Err(get(tx, id).await?.map_or(CustomerError::NotFound, |row| CustomerError::Stale { present: row.version }))
        }
    }
}
