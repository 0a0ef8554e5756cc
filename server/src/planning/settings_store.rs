//! The settings of a tenant as they are kept: one row, or none.

use callout_dispatch::Policy;
use chrono::{DateTime, Utc};
use sync_core::ids::UserId;

use super::PlanningError;
use super::settings::Settings;
use crate::directory::DispatchMode;
use crate::tenancy::TenantTx;

/// The tenant's settings.
pub async fn load(tx: &mut TenantTx) -> Result<Settings, PlanningError> {
    let row = sqlx::query!(
        "select mode, unserved_weight, travel_permille, full_load_s, wait_permille, late_permille, preferred_s, overskilled_s,
            missing_part_s, moved_s, moved_tolerance_s, overtime_permille, version, updated_at, updated_by
        from dispatch_settings",
    )
    .fetch_optional(&mut **tx)
    .await?;
    let defaults = Settings::default();
    let Some(row) = row else { return Ok(defaults) };
    Ok(Settings {
        mode: DispatchMode::new(&row.mode).map_err(|_| PlanningError::Corrupt("a dispatch mode"))?,
        policy: Policy {
            unserved_weight: by_priority(&row.unserved_weight)?,
            travel_permille: weight(row.travel_permille)?,
            full_load_s: weight(row.full_load_s)?,
            wait_permille: by_priority(&row.wait_permille)?,
            late_permille: by_priority(&row.late_permille)?,
            preferred_s: weight(row.preferred_s)?,
            overskilled_s: weight(row.overskilled_s)?,
            missing_part_s: weight(row.missing_part_s)?,
            moved_s: weight(row.moved_s)?,
            moved_tolerance_s: weight(row.moved_tolerance_s)?,
            overtime_permille: weight(row.overtime_permille)?,
            ..defaults.policy
        },
        version: row.version,
        updated: Some((row.updated_at, UserId(row.updated_by))),
    })
}

/// Replaces the settings if they still have this version; 0 stands for the defaults.
pub async fn replace(
    tx: &mut TenantTx,
    version: i64,
    (mode, policy): (DispatchMode, &Policy),
    by: UserId,
    at: DateTime<Utc>,
) -> Result<Settings, PlanningError> {
    let replaced = sqlx::query!(
        "insert into dispatch_settings (
            tenant_id, mode, unserved_weight, travel_permille, full_load_s, wait_permille, late_permille, preferred_s,
            overskilled_s, missing_part_s, moved_s, moved_tolerance_s, overtime_permille, updated_at, updated_by)
        select $1, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16
        where $2::bigint = 0 or exists (select from dispatch_settings where version = $2)
        on conflict on constraint dispatch_settings_pkey do update
        set mode = $3, unserved_weight = $4, travel_permille = $5, full_load_s = $6, wait_permille = $7, late_permille = $8,
            preferred_s = $9, overskilled_s = $10, missing_part_s = $11, moved_s = $12, moved_tolerance_s = $13,
            overtime_permille = $14, updated_at = $15, updated_by = $16, version = dispatch_settings.version + 1
        where dispatch_settings.version = $2",
        tx.tenant().0,
        version,
        mode.as_str(),
        &policy.unserved_weight.map(stored)[..],
        stored(policy.travel_permille),
        stored(policy.full_load_s),
        &policy.wait_permille.map(stored)[..],
        &policy.late_permille.map(stored)[..],
        stored(policy.preferred_s),
        stored(policy.overskilled_s),
        stored(policy.missing_part_s),
        stored(policy.moved_s),
        stored(policy.moved_tolerance_s),
        stored(policy.overtime_permille),
        at,
        by.0,
    )
    .execute(&mut **tx)
    .await?;
    let present = load(tx).await?;
    if replaced.rows_affected() == 1 { Ok(present) } else { Err(PlanningError::Stale { present: present.version }) }
}

fn weight(stored: i32) -> Result<u32, PlanningError> {
    u32::try_from(stored).map_err(|_| PlanningError::Corrupt("a weight below zero"))
}

fn by_priority(stored: &[i32]) -> Result<[u32; 5], PlanningError> {
    let weights = stored.iter().map(|one| weight(*one)).collect::<Result<Vec<_>, _>>()?;
    weights.try_into().map_err(|_| PlanningError::Corrupt("not a weight for each priority"))
}

/// Weights are bounded far below what the column holds.
fn stored(weight: u32) -> i32 {
    i32::try_from(weight).unwrap_or(i32::MAX)
}
