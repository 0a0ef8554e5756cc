//! Somebody comes in.

use chrono::{DateTime, Utc};

use super::error::DeviceError;
use crate::platform::random::Random;
use crate::tenancy::email::Email;
use crate::tenancy::password::Passwords;
use crate::tenancy::session::{self, Tokens};
use crate::tenancy::{SystemEntry, Tenancy, TenantTx};

/// Who wants in, already checked.
pub struct SignIn {
    pub email: Email,
    pub password: String,
    pub tenant: Option<String>,
}

/// Opens a session. An unknown address takes as long as a wrong password and answers the same.
pub async fn sign_in(
    tenancy: &Tenancy,
    passwords: &Passwords,
    who: SignIn,
    now: DateTime<Utc>,
    random: Random,
) -> Result<Tokens, DeviceError> {
    let mut candidates = tenancy.sign_in_candidates(who.email.as_str(), who.tenant.as_deref()).await?;
    // With two, which one is meant can only be guessed; whoever knows both knows their tenants too.
    let account = candidates.pop().filter(|_| candidates.is_empty());
    let hash = account.as_ref().map(|account| account.password_hash.clone());
    let is_right = passwords.verify(who.password, hash).await?;
    let account = account.filter(|_| is_right).ok_or(DeviceError::WrongCredentials)?;
    let ctx = tenancy.system(account.tenant, SystemEntry::SignIn);
    let open = async move |tx: &mut TenantTx| session::open(tx, account.user, now, random).await;
    Ok(ctx.transact(open).await?)
}
