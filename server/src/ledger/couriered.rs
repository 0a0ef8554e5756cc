//! Batches that one phone brings for others: taken through the same door, with the authority of the device that signed
//! them. Who carries them decides nothing, and is told nothing but that they need not be carried any more.
//!
//! A courier may bring the third batch of a session before its author brings the first two. What does not stand on those
//! goes in, and the author fills the gap; what does is left with the courier, so that the author's own push finds
//! everything as if nobody had been faster.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use sync_core::ids::{DeviceId, TenantId, UserId};
use sync_core::time::ServerTime;
use sync_core::wire::{Ack, Batch, BatchRefusal, DeviceKey};

use super::accept::Outcome;
use super::verify::{self, Brought, Unchecked};
use super::{Ledger, LedgerError, Phone, instant};
use crate::tenancy::{Standing, TenantCtx, TenantTx};

/// What an author has not brought by then is not waited for: what a courier has of it is shown to a dispatcher, though
/// something that it stands on is missing. Counted from when the device was last heard of, or the batch was signed.
const PATIENCE: TimeDelta = TimeDelta::days(14);

/// What became of what was carried.
#[derive(Debug, Default)]
pub struct Delivered {
    /// Taken, or known: need not be carried any more.
    pub acks: Vec<Ack>,
    /// Says nothing that can be acted on.
    pub refused: Vec<BatchRefusal>,
}

/// A device whose batches may be brought by others.
struct Author {
    phone: Phone,
    last_seen: DateTime<Utc>,
}

impl Ledger {
    /// Takes the batches that a phone carries for others of its tenant.
    pub async fn accept_couriered(
        self: &Arc<Self>,
        ctx: &TenantCtx,
        carried: Vec<Vec<u8>>,
        now: ServerTime,
    ) -> Result<Delivered, LedgerError> {
        let mut delivered = Delivered::default();
        if carried.is_empty() {
            return Ok(delivered);
        }
        // Who they claim to be by; whether that is so, the signature says.
        let claimed = |bytes: &Vec<u8>| {
            let claims = Batch::decode(bytes).ok()?.claims().ok()?;
            Some((claims.device, instant(ServerTime(claims.signed_at.0))))
        };
        let claimed: Vec<Option<(DeviceId, DateTime<Utc>)>> = carried.iter().map(claimed).collect();
        let devices: Vec<DeviceId> = claimed.iter().flatten().map(|(device, _)| *device).collect();
        let too_old = instant(now) - PATIENCE;
        let authors = ctx.read(async move |tx: &mut TenantTx| authors(tx, &devices, instant(now)).await).await?;
        let mut unchecked = Vec::with_capacity(carried.len());
        for ((bytes, claimed), position) in carried.into_iter().zip(claimed).zip(0..) {
            let author = claimed.and_then(|(device, signed_at)| Some((authors.get(&device)?, signed_at)));
            match author {
                Some((Author { phone, last_seen }, signed_at)) if ctx.device() != Some(phone.device) => {
                    let is_waited_for = signed_at.min(*last_seen) > too_old;
                    let (author, brought) = (phone.clone(), Brought::Couriered { is_waited_for });
                    unchecked.push(Unchecked { position, author, brought, bytes });
                }
                // Of another tenant, unknown, long revoked, malformed: nobody here to take it for.
                _ => delivered.refused.push(BatchRefusal {
                    position,
                    code: "no_author".into(),
                    detail: "the batch is by no device that may hand anything in here".into(),
                }),
            }
        }
        let checked = verify::verify_each(unchecked).await?;
        let devices: Vec<Option<DeviceId>> =
            checked.iter().map(|checked| Some(checked.as_ref().ok()?.author.device)).collect();
        let mut outcomes = Vec::with_capacity(checked.len());
        for alone in &checked {
            outcomes.push(match self.accept_checked(ctx, std::slice::from_ref(alone), now).await {
                Ok(outcome) => outcome.into_iter().next().unwrap_or(Outcome::Waits),
                Err(error) if error.is_transient() => return Err(error),
                // It is not the courier's, whose own sync goes on.
                Err(error) => {
                    tracing::error!(device.id = ?ctx.device(), %error, "a batch that a phone carries cannot be taken");
                    Outcome::Waits
                }
            });
        }
        for (outcome, device) in outcomes.into_iter().zip(devices) {
            match outcome {
                Outcome::Answered { ack, .. } => delivered.acks.push(Ack { device, ..ack }),
                Outcome::Refused(refusal) => delivered.refused.push(refusal),
                Outcome::Waits | Outcome::Deferred(_) => {}
            }
        }
        Ok(delivered)
    }
}

/// Those of these devices that may still hand something in, each as it stands now.
async fn authors(
    tx: &mut TenantTx,
    devices: &[DeviceId],
    now: DateTime<Utc>,
) -> Result<BTreeMap<DeviceId, Author>, LedgerError> {
    let devices: Vec<uuid::Uuid> = devices.iter().map(|device| device.0).collect();
    let rows = sqlx::query!(
        r#"select d.device_id, d.user_id, d.public_key, d.last_seen, u.role,
            least(u.disabled_at, d.revoked_at) as revoked_at
        from device d
        join app_user u on u.user_id = d.user_id
        where d.device_id = any($1)"#,
        &devices,
    )
    .fetch_all(tx.as_mut())
    .await?;
    let tenant: TenantId = tx.tenant();
    let mut authors = BTreeMap::new();
    for row in rows {
        let Some(standing) = Standing::at(row.revoked_at, now) else { continue };
        let device = DeviceId(row.device_id);
        let phone = Phone {
            tenant,
            device,
            user: UserId(row.user_id),
            role: row.role.parse().map_err(|_| LedgerError::Corrupt("a user's role"))?,
            key: DeviceKey::from_sec1(&row.public_key).map_err(|_| LedgerError::Corrupt("a device's key"))?,
            is_active: standing == Standing::Active,
        };
        authors.insert(device, Author { phone, last_seen: row.last_seen });
    }
    Ok(authors)
}
