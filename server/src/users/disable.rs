//! Somebody leaves, or comes back.

use chrono::{DateTime, Utc};
use sync_core::ids::UserId;
use sync_core::time::ServerTime;

use super::error::UserError;
use super::store::{self, UserRow};
use crate::ledger::outbox::{self, Event};
use crate::tenancy::TenantTx;

/// From the next request on this person is signed out everywhere. A phone may still hand over what it holds.
pub async fn disable(tx: &mut TenantTx, user: UserId, now: DateTime<Utc>) -> Result<UserRow, UserError> {
    let (mut row, is_last_admin) = store::user_to_change(tx, user).await?;
    if is_last_admin {
        return Err(UserError::LastAdmin);
    }
    if row.disabled_at.is_some() {
        return Ok(row);
    }
    row.disabled_at = Some(now);
    tell(tx, user, now).await?;
    Ok(store::update(tx, &row).await?)
}

/// The person can sign in again.
pub async fn enable(tx: &mut TenantTx, user: UserId, now: DateTime<Utc>) -> Result<UserRow, UserError> {
    let (mut row, _) = store::user_to_change(tx, user).await?;
    if row.disabled_at.is_none() {
        return Ok(row);
    }
    row.disabled_at = None;
    tell(tx, user, now).await?;
    Ok(store::update(tx, &row).await?)
}

/// Where an engineer leaves or comes back, his share of the work goes or comes with him, and whoever plans must know.
async fn tell(tx: &mut TenantTx, user: UserId, now: DateTime<Utc>) -> Result<(), UserError> {
    Ok(outbox::append(tx, &Event::engineer_changed(user), ServerTime(now.timestamp_millis())).await?)
}
