//! A POST with an `Idempotency-Key` is carried out once, however often it is sent.
//!
//! The key is claimed before the work and the answer kept after it; that the work was done is noted by the very
//! transaction that does it. So after a crash between the two it is known which of three things happened: nothing (the
//! request may be sent again and is carried out), everything (the answer is repeated), or the work was done and only its
//! answer is lost (said in so many words, never done twice).

use std::future::Future;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRef, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};
use sync_core::ids::UserId;
use sync_core::wire::ServerSigner;
use tracing::Instrument;

use super::auth::SyncCtx;
use super::context::TenantCtx;
use super::database::Tenancy;
use super::unit_of_work::TenantTx;
use crate::platform::clock::Clock;
use crate::platform::extract::body_problem;
use crate::platform::limits::LARGEST_BODY;
use crate::platform::problem::{ApiResult, Problem};

const HEADER: &str = "idempotency-key";
const REPLAYED: &str = "idempotent-replayed";

/// A claim that has not been noted as carried out for this long belongs to a request that no longer runs.
const LONGEST_CLAIM: TimeDelta = TimeDelta::seconds(60);

/// Paths whose answers hold tokens, or that are idempotent by themselves: their answers are never kept.
const EXEMPT: [&str; 3] = ["/auth/", "/sync", "/imports"];

/// The claim a request's unit of work confirms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claim {
    pub user: UserId,
    pub key: String,
    pub claimed_at: DateTime<Utc>,
}

/// The layer.
pub async fn once<S>(State(state): State<S>, request: Request, next: Next) -> Response
where
    S: Send + Sync + Clone + 'static,
    Tenancy: FromRef<S>,
    Clock: FromRef<S>,
    ServerSigner: FromRef<S>,
{
    let path = request.uri().path();
    let path = path.strip_prefix("/api/v1").unwrap_or(path);
    let is_exempt = EXEMPT.iter().any(|exempt| path.starts_with(exempt));
    if request.method() != Method::POST || is_exempt || !request.headers().contains_key(HEADER) {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    let caller = match SyncCtx::from_request_parts(&mut parts, &state).await {
        Ok(caller) => caller,
        Err(problem) => return problem.into_response(),
    };
    let (clock, signer) = (Clock::from_ref(&state), ServerSigner::from_ref(&state));
    carry_out(parts, body, caller, (clock.now(), signer), next).await.unwrap_or_else(IntoResponse::into_response)
}

async fn carry_out(
    mut parts: Parts,
    body: Body,
    caller: SyncCtx,
    (now, signer): (DateTime<Utc>, ServerSigner),
    next: Next,
) -> ApiResult<Response> {
    let key = parts.headers.get(HEADER).and_then(|key| key.to_str().ok()).unwrap_or_default().to_owned();
    if key.is_empty() || key.len() > 200 {
        return Err(Problem::invalid("Idempotency-Key", "between 1 and 200 visible ASCII characters"));
    }
    let claim = Claim { user: caller.ctx.signed_in()?, key, claimed_at: now };
    let body = to_bytes(body, LARGEST_BODY).await.map_err(|_| body_problem(StatusCode::PAYLOAD_TOO_LARGE))?;
    let fingerprint = fingerprint(&parts, &body, &signer);
    if let Some(answer) = stake(&caller.ctx, claim.clone(), fingerprint).await? {
        return Ok(answer);
    }
    let ctx = caller.ctx.claiming(claim.clone());
    parts.extensions.insert(SyncCtx { ctx: ctx.clone(), standing: caller.standing });
    let answer = next.run(Request::from_parts(parts, Body::from(body)));
    detached(async move { keep(&ctx, claim, answer.await).await }).await
}

/// Runs to its end even if the client hangs up: the answer must be kept, or the claim given back.
async fn detached(work: impl Future<Output = ApiResult<Response>> + Send + 'static) -> ApiResult<Response> {
    match tokio::spawn(work.in_current_span()).await {
        Ok(answer) => answer,
        Err(ended) => match ended.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(Problem::unavailable(1)),
        },
    }
}

/// Tells two requests apart. A body may hold a password, so the digest is keyed: who reads the table can try none out.
fn fingerprint(parts: &Parts, body: &Bytes, signer: &ServerSigner) -> [u8; 32] {
    let mut hash = Sha256::new();
    let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
    hash.update(u64::try_from(target.len()).unwrap_or(u64::MAX).to_be_bytes());
    hash.update(target);
    hash.update(body);
    Sha256::digest(signer.sign(&hash.finalize())).into()
}

