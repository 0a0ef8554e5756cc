//! Which devices there are, and what is on each alone.

use std::collections::HashMap;

use uuid::Uuid;

use super::error::DeviceError;
use super::store;
use super::view::{DeviceView, ReportView, UnreadableView};
use crate::tenancy::TenantTx;

/// Whose devices, and which of them.
pub struct Wanted {
    pub of_user: Option<Uuid>,
    pub holds_work: Option<bool>,
    pub after: Option<Uuid>,
    pub rows: i64,
}

/// The devices in the order in which they were enrolled.
pub async fn list(tx: &mut TenantTx, wanted: Wanted) -> Result<Vec<DeviceView>, DeviceError> {
    let Wanted { of_user, holds_work, after, rows } = wanted;
    let mut devices: Vec<DeviceView> =
        store::devices(tx, of_user, holds_work, after, rows).await?.into_iter().map(DeviceView::from).collect();
    complete(tx, &mut devices).await?;
    Ok(devices)
}

/// Adds what the devices last said of themselves.
pub async fn complete(tx: &mut TenantTx, devices: &mut [DeviceView]) -> Result<(), DeviceError> {
    let ids: Vec<Uuid> = devices.iter().map(|device| device.id).collect();
    let reports = store::reports(tx, &ids).await?.into_iter();
    let mut reports: HashMap<Uuid, ReportView> = reports.map(|row| (row.device_id, row.into())).collect();
    let mut unreadable: HashMap<Uuid, Vec<UnreadableView>> = HashMap::new();
    for row in store::unreadable(tx, &ids).await? {
        unreadable.entry(row.device_id).or_default().push(row.into());
    }
    for device in devices {
        device.report = reports.remove(&device.id);
        device.unreadable = unreadable.remove(&device.id).unwrap_or_default();
    }
    Ok(())
}
