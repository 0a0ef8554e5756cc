//! Somebody leaves.

use chrono::{DateTime, Utc};

use super::error::DeviceError;
use crate::tenancy::session::{self, EndReason};
use crate::tenancy::{SessionId, TenantTx};

/// Ends this session; its tokens are good for nothing from the next request on.
pub async fn sign_out(tx: &mut TenantTx, session: SessionId, now: DateTime<Utc>) -> Result<(), DeviceError> {
    Ok(session::end(tx, session, EndReason::SignedOut, now).await?)
}
