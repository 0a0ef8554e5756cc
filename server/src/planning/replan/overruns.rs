//! Appointments that take longer than planned: nobody says so, so the clock is asked.

use chrono::{DateTime, Utc};
use sync_core::time::ServerTime;

use super::store::{self, Overrun};
use crate::ledger::outbox::{self, Event};
use crate::planning::PlanningError;
use crate::tenancy::{TenantCtx, TenantTx};

/// Notes what takes longer and endangers what follows, and sends an event for each of which that is news. However often
/// and on however many servers this runs, one estimate is told once.
pub async fn notice_overruns(ctx: &TenantCtx, now: DateTime<Utc>) -> Result<usize, PlanningError> {
    let notice = async move |tx: &mut TenantTx| {
        let noticed = store::notice_overruns(tx, now).await?;
        let at = ServerTime(now.timestamp_millis());
        for Overrun { ticket, visit, engineer } in &noticed {
            outbox::append(tx, &Event::visit_overran(*ticket, *visit, *engineer), at).await?;
        }
        Ok::<_, PlanningError>(noticed.len())
    };
    ctx.transact(notice).await
}
