//! What this server says of a device, for its colleagues' phones to read where there is no server.

use std::sync::Arc;

use sync_core::time::ServerTime;
use sync_core::wire::{CERTIFICATE_LIFE_MS, DeviceCertificate, ServerSigner};

use crate::ledger::{Ledger, LedgerError, Phone};
use crate::tenancy::TenantCtx;

/// A certificate of the device that asks, for the next 30 days. The caller has made sure that it is admitted.
pub async fn issue(
    ledger: &Arc<Ledger>,
    signer: &ServerSigner,
    ctx: &TenantCtx,
    now: ServerTime,
) -> Result<Vec<u8>, LedgerError> {
    let Some(Phone { tenant, device, user, role, key, .. }) = ledger.phone(ctx, true).await? else {
        return Err(LedgerError::NoDevice);
    };
    let (role, expires) = (role.to_string(), ServerTime(now.0 + CERTIFICATE_LIFE_MS));
    Ok(DeviceCertificate { tenant, device, user, role, key, issued: now, expires }.sign(signer))
}
