//! HTTP of sessions and devices.

use axum::extract::State;
use axum::http::StatusCode;
use axum::middleware::from_fn;
use axum::response::Response;
use sync_core::ids::{DeviceId, ServerEpoch, TicketId, UserId};
use sync_core::wire::{DeviceKey, DeviceSignature, ServerSigner};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::enrol::{self, Enrolment};
use super::error::DeviceError;
use super::list::{self, Wanted};
use super::sign_in::{self, SignIn};
use super::view::{
    ChallengeView, DeviceFilter, DeviceView, EnrolRequest, EnrolledView, RefreshRequest, SignInRequest, TokensView,
};
use super::{challenge, refresh, revoke, sign_out, store};
use crate::platform::clock::Clock;
use crate::platform::download::download;
use crate::platform::extract::{Json, Path, Query};
use crate::platform::hex;
use crate::platform::limits;
use crate::platform::page::{Page, PageQuery};
use crate::platform::problem::{ApiResult, Problem, ProblemView};
use crate::platform::random::Random;
use crate::state::AppState;
use crate::tenancy::email::Email;
use crate::tenancy::password::Passwords;
use crate::tenancy::token::{Token, TokenKind};
use crate::tenancy::{Permission, Tenancy, TenantCtx, TenantTx};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(sign_in))
        .routes(routes!(refresh_session))
        // Only of these two: everybody else shows a token before anything of the body is read.
        .layer(from_fn(limits::small_body))
        .routes(routes!(sign_out))
        .routes(routes!(challenge_device))
        .routes(routes!(list_devices, enrol_device))
        .routes(routes!(revoke_device))
        .routes(routes!(get_unreadable))
}

/// Sign in with address and password.
#[utoipa::path(post, path = "/auth/sign-in", tag = "sessions", security(()), request_body = SignInRequest,
    responses((status = OK, body = TokensView)))]
async fn sign_in(
    State(tenancy): State<Tenancy>,
    State(passwords): State<Passwords>,
    State(clock): State<Clock>,
    State(random): State<Random>,
    Json(req): Json<SignInRequest>,
) -> ApiResult<Json<TokensView>> {
    let email = Email::parse(&req.email)
        .map_err(|_| DeviceError::Invalid { field: "email", reason: "this is not an e-mail address" })?;
    let who = SignIn { email, password: req.password, tenant: req.tenant };
    let tokens = sign_in::sign_in(&tenancy, &passwords, who, clock.now(), random).await?;
    Ok(Json(tokens.into()))
}

/// Trade a refresh token for the next pair.
#[utoipa::path(post, path = "/auth/refresh", tag = "sessions", security(()), request_body = RefreshRequest,
    responses((status = OK, body = TokensView)))]
async fn refresh_session(
    State(tenancy): State<Tenancy>,
    State(clock): State<Clock>,
    State(random): State<Random>,
    Json(req): Json<RefreshRequest>,
) -> ApiResult<Json<TokensView>> {
    let token = Token::parse(TokenKind::Refresh, &req.refresh_token).ok_or(DeviceError::SignedOut)?;
    Ok(Json(refresh::refresh(&tenancy, token, clock.now(), random).await?.into()))
}

/// End this session.
#[utoipa::path(post, path = "/auth/sign-out", tag = "sessions", responses((status = NO_CONTENT)))]
async fn sign_out(ctx: TenantCtx, State(clock): State<Clock>) -> ApiResult<StatusCode> {
    let session = ctx.session().ok_or_else(Problem::forbidden)?;
    let now = clock.now();
    ctx.transact(async move |tx: &mut TenantTx| sign_out::sign_out(tx, session, now).await).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ask for the challenge that an enrolling device must sign.
#[utoipa::path(post, path = "/devices/challenge", tag = "devices", responses((status = CREATED, body = ChallengeView)))]
async fn challenge_device(
    ctx: TenantCtx,
    State(clock): State<Clock>,
    State(random): State<Random>,
) -> ApiResult<(StatusCode, Json<ChallengeView>)> {
    ctx.require(Permission::EnrolDevice)?;
    let (user, nonce, now) = (ctx.signed_in()?, random.bytes(), clock.now());
    let expires_at =
        ctx.transact(async move |tx: &mut TenantTx| challenge::challenge(tx, user, nonce, now).await).await?;
    Ok((StatusCode::CREATED, Json(ChallengeView { challenge: hex::encode(&nonce), expires_at })))
}

/// Enrol a device: its public key, and the proof that it holds the private one.
#[utoipa::path(post, path = "/devices", tag = "devices", request_body = EnrolRequest,
    responses((status = CREATED, body = EnrolledView)))]
