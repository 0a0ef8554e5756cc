//! A session goes on.

use chrono::{DateTime, Utc};

use super::error::DeviceError;
use crate::platform::random::Random;
use crate::tenancy::session::{self, Refreshed, Tokens};
use crate::tenancy::token::Token;
use crate::tenancy::{SystemEntry, Tenancy, TenantTx};

/// Trades a refresh token for the next pair; see [`session`] for what a second use means.
pub async fn refresh(
    tenancy: &Tenancy,
    token: Token,
    now: DateTime<Utc>,
    random: Random,
) -> Result<Tokens, DeviceError> {
    let ctx = tenancy.system(token.tenant(), SystemEntry::SignIn);
    let refreshed = ctx
        .transact(async move |tx: &mut TenantTx| Ok::<_, DeviceError>(session::refresh(tx, &token, now, random).await?))
        .await?;
    match refreshed {
        Refreshed::Renewed(tokens) => Ok(tokens),
        Refreshed::Refused => Err(DeviceError::SignedOut),
        Refreshed::Replayed { session, user } => {
            tracing::warn!(session.id = %session.0, user.id = %user, "a refresh token was replayed, session ended");
            Err(DeviceError::Replayed)
        }
    }
}