/// Claims the key. If it is claimed already: the kept answer, or why there is none.
async fn stake(ctx: &TenantCtx, claim: Claim, fingerprint: [u8; 32]) -> ApiResult<Option<Response>> {
    let now = claim.claimed_at;
    let known = ctx
        .transact(async move |tx: &mut TenantTx| {
            let staked = sqlx::query!(
                "insert into idempotency_key as known (tenant_id, user_id, key, fingerprint, claimed_at)
                 values ($1, $2, $3, $4, $5)
                 on conflict (tenant_id, user_id, key) do update set claimed_at = excluded.claimed_at
                   where not known.carried_out and known.status is null
                     and known.fingerprint = excluded.fingerprint and known.claimed_at < $6",
                tx.tenant().0,
                claim.user.0,
                claim.key,
                &fingerprint[..],
                now,
                now - LONGEST_CLAIM,
            )
            .execute(&mut **tx)
            .await?;
            if staked.rows_affected() == 1 {
                return Ok::<_, Problem>(None);
            }
            let known = sqlx::query!(
                "select fingerprint, carried_out, claimed_at, status, content_type, body
                 from idempotency_key
                 where user_id = $1 and key = $2",
                claim.user.0,
                claim.key,
            )
            .fetch_one(&mut **tx)
            .await?;
            Ok(Some(known))
        })
        .await?;
    let Some(known) = known else { return Ok(None) };
    if known.fingerprint != fingerprint {
        return Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "idempotency-key-reused",
            "This Idempotency-Key was used with another request",
        ));
    }
    match (known.status, known.body) {
        (Some(status), Some(body)) => Ok(Some(repeat(status, known.content_type, body))),
        _ if known.carried_out && known.claimed_at < now - LONGEST_CLAIM => Err(Problem::new(
            StatusCode::CONFLICT,
            "outcome-lost",
            "The request was carried out, but its answer was lost; read what it made",
        )),
        _ => {
            Err(Problem::new(StatusCode::CONFLICT, "in-progress", "The same request is being carried out")
                .retry_after(1))
        }
    }
}

fn repeat(status: i16, content_type: Option<String>, body: Vec<u8>) -> Response {
    let status = u16::try_from(status).ok().and_then(|status| StatusCode::from_u16(status).ok());
    let mut response = (status.unwrap_or(StatusCode::OK), body).into_response();
    response.headers_mut().remove(header::CONTENT_TYPE);
    if let Some(content_type) = content_type.and_then(|text| HeaderValue::from_str(&text).ok()) {
        response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    }
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

/// Keeps the answer of a request that did something; gives the claim of one that did nothing back.
async fn keep(ctx: &TenantCtx, claim: Claim, answer: Response) -> ApiResult<Response> {
    let (parts, body) = answer.into_parts();
    let body = to_bytes(body, usize::MAX).await.map_err(Problem::internal)?;
    let is_success = parts.status.is_success();
    let status = i16::try_from(parts.status.as_u16()).unwrap_or(i16::MAX);
    let content_type =
        parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(ToOwned::to_owned);
    let kept = body.to_vec();
    ctx.unclaimed()
        .transact(async move |tx: &mut TenantTx| {
            sqlx::query!(
                "update idempotency_key set status = $3, content_type = $4, body = $5
                 where user_id = $1 and key = $2 and (carried_out or $6)",
                claim.user.0,
                claim.key,
                status,
                content_type,
                kept,
                is_success,
            )
            .execute(&mut **tx)
            .await?;
            sqlx::query!(
                "delete from idempotency_key where user_id = $1 and key = $2 and status is null",
                claim.user.0,
                claim.key,
            )
            .execute(&mut **tx)
            .await?;
            Ok::<_, Problem>(())
        })
        .await?;
    Ok(Response::from_parts(parts, Body::from(body)))
}

/// Notes, inside the unit of work itself, that the claimed work is done. Fails, and the work with it, if the claim has
/// passed to another request meanwhile.
pub(super) async fn confirm(tx: &mut TenantTx, claim: &Claim) -> Result<(), sqlx::Error> {
    let confirmed = sqlx::query!(
        "update idempotency_key set carried_out = true where user_id = $1 and key = $2 and claimed_at = $3",
        claim.user.0,
        claim.key,
        claim.claimed_at,
    )
    .execute(&mut **tx)
    .await?;
    if confirmed.rows_affected() == 1 { Ok(()) } else { Err(sqlx::Error::RowNotFound) }
}
