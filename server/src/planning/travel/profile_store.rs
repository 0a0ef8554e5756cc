//! The versions of a tenant's travel profile.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use sync_core::ids::UserId;

use super::profile::{Profile, Rule};
use crate::planning::PlanningError;
use crate::tenancy::TenantTx;

/// A version, with who made it.
#[derive(Debug, Clone)]
pub struct KeptProfile {
    pub profile: Profile,
    pub changed_at: DateTime<Utc>,
    pub changed_by: UserId,
}

/// This version, or the one that counts; none as long as nobody has said anything.
pub async fn profile(tx: &mut TenantTx, version: Option<i64>) -> Result<Option<KeptProfile>, PlanningError> {
    let row = sqlx::query!(
        "select version, time_zone, rules, changed_at, changed_by
        from travel_profile
        where version = $1 or $1::bigint is null
        order by version desc
        limit 1",
        version,
    )
    .fetch_optional(&mut **tx)
    .await?;
    row.map(|row| {
        let zone: Tz = row.time_zone.parse().map_err(|_| PlanningError::Corrupt("a time zone"))?;
        let rules: Vec<Rule> = serde_json::from_value(row.rules)?;
        let profile = Profile { version: row.version, zone, rules };
        Ok(KeptProfile { profile, changed_at: row.changed_at, changed_by: UserId(row.changed_by) })
    })
    .transpose()
}

/// Adds a version; false if there is one of this number.
pub async fn insert(
    tx: &mut TenantTx,
    profile: &Profile,
    by: UserId,
    at: DateTime<Utc>,
) -> Result<bool, PlanningError> {
    let added = sqlx::query!(
        "insert into travel_profile (tenant_id, version, time_zone, rules, changed_at, changed_by)
        select $1::uuid, $2::bigint, $3::text, $4::jsonb, $5::timestamptz, $6::uuid
        where coalesce((select max(version) from travel_profile), 0) = $2::bigint - 1
        on conflict on constraint travel_profile_pkey do nothing",
        tx.tenant().0,
        profile.version,
        profile.zone.name(),
        serde_json::to_value(&profile.rules)?,
        at,
        by.0,
    )
    .execute(&mut **tx)
    .await?;
    Ok(added.rows_affected() == 1)
}
