//! What the core may not have of its own: the clock and the randomness of this device.

use std::time::{SystemTime, UNIX_EPOCH};

use rand::TryRng;
use rand::rngs::SysRng;
use sync_core::time::DeviceTime;

use crate::error::FieldError;

/// What the device's clock shows, right or wrong.
#[expect(clippy::disallowed_methods, reason = "the one place where a phone's clock is read")]
pub(crate) fn now() -> DeviceTime {
    let millis = |span: std::time::Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    DeviceTime(match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => millis(since),
        Err(before) => -millis(before.duration()),
    })
}

/// Fresh randomness of the operating system.
pub(crate) fn random_bytes<const N: usize>() -> Result<[u8; N], FieldError> {
    let mut bytes = [0; N];
    let filled = SysRng.try_fill_bytes(&mut bytes);
    filled.map_err(|error| FieldError::Internal { detail: format!("no randomness: {error}") })?;
    Ok(bytes)
}
