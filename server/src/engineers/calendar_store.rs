//! All SQL of shifts and time off.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::types::Json;
use sync_core::ids::UserId;
use uuid::Uuid;

use super::calendar_view::{CalendarFilter, Shift};
use super::error::EngineerError;
use crate::directory::{Break, Period};
use crate::tenancy::TenantTx;

pub struct ShiftRow {
    pub shift_id: Uuid,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    pub breaks: Json<Vec<Break>>,
}

pub struct TimeOffRow {
    pub time_off_id: Uuid,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    pub reason: Option<String>,
}

/// Where a page of a calendar begins: after the entry with this start and id.
pub type After = Option<(DateTime<Utc>, Uuid)>;

async fn must_exist(tx: &mut TenantTx, engineer: UserId) -> Result<(), EngineerError> {
    super::store::get(tx, engineer).await?.map(|_| ()).ok_or(EngineerError::NotFound)
}

pub async fn shifts(
    tx: &mut TenantTx,
    engineer: UserId,
    filter: &CalendarFilter,
    after: After,
    rows: i64,
) -> Result<Vec<ShiftRow>, EngineerError> {
    must_exist(tx, engineer).await?;
    let found = sqlx::query_as!(
        ShiftRow,
        r#"select shift_id, starts_at, ends_at, breaks as "breaks: Json<Vec<Break>>"
        from shift
        where engineer_id = $1
            and ($2::timestamptz is null or ends_at > $2)
            and ($3::timestamptz is null or starts_at < $3)
            and ($4::timestamptz is null or (starts_at, shift_id) > ($4, $5))
        order by starts_at, shift_id
        limit $6"#,
        engineer.0,
        filter.from,
        filter.to,
        after.map(|(starts_at, _)| starts_at),
        after.map(|(_, id)| id),
        rows,
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(found)
}

pub async fn add_shifts(
    tx: &mut TenantTx,
    engineer: UserId,
    shifts: &[(Uuid, Shift)],
) -> Result<Vec<ShiftRow>, EngineerError> {
    let ids: Vec<Uuid> = shifts.iter().map(|(id, _)| *id).collect();
    let starts: Vec<DateTime<Utc>> = shifts.iter().map(|(_, shift)| shift.period().starts_at()).collect();
    let ends: Vec<DateTime<Utc>> = shifts.iter().map(|(_, shift)| shift.period().ends_at()).collect();
    let breaks: Result<Vec<Value>, _> = shifts.iter().map(|(_, shift)| serde_json::to_value(shift.breaks())).collect();
    let added = sqlx::query_as!(
        ShiftRow,
        r#"insert into shift (tenant_id, shift_id, engineer_id, starts_at, ends_at, breaks)
        select $1, shift_id, $2, starts_at, ends_at, breaks
        from unnest($3::uuid[], $4::timestamptz[], $5::timestamptz[], $6::jsonb[])
            as added (shift_id, starts_at, ends_at, breaks)
        returning shift_id, starts_at, ends_at, breaks as "breaks: Json<Vec<Break>>""#,
        tx.tenant().0,
        engineer.0,
        &ids,
        &starts,
        &ends,
        &breaks.map_err(|error| sqlx::Error::Encode(error.into()))?,
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(added)
}

pub async fn remove_shift(tx: &mut TenantTx, engineer: UserId, shift: Uuid) -> Result<(), EngineerError> {
    let removed = sqlx::query!("delete from shift where engineer_id = $1 and shift_id = $2", engineer.0, shift)
        .execute(&mut **tx)
        .await?;
    if removed.rows_affected() == 1 { Ok(()) } else { Err(EngineerError::NotFound) }
}

pub async fn time_off(
    tx: &mut TenantTx,
    engineer: UserId,
    filter: &CalendarFilter,
    after: After,
    rows: i64,
) -> Result<Vec<TimeOffRow>, EngineerError> {
    must_exist(tx, engineer).await?;
    let found = sqlx::query_as!(
        TimeOffRow,
        "select time_off_id, starts_at, ends_at, reason
        from time_off
        where engineer_id = $1
            and ($2::timestamptz is null or ends_at > $2)
            and ($3::timestamptz is null or starts_at < $3)
            and ($4::timestamptz is null or (starts_at, time_off_id) > ($4, $5))
        order by starts_at, time_off_id
        limit $6",
        engineer.0,
        filter.from,
        filter.to,
        after.map(|(starts_at, _)| starts_at),
        after.map(|(_, id)| id),
        rows,
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(found)
}

pub async fn add_time_off(
    tx: &mut TenantTx,
    engineer: UserId,
    id: Uuid,
    period: Period,
    reason: Option<String>,
) -> Result<TimeOffRow, EngineerError> {
    let added = sqlx::query_as!(
        TimeOffRow,
        "insert into time_off (tenant_id, time_off_id, engineer_id, starts_at, ends_at, reason)
        values ($1, $2, $3, $4, $5, $6)
        returning time_off_id, starts_at, ends_at, reason",
        tx.tenant().0,
        id,
        engineer.0,
        period.starts_at(),
        period.ends_at(),
        reason,
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(added)
}

pub async fn remove_time_off(tx: &mut TenantTx, engineer: UserId, id: Uuid) -> Result<(), EngineerError> {
    let removed = sqlx::query!("delete from time_off where engineer_id = $1 and time_off_id = $2", engineer.0, id)
        .execute(&mut **tx)
        .await?;
    if removed.rows_affected() == 1 { Ok(()) } else { Err(EngineerError::NotFound) }
}
