//! What the core may not have of its own: the clock and the randomness of this device.

use rand::TryRng;
use rand::rngs::SysRng;

use crate::error::FieldError;

/// Fresh randomness of the operating system.
pub(crate) fn random_bytes<const N: usize>() -> Result<[u8; N], FieldError> {
    let mut bytes = [0; N];
    let filled = SysRng.try_fill_bytes(&mut bytes);
    filled.map_err(|error| FieldError::Internal { detail: format!("no randomness: {error}") })?;
    Ok(bytes)
}
