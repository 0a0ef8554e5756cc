//! A new password for oneself.

use chrono::{DateTime, Utc};
use sync_core::ids::UserId;

use super::error::UserError;
use super::store;
use crate::tenancy::password::{LENGTH, Passwords};
use crate::tenancy::session::{self, EndReason};
use crate::tenancy::{SessionId, TenantCtx, TenantTx};

/// A password of a length that is worth hashing.
pub fn parse(field: &'static str, password: String) -> Result<String, UserError> {
    if LENGTH.contains(&password.chars().count()) {
        Ok(password)
    } else {
        Err(UserError::Invalid { field, reason: "between 10 and 200 characters" })
    }
}

/// Changes the password and ends every other session. Hashing happens outside of any transaction.
pub async fn change_password(
    ctx: &TenantCtx,
    passwords: &Passwords,
    me: (UserId, Option<SessionId>),
    (current, new): (String, String),
    now: DateTime<Utc>,
) -> Result<(), UserError> {
    let (user, this_session) = me;
    let new = parse("new_password", new)?;
    let known =
        ctx.read(async move |tx: &mut TenantTx| Ok::<_, UserError>(store::password_hash(tx, user).await?)).await?;
    if !passwords.verify(current, Some(known)).await? {
        return Err(UserError::WrongPassword);
    }
    let hash = passwords.hash(new).await?;
    ctx.transact(async move |tx: &mut TenantTx| {
        store::set_password_hash(tx, user, &hash).await?;
        session::end_others(tx, user, this_session, EndReason::PasswordChanged, now).await?;
        Ok(())
    })
    .await
}
