//! Sessions: one sign-in and every token refreshed from it.
//!
//! A refresh token is good once. Phones lose replies all day, so a used one is honoured again as long as nothing made
//! from it has been used; after that it can only be a copy, and the whole session ends.

use chrono::{DateTime, TimeDelta, Utc};
use sync_core::ids::{DeviceId, UserId};

use super::auth::Standing;
use super::context::SessionId;
use super::token::{Token, TokenKind};
use super::unit_of_work::TenantTx;
use crate::platform::random::Random;

/// How long an access token is good.
pub const ACCESS_LIFETIME: TimeDelta = TimeDelta::minutes(15);
/// How long a phone may stay away before its user must sign in again.
pub const REFRESH_LIFETIME: TimeDelta = TimeDelta::days(60);

/// What a sign-in or a refresh hands out.
#[derive(Clone)]
pub struct Tokens {
    pub access: Token,
    pub access_expires_at: DateTime<Utc>,
    pub refresh: Token,
    pub refresh_expires_at: DateTime<Utc>,
}

/// How a refresh ends. A replay is no error to the transaction: that it ended the session must be kept.
#[derive(Clone)]
pub enum Refreshed {
    Renewed(Tokens),
    /// Unknown, expired, or of a session that has ended.
    Refused,
    /// A copy was used. The session has been ended.
    Replayed {
        session: SessionId,
        user: UserId,
    },
}

/// Opens a session for this user.
pub async fn open(tx: &mut TenantTx, user: UserId, now: DateTime<Utc>, random: Random) -> Result<Tokens, sqlx::Error> {
    let session = SessionId(random.uuid(now));
    sqlx::query!(
        "insert into session (tenant_id, session_id, user_id, created_at) values ($1, $2, $3, $4)",
        tx.tenant().0,
        session.0,
        user.0,
        now,
    )
    .execute(&mut **tx)
    .await?;
    issue(tx, session, None, now, random).await
}

/// Trades a refresh token for the next pair.
pub async fn refresh(
    tx: &mut TenantTx,
    token: &Token,
    now: DateTime<Utc>,
    random: Random,
) -> Result<Refreshed, sqlx::Error> {
    let sha256 = token.sha256();
    // The session's row is locked: two refreshes of one session happen one after the other.
    let Some(found) = sqlx::query!(
        r#"select r.session_id, s.user_id, r.used_at, r.expires_at, s.ended_at,
                  least(u.disabled_at, d.revoked_at) as revoked_at,
                  exists (select from refresh_token child
                          where child.parent_sha256 = r.token_sha256 and child.used_at is not null)
                    as "has_used_child!",
                  exists (select from refresh_token sibling
                          where sibling.parent_sha256 = r.parent_sha256 and sibling.token_sha256 <> r.token_sha256
                            and sibling.used_at is not null)
                    as "has_used_sibling!"
           from refresh_token r
           join session s on s.session_id = r.session_id
           join app_user u on u.user_id = s.user_id
           left join device d on d.device_id = s.device_id
           where r.token_sha256 = $1
           for update of s"#,
        &sha256[..],
    )
    .fetch_optional(&mut **tx)
    .await?
    else {
        return Ok(Refreshed::Refused);
    };
    let (session, user) = (SessionId(found.session_id), UserId(found.user_id));
    if found.ended_at.is_some() || found.expires_at <= now || Standing::at(found.revoked_at, now).is_none() {
        return Ok(Refreshed::Refused);
    }
    if found.has_used_child || found.has_used_sibling {
        end(tx, session, EndReason::Replayed, now).await?;
        return Ok(Refreshed::Replayed { session, user });
    }
    if found.used_at.is_none() {
        sqlx::query!("update refresh_token set used_at = $2 where token_sha256 = $1", &sha256[..], now)
            .execute(&mut **tx)
            .await?;
    }
    issue(tx, session, Some(sha256), now, random).await.map(Refreshed::Renewed)
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndReason {
    SignedOut,
    Replayed,
    PasswordChanged,
}

impl EndReason {
    fn as_str(self) -> &'static str {
        match self {
            Self::SignedOut => "signed_out",
            Self::Replayed => "replayed",
            Self::PasswordChanged => "password_changed",
        }
    }
}

/// Ends a session; its tokens are good for nothing from the next request on.
pub async fn end(
    tx: &mut TenantTx,
    session: SessionId,
    reason: EndReason,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update session set ended_at = $2, end_reason = $3 where session_id = $1 and ended_at is null",
        session.0,
        now,
        reason.as_str(),
    )
    .execute(&mut **tx)
    .await
    .map(|_| ())
}

/// Ends every session of this user but one.
pub async fn end_others(
    tx: &mut TenantTx,
    user: UserId,
    but: Option<SessionId>,
    reason: EndReason,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update session set ended_at = $3, end_reason = $4
         where user_id = $1 and session_id is distinct from $2 and ended_at is null",
        user.0,
        but.map(|session| session.0),
        now,
        reason.as_str(),
    )
    .execute(&mut **tx)
    .await
    .map(|_| ())
}

/// From here on the session speaks for this device.
pub async fn bind_device(tx: &mut TenantTx, session: SessionId, device: DeviceId) -> Result<(), sqlx::Error> {
    sqlx::query!("update session set device_id = $2 where session_id = $1", session.0, device.0)
        .execute(&mut **tx)
        .await
        .map(|_| ())
}

/// Notes that a device was here, and with which version of the app. Written at most every five minutes, so that a phone
/// that asks often costs no flush each time.
pub async fn device_seen(
    tx: &mut TenantTx,
    device: DeviceId,
    app_version: &str,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update device set last_seen = $3, app_version = left($2, 40)
         where device_id = $1 and (last_seen < $3::timestamptz - interval '5 minutes' or app_version <> left($2, 40))",
        device.0,
        app_version,
        now,
    )
    .execute(&mut **tx)
    .await
    .map(|_| ())
}

async fn issue(
    tx: &mut TenantTx,
    session: SessionId,
    parent: Option<[u8; 32]>,
    now: DateTime<Utc>,
    random: Random,
) -> Result<Tokens, sqlx::Error> {
    let tenant = tx.tenant();
    let tokens = Tokens {
        access: Token::draw(TokenKind::Access, tenant, random),
        access_expires_at: now + ACCESS_LIFETIME,
        refresh: Token::draw(TokenKind::Refresh, tenant, random),
        refresh_expires_at: now + REFRESH_LIFETIME,
    };
    sqlx::query!(
        "insert into access_token (tenant_id, token_sha256, session_id, expires_at) values ($1, $2, $3, $4)",
        tenant.0,
        &tokens.access.sha256()[..],
        session.0,
        tokens.access_expires_at,
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        "insert into refresh_token (tenant_id, token_sha256, session_id, parent_sha256, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6)",
        tenant.0,
        &tokens.refresh.sha256()[..],
        session.0,
        parent.as_ref().map(|sha256| &sha256[..]),
        now,
        tokens.refresh_expires_at,
    )
    .execute(&mut **tx)
    .await?;
    Ok(tokens)
}
