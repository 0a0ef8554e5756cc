//! All SQL of this feature.

use chrono::{DateTime, Utc};
use sync_core::ids::{DeviceId, TicketId, UserId};
use uuid::Uuid;

use super::error::DeviceError;
use super::view::{DeviceView, Platform, ReportView, UnreadableView};
use crate::tenancy::TenantTx;

/// A device as stored, without its key.
#[derive(Debug, Clone)]
pub struct DeviceRow {
    pub device_id: Uuid,
    pub user_id: Uuid,
    pub platform: String,
    pub app_version: String,
    pub name: String,
    pub enrolled_at: DateTime<Utc>,
    pub last_seen: DateTime<Utc>,
    pub revoked_at: Option<DateTime<Utc>>,
}

impl Platform {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Android => "android",
            Self::Ios => "ios",
            Self::Desktop => "desktop",
        }
    }
}

/// What a device last said of itself.
pub struct ReportRow {
    pub device_id: Uuid,
    pub unsent: i32,
    pub oldest_unsent_at: Option<DateTime<Utc>>,
    pub drafts: i32,
    pub blobs: i32,
    pub skew_ms: i64,
    pub reported_at: DateTime<Utc>,
}

/// A ticket that did not open on a device, without what came there.
pub struct UnreadableRow {
    pub device_id: Uuid,
    pub ticket_id: Uuid,
    pub failures: i32,
    pub detail: String,
    pub has_sample: bool,
    pub first_reported_at: DateTime<Utc>,
    pub reported_at: DateTime<Utc>,
}

impl From<ReportRow> for ReportView {
    fn from(row: ReportRow) -> Self {
        let ReportRow { unsent, oldest_unsent_at, drafts, blobs, skew_ms, reported_at, .. } = row;
        Self { unsent, oldest_unsent_at, drafts, files: blobs, clock_ahead_ms: skew_ms, reported_at }
    }
}

impl From<UnreadableRow> for UnreadableView {
    fn from(row: UnreadableRow) -> Self {
        let UnreadableRow { ticket_id, failures, detail, has_sample, first_reported_at, reported_at, .. } = row;
        Self { ticket: ticket_id, failures, detail, has_sample, first_reported_at, reported_at }
    }
}

impl From<DeviceRow> for DeviceView {
    fn from(row: DeviceRow) -> Self {
        let platforms = [Platform::Android, Platform::Ios, Platform::Desktop];
        Self {
            id: row.device_id,
            user: row.user_id,
            // The table's check constraint lets no other text in.
            platform: platforms.into_iter().find(|known| known.as_str() == row.platform).unwrap_or(Platform::Desktop),
            app_version: row.app_version,
            name: row.name,
            enrolled_at: row.enrolled_at,
            last_seen: row.last_seen,
            revoked_at: row.revoked_at,
            report: None,
            unreadable: Vec::new(),
        }
    }
}

pub(super) async fn insert_challenge(
    tx: &mut TenantTx,
    user: UserId,
    nonce_sha256: [u8; 32],
    expires_at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into device_challenge (tenant_id, nonce_sha256, user_id, expires_at) values ($1, $2, $3, $4)",
        tx.tenant().0,
        &nonce_sha256[..],
        user.0,
        expires_at,
    )
    .execute(&mut **tx)
    .await
    .map(|_| ())
}

/// Uses a challenge up; false if there was none.
pub(super) async fn take_challenge(
    tx: &mut TenantTx,
    user: UserId,
    nonce_sha256: [u8; 32],
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let taken = sqlx::query!(
        "delete from device_challenge where nonce_sha256 = $1 and user_id = $2 and expires_at > $3",
        &nonce_sha256[..],
        user.0,
        now,
    )
    .execute(&mut **tx)
    .await?;
    Ok(taken.rows_affected() == 1)
}

pub(super) async fn device_of_key(tx: &mut TenantTx, public_key: &[u8]) -> Result<Option<DeviceRow>, sqlx::Error> {
    sqlx::query_as!(
        DeviceRow,
        "select device_id, user_id, platform, app_version, name, enrolled_at, last_seen, revoked_at
         from device
         where public_key = $1",
        public_key,
    )
    .fetch_optional(&mut **tx)
    .await
}

