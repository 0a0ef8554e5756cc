//! What is still only on a phone, as the phone last said: the desk sees it too.

use std::collections::HashMap;
use std::sync::Mutex;

use sync_core::ids::DeviceId;
use sync_core::time::{ServerTime, Skew};
use sync_core::wire::{Outstanding, SyncRequest};

use super::report_store;
use crate::ledger::LedgerError;
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
    /// Writes down what is still on the device after so many of its entries were answered, unless that is what stands
    /// there: it goes by what the request says, which was written before.
    pub async fn note(
        &self,
        ctx: &TenantCtx,
        request: &SyncRequest,
        settled: u32,
        now: ServerTime,
    ) -> Result<(), LedgerError> {
        let skew = Skew::between(request.device_time, now);
        let unsent = request.outstanding.unsent.saturating_sub(settled);
        let outstanding = Outstanding { unsent, ..request.outstanding };
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
        ctx.transact(async move |tx: &mut TenantTx| report_store::put(tx, device, outstanding, skew, now).await).await
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
