//! A device is lost, stolen or given away.

use chrono::{DateTime, Utc};
use sync_core::ids::{DeviceId, UserId};

use super::error::DeviceError;
use super::store::{self, DeviceRow};
use crate::tenancy::TenantTx;

/// Nothing is given out to the device from the next request on. What it still holds it may hand over for seven days,
/// for a dispatcher to look at. `only_of` limits it to this user's own devices.
pub async fn revoke(
    tx: &mut TenantTx,
    device: DeviceId,
    only_of: Option<UserId>,
    now: DateTime<Utc>,
) -> Result<DeviceRow, DeviceError> {
    let device = store::revoke(tx, device, only_of, now).await?.ok_or(DeviceError::NotFound)?;
    tracing::info!(device.id = %device.device_id, user.id = %device.user_id, "device revoked");
    Ok(device)
}
