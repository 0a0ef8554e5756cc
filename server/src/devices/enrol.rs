//! A device becomes known.

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use sync_core::ids::{DeviceId, UserId};
use sync_core::wire::{DeviceKey, DeviceSignature};

use super::error::DeviceError;
use super::store::{self, DeviceRow};
use super::view::Platform;
use crate::tenancy::{SessionId, TenantTx, session};

/// A device and the proof that it holds its key, already read.
pub struct Enrolment {
    pub challenge: [u8; 32],
    pub key: DeviceKey,
    pub signature: DeviceSignature,
    pub platform: Platform,
    pub app_version: String,
    pub name: String,
}

/// What the device signs: a text that no other signature of ours begins with, the challenge, the key.
pub fn enrolment_message(challenge: &[u8; 32], key: &DeviceKey) -> Vec<u8> {
    [b"callout enrol v1\0".as_slice(), challenge, &key.to_sec1()].concat()
}

/// Makes the device known and binds this session to it. A device whose answer was lost enrols again with the same key
/// and is the same device.
pub async fn enrol(
    tx: &mut TenantTx,
    (user, session): (UserId, SessionId),
    new: Enrolment,
    fresh: DeviceId,
    now: DateTime<Utc>,
) -> Result<DeviceRow, DeviceError> {
    if !store::take_challenge(tx, user, Sha256::digest(new.challenge).into(), now).await? {
        return Err(DeviceError::UnknownChallenge);
    }
    if !new.key.has_signed(&enrolment_message(&new.challenge, &new.key), &new.signature.0) {
        return Err(DeviceError::NotProven);
    }
    let public_key = new.key.to_sec1();
    let device = match store::device_of_key(tx, &public_key).await? {
        Some(known) if known.user_id == user.0 && known.revoked_at.is_none() => known,
        Some(_) => return Err(DeviceError::KeyTaken),
        None => {
            let row = DeviceRow {
                device_id: fresh.0,
                user_id: user.0,
                platform: new.platform.as_str().to_owned(),
                app_version: new.app_version,
                name: new.name,
                enrolled_at: now,
                last_seen: now,
                revoked_at: None,
            };
            store::insert(tx, &row, &public_key).await?;
            row
        }
    };
    session::bind_device(tx, session, DeviceId(device.device_id)).await?;
    Ok(device)
}