async fn enrol_device(
    ctx: TenantCtx,
    State(signer): State<ServerSigner>,
    State(epoch): State<ServerEpoch>,
    State(clock): State<Clock>,
    State(random): State<Random>,
    Json(req): Json<EnrolRequest>,
) -> ApiResult<(StatusCode, Json<EnrolledView>)> {
    ctx.require(Permission::EnrolDevice)?;
    let who = (ctx.signed_in()?, ctx.session().ok_or_else(Problem::forbidden)?);
    let new = read_enrolment(req)?;
    let now = clock.now();
    let fresh = DeviceId(random.uuid(now));
    let device = ctx.transact(async move |tx: &mut TenantTx| enrol::enrol(tx, who, new, fresh, now).await).await?;
    let server_public_key = hex::encode(&signer.public_key().to_bytes());
    Ok((StatusCode::CREATED, Json(EnrolledView { device: device.into(), server_epoch: epoch.0, server_public_key })))
}

fn read_enrolment(req: EnrolRequest) -> Result<Enrolment, DeviceError> {
    let invalid = |field, reason| DeviceError::Invalid { field, reason };
    let bytes = |text: &str| hex::decode(text).unwrap_or_default();
    let challenge = hex::decode_exactly(&req.challenge).ok_or(invalid("challenge", "not 32 bytes in hexadecimal"))?;
    let key = DeviceKey::from_sec1(&bytes(&req.public_key)).map_err(|_| invalid("public_key", "not a P-256 point"))?;
    let signature = DeviceSignature::from_platform(&bytes(&req.signature))
        .map_err(|_| invalid("signature", "not an ECDSA signature"))?;
    let app_version = short_text(&req.app_version, 40).ok_or(invalid("app_version", "between 1 and 40 characters"))?;
    let name = short_text(&req.name, 100).ok_or(invalid("name", "between 1 and 100 characters"))?;
    Ok(Enrolment { challenge, key, signature, platform: req.platform, app_version, name })
}

fn short_text(text: &str, longest: usize) -> Option<String> {
    let text = text.trim();
    (1..=longest).contains(&text.chars().count()).then(|| text.to_owned())
}

/// The devices and what is still on each alone: everyone's for the desk, one's own for others.
#[utoipa::path(get, path = "/devices", tag = "devices", params(DeviceFilter),
    responses((status = OK, body = Page<DeviceView>)))]
async fn list_devices(ctx: TenantCtx, Query(filter): Query<DeviceFilter>) -> ApiResult<Json<Page<DeviceView>>> {
    let own = ctx.signed_in()?.0;
    let of_user = if ctx.may(Permission::ReadDevices) { filter.user } else { Some(own) };
    let page = PageQuery { cursor: filter.cursor, limit: filter.limit };
    let wanted = Wanted { of_user, holds_work: filter.holds_work, after: page.after()?, rows: page.rows() };
    let devices = ctx.read(async move |tx: &mut TenantTx| list::list(tx, wanted).await).await?;
    Ok(Json(Page::of(devices, &page, |device| device.id, |device| device)))
}

/// Revoke a device, from its next request on.
#[utoipa::path(post, path = "/devices/{device_id}/revoke", tag = "devices", params(("device_id" = Uuid, Path)),
    responses((status = OK, body = DeviceView)))]
async fn revoke_device(
    ctx: TenantCtx,
    Path(device): Path<Uuid>,
    State(clock): State<Clock>,
) -> ApiResult<Json<DeviceView>> {
    let own: UserId = ctx.signed_in()?;
    let only_of = if ctx.may(Permission::ManageDevices) { None } else { Some(own) };
    let now = clock.now();
    let revoke = async move |tx: &mut TenantTx| revoke::revoke(tx, DeviceId(device), only_of, now).await;
    Ok(Json(ctx.transact(revoke).await?))
}

/// What came to a device for a ticket and did not open there, as far as the device sent it: up to 64 KiB.
#[utoipa::path(get, path = "/devices/{device_id}/unreadable/{ticket_id}", tag = "devices",
    params(("device_id" = Uuid, Path), ("ticket_id" = Uuid, Path)),
    responses((status = OK, body = Vec<u8>, content_type = "application/octet-stream"),
        (status = "4XX", body = ProblemView)))]
async fn get_unreadable(ctx: TenantCtx, Path((device, ticket)): Path<(Uuid, Uuid)>) -> ApiResult<Response> {
    ctx.require(Permission::ManageDevices)?;
    let (device, ticket) = (DeviceId(device), TicketId(ticket));
    let read = async move |tx: &mut TenantTx| Ok::<_, DeviceError>(store::sample(tx, device, ticket).await?);
    let sample = ctx.read(read).await?.ok_or(DeviceError::NotFound)?;
    Ok(download(sample))
}
