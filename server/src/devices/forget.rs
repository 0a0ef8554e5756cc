//! What did not open on a device is kept for a while, and then no longer.

use chrono::{DateTime, TimeDelta, Utc};

use super::error::DeviceError;
use super::store;
use crate::tenancy::TenantTx;

/// Long enough to find out why, counted from when the device last said so.
const KEPT: TimeDelta = TimeDelta::days(30);

/// Drops what is old enough; returns how many.
pub async fn forget_unreadable(tx: &mut TenantTx, now: DateTime<Utc>) -> Result<u64, DeviceError> {
    Ok(store::forget_unreadable(tx, now - KEPT).await?)
}
