//! Takes in a batch of positions.

use chrono::{DateTime, Utc};
use sync_core::ids::{DeviceId, UserId};
use sync_core::time::{DeviceTime, ServerTime, Skew};

use super::error::LiveError;
use super::judge::{Fix, Reason, judge};
use super::store::{self, Judged};
use crate::tenancy::TenantTx;

/// The most fixes in one batch.
pub const MOST_FIXES: usize = 500;

/// Fixes as they came from one phone at one time.
#[derive(Debug, Clone)]
pub struct Batch {
    sent: DeviceTime,
    fixes: Vec<Fix>,
}

impl Batch {
    /// A batch of at most [`MOST_FIXES`], sent at a time of the phone's clock between 1970 and 2200.
    pub fn new(sent: DeviceTime, fixes: Vec<Fix>) -> Result<Self, LiveError> {
        const YEAR_2200_MS: i64 = 7_258_118_400_000;
        if fixes.len() > MOST_FIXES {
            return Err(LiveError::TooManyFixes { most: MOST_FIXES });
        }
        if !(0..YEAR_2200_MS).contains(&sent.0) {
            return Err(LiveError::AbsurdClock);
        }
        Ok(Self { sent, fixes })
    }
}

/// Stores the good fixes of a batch, moves the engineer on the map if the newest is newer than what was known, and says
/// of each fix what became of it.
///
/// The batches of one engineer happen one after the other, so that the stream shows an engineer's moves in the order of
/// their times.
pub async fn report(
    tx: &mut TenantTx,
    user: UserId,
    device: DeviceId,
    batch: Batch,
    received: DateTime<Utc>,
) -> Result<Vec<Result<(), Reason>>, LiveError> {
    let received_ms = ServerTime(received.timestamp_millis());
    let standing = store::standing(tx, user, device, received).await?.ok_or(LiveError::NotEnrolled)?;
    let skew = Skew::between(batch.sent, received_ms);
    let verdicts = judge(&batch.fixes, skew, received_ms, &standing);
    let judged = Judged { fixes: &batch.fixes, skew, verdicts: &verdicts };
    let stored = store::keep(tx, user, device, judged, received).await?;
    let verdict_on = |fix: &Fix, verdict: Result<ServerTime, Reason>| match verdict {
        Ok(_) if stored.contains(&fix.device_time) => Ok(()),
        Ok(_) => Err(Reason::Duplicate),
        Err(reason) => Err(reason),
    };
    Ok(batch.fixes.iter().zip(verdicts).map(|(fix, verdict)| verdict_on(fix, verdict)).collect())
}