pub(super) async fn insert(tx: &mut TenantTx, row: &DeviceRow, public_key: &[u8]) -> Result<(), DeviceError> {
    let inserted = sqlx::query!(
        "insert into device
           (tenant_id, device_id, user_id, public_key, platform, app_version, name, enrolled_at, last_seen)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        tx.tenant().0,
        row.device_id,
        row.user_id,
        public_key,
        row.platform,
        row.app_version,
        row.name,
        row.enrolled_at,
        row.last_seen,
    )
    .execute(&mut **tx)
    .await;
    match inserted {
        Ok(_) => Ok(()),
        // Two enrolments of one key at once: the other one was first.
        Err(error) if error.as_database_error().and_then(|e| e.constraint()) == Some("device_public_key_key") => {
            Err(DeviceError::KeyTaken)
        }
        Err(error) => Err(error.into()),
    }
}

/// Devices in the order in which they were enrolled.
pub(super) async fn devices(
    tx: &mut TenantTx,
    of_user: Option<Uuid>,
    holds_work: Option<bool>,
    after: Option<Uuid>,
    rows: i64,
) -> Result<Vec<DeviceRow>, sqlx::Error> {
    sqlx::query_as!(
        DeviceRow,
        "select device_id, user_id, platform, app_version, name, enrolled_at, last_seen, revoked_at
         from device d
         where ($1::uuid is null or user_id = $1)
           and ($2::uuid is null or device_id > $2)
           and ($4::boolean is null or $4 = exists (
               select from device_report r
               where r.tenant_id = d.tenant_id and r.device_id = d.device_id
                 and (r.unsent > 0 or r.drafts > 0 or r.blobs > 0)))
         order by device_id
         limit $3",
        of_user,
        after,
        rows,
        holds_work,
    )
    .fetch_all(&mut **tx)
    .await
}

/// What these devices last said of themselves.
pub(super) async fn reports(tx: &mut TenantTx, devices: &[Uuid]) -> Result<Vec<ReportRow>, sqlx::Error> {
    sqlx::query_as!(
        ReportRow,
        "select device_id, unsent, oldest_unsent_at, drafts, blobs, skew_ms, reported_at
         from device_report
         where device_id = any($1)",
        devices,
    )
    .fetch_all(&mut **tx)
    .await
}

/// What did not open on these devices, the latest first.
pub(super) async fn unreadable(tx: &mut TenantTx, devices: &[Uuid]) -> Result<Vec<UnreadableRow>, sqlx::Error> {
    sqlx::query_as!(
        UnreadableRow,
        r#"select device_id, ticket_id, failures, detail, sample is not null as "has_sample!", first_reported_at, reported_at
         from unreadable_document
         where device_id = any($1)
         order by reported_at desc, ticket_id"#,
        devices,
    )
    .fetch_all(&mut **tx)
    .await
}

/// What came to a device that did not open there.
pub(super) async fn sample(
    tx: &mut TenantTx,
    device: DeviceId,
    ticket: TicketId,
) -> Result<Option<Vec<u8>>, sqlx::Error> {
    let sample = sqlx::query_scalar!(
        "select sample from unreadable_document where device_id = $1 and ticket_id = $2",
        device.0,
        ticket.0,
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(sample.flatten())
}

/// Drops what was last reported before a moment; returns how many.
pub(super) async fn forget_unreadable(tx: &mut TenantTx, before: DateTime<Utc>) -> Result<u64, sqlx::Error> {
    let gone =
        sqlx::query!("delete from unreadable_document where reported_at < $1", before).execute(&mut **tx).await?;
    Ok(gone.rows_affected())
}

/// The device as it is then; none if there is none, or none of this user. A second revocation keeps the first's time.
pub(super) async fn revoke(
    tx: &mut TenantTx,
    device: DeviceId,
    only_of: Option<UserId>,
    now: DateTime<Utc>,
) -> Result<Option<DeviceRow>, sqlx::Error> {
    sqlx::query_as!(
        DeviceRow,
        "update device set revoked_at = coalesce(revoked_at, $3)
         where device_id = $1 and ($2::uuid is null or user_id = $2)
         returning device_id, user_id, platform, app_version, name, enrolled_at, last_seen, revoked_at",
        device.0,
        only_of.map(|user| user.0),
        now,
    )
    .fetch_optional(&mut **tx)
    .await
}
