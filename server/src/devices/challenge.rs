//! What a device must sign to prove that it holds its key.

use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};
use sync_core::ids::UserId;

use super::error::DeviceError;
use super::store;
use crate::tenancy::TenantTx;

/// How long a challenge may be answered.
const LIFETIME: TimeDelta = TimeDelta::minutes(10);

/// Remembers a challenge for this user until it is used or expires; returns when that is.
pub async fn challenge(
    tx: &mut TenantTx,
    user: UserId,
    nonce: [u8; 32],
    now: DateTime<Utc>,
) -> Result<DateTime<Utc>, DeviceError> {
    let expires_at = now + LIFETIME;
    store::insert_challenge(tx, user, Sha256::digest(nonce).into(), expires_at).await?;
    Ok(expires_at)
}
