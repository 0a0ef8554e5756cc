//! What is still only on a phone, as the phone last said: the desk sees it too.

use std::collections::HashMap;
use std::sync::Mutex;

use sync_core::ids::DeviceId;
use sync_core::time::{ServerTime, Skew};
use sync_core::wire::SyncRequest;

use crate::ledger::{LedgerError, instant};
use crate::tenancy::{TenantCtx, TenantTx};

/// A report that says the same is written again only after so long, to keep an idle phone's sync free of writes.
const REPEAT_AFTER_MS: i64 = 5 * 60_000;
/// The clock is off by about as much as before.
const SKEW_STEP_MS: i64 = 10_000;
/// Devices remembered; beyond that the memory starts anew, which costs one write each.
const MOST_REMEMBERED: usize = 100_000;

#[derive(Clone, Copy, PartialEq, Eq)]
struct Said {
    unsent: u32,
    drafts: u32,
    blobs: u32,
    skew_steps: i64,
}

/// What each device last said to this process.
#[derive(Default)]
pub struct Reports(Mutex<HashMap<DeviceId, (Said, ServerTime)>>);

impl Reports {
    /// Writes down what the request says of its device, unless that is what stands there.
    pub async fn note(&self, ctx: &TenantCtx, request: &SyncRequest, now: ServerTime) -> Result<(), LedgerError> {
        let skew = Skew::between(request.device_time, now);
        let outstanding = request.outstanding;
        let said = Said {
            unsent: outstanding.unsent,
            drafts: outstanding.drafts,
            blobs: outstanding.blobs,
            skew_steps: skew.0 / SKEW_STEP_MS,
        };
        if !self.is_news(request.device, said, now) {
            return Ok(());
        }
        let device = request.device;
        ctx.transact(async move |tx: &mut TenantTx| {
            let count = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
            let oldest = (outstanding.unsent > 0).then(|| instant(ServerTime(now.0.saturating_sub(outstanding.oldest_age_ms.max(0)))));
            sqlx::query!(
                "insert into device_report (tenant_id, device_id, unsent, oldest_unsent_at, drafts, blobs, skew_ms, reported_at)
                values ($1, $2, $3, $4, $5, $6, $7, $8)
                on conflict on constraint device_report_pkey do update
                set unsent = $3, oldest_unsent_at = $4, drafts = $5, blobs = $6, skew_ms = $7, reported_at = $8",
                tx.tenant().0,
                device.0,
                count(outstanding.unsent),
                oldest,
                count(outstanding.drafts),
                count(outstanding.blobs),
                skew.0,
                instant(now),
            )
            .execute(tx.as_mut())
            .await?;
            Ok::<_, LedgerError>(())
        })
        .await
    }

    fn is_news(&self, device: DeviceId, said: Said, now: ServerTime) -> bool {
        let mut last = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if last.get(&device).is_some_and(|(before, at)| *before == said && now.0 - at.0 < REPEAT_AFTER_MS) {
            return false;
        }
        if last.len() >= MOST_REMEMBERED {
            last.clear();
        }
        last.insert(device, (said, now));
        true
    }
}
