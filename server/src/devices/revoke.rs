//! A device is lost, stolen or given away.

use chrono::{DateTime, Utc};
use sync_core::ids::{DeviceId, UserId};

use super::error::DeviceError;
use super::view::DeviceView;
use super::{list, store};
use crate::tenancy::TenantTx;

/// Nothing is given out to the device from the next request on. What it still holds it may hand over for seven days,
/// for a dispatcher to look at. `only_of` limits it to this user's own devices.
pub async fn revoke(
    tx: &mut TenantTx,
    device: DeviceId,
    only_of: Option<UserId>,
    now: DateTime<Utc>,
) -> Result<DeviceView, DeviceError> {
    let row = store::revoke(tx, device, only_of, now).await?.ok_or(DeviceError::NotFound)?;
    tracing::info!(device.id = %row.device_id, user.id = %row.user_id, "device revoked");
    let mut device = DeviceView::from(row);
    list::complete(tx, std::slice::from_mut(&mut device)).await?;
    Ok(device)
}
