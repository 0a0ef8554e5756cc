//! From a bearer token to a context. The only way for a request to get one.
//!
//! The database is asked at every request (`lookup.rs`), so that signing out, revoking a device, disabling a user and
//! changing a role take effect at the next one.

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use chrono::{DateTime, TimeDelta, Utc};
use sync_core::ids::{DeviceId, UserId};

use super::context::{Caller, SessionId, TenantCtx};
use super::database::Tenancy;
use super::token::{Token, TokenKind};
use crate::platform::clock::Clock;
use crate::platform::problem::{ApiResult, Problem};

/// How long the phone of a revoked user or device may still hand over what it holds. All of it is set aside for a
/// dispatcher, and nothing is given out any more.
pub const PUSH_ONLY: TimeDelta = TimeDelta::days(7);

/// A caller who may no longer be in good standing: for sync alone, which takes in a revoked phone's work but answers it
/// nothing. Every other handler asks for a [`TenantCtx`] and never sees such a caller.
#[derive(Debug, Clone)]
pub struct SyncCtx {
    pub ctx: TenantCtx,
    pub standing: Standing,
}

/// Whether a caller still belongs here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Active,
    /// Disabled or revoked at this time, less than [`PUSH_ONLY`] ago.
    Revoked(DateTime<Utc>),
}

impl Standing {
    /// None when a revocation is too long ago to be here at all.
    pub fn at(revoked_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Option<Self> {
        match revoked_at {
            None => Some(Self::Active),
            Some(at) if now < at + PUSH_ONLY => Some(Self::Revoked(at)),
            Some(_) => None,
        }
    }
}

impl<S> FromRequestParts<S> for TenantCtx
where
    S: Send + Sync,
    Tenancy: FromRef<S>,
    Clock: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> ApiResult<Self> {
        let SyncCtx { ctx, standing } = SyncCtx::from_request_parts(parts, state).await?;
        match standing {
            Standing::Active => Ok(ctx),
            Standing::Revoked(_) => Err(revoked()),
        }
    }
}

impl<S> FromRequestParts<S> for SyncCtx
where
    S: Send + Sync,
    Tenancy: FromRef<S>,
    Clock: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> ApiResult<Self> {
        // A layer that ran before may have asked already.
        if let Some(known) = parts.extensions.get::<Self>() {
            return Ok(known.clone());
        }
        let token = bearer(parts).ok_or_else(signed_out)?;
        let caller = authenticate(&Tenancy::from_ref(state), &token, Clock::from_ref(state).now()).await?;
        parts.extensions.insert(caller.clone());
        Ok(caller)
    }
}

fn bearer(parts: &Parts) -> Option<Token> {
    let text = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = text.split_once(' ')?;
    Token::parse(TokenKind::Access, token).filter(|_| scheme.eq_ignore_ascii_case("bearer"))
}

async fn authenticate(tenancy: &Tenancy, token: &Token, now: DateTime<Utc>) -> ApiResult<SyncCtx> {
    let found = tenancy.lookup().find(token, now).await?.ok_or_else(signed_out)?;
    let standing = Standing::at(found.revoked_at, now).ok_or_else(signed_out)?;
    let caller = Caller::Session {
        session: SessionId(found.session_id),
        user: UserId(found.user_id),
        device: found.device_id.map(DeviceId),
        role: found.role.parse().map_err(Problem::internal)?,
    };
    Ok(SyncCtx { ctx: TenantCtx::new(tenancy.clone(), token.tenant(), caller), standing })
}

/// No token, an unknown one, one that has expired: one answer for all.
pub fn signed_out() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "signed-out", "Sign in, or refresh the access token")
}

fn revoked() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "revoked", "This user or device is no longer admitted")
}
