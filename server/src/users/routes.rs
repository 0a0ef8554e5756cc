//! HTTP of users.

use axum::extract::State;
use axum::http::StatusCode;
use sync_core::ids::UserId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::change::{self, UserChange};
use super::create::{self, NewUser};
use super::error::UserError;
use super::view::{ChangePasswordRequest, ChangeUserRequest, MeView, NewUserRequest, UserView};
use super::{disable, password, store};
use crate::platform::clock::Clock;
use crate::platform::etag::{IfMatch, Versioned};
use crate::platform::extract::{Json, Path, Query};
use crate::platform::page::{Page, PageQuery};
use crate::platform::problem::ApiResult;
use crate::platform::random::Random;
use crate::state::AppState;
use crate::tenancy::email::Email;
use crate::tenancy::password::Passwords;
use crate::tenancy::{Permission, TenantCtx, TenantTx};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(get_me))
        .routes(routes!(change_my_password))
        .routes(routes!(list_users, create_user))
        .routes(routes!(get_user, change_user))
        .routes(routes!(disable_user))
        .routes(routes!(enable_user))
}

/// Who is signed in.
#[utoipa::path(get, path = "/me", tag = "users", responses((status = OK, body = MeView)))]
async fn get_me(ctx: TenantCtx) -> ApiResult<Json<MeView>> {
    let user = ctx.signed_in()?;
    let row = ctx.read(async move |tx: &mut TenantTx| store::user(tx, user).await?.ok_or(UserError::NotFound)).await?;
    Ok(Json(MeView { user: row.into(), tenant: ctx.tenant().0, device: ctx.device().map(|device| device.0) }))
}

/// Change one's own password. Every other session of this person ends.
#[utoipa::path(post, path = "/me/password", tag = "users", request_body = ChangePasswordRequest,
    responses((status = NO_CONTENT)))]
async fn change_my_password(
    ctx: TenantCtx,
    State(passwords): State<Passwords>,
    State(clock): State<Clock>,
    Json(req): Json<ChangePasswordRequest>,
) -> ApiResult<StatusCode> {
    let me = (ctx.signed_in()?, ctx.session());
    let words = (req.current_password, req.new_password);
    password::change_password(&ctx, &passwords, me, words, clock.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The users of the tenant, in the order in which they were made.
#[utoipa::path(get, path = "/users", tag = "users", params(PageQuery), responses((status = OK, body = Page<UserView>)))]
async fn list_users(ctx: TenantCtx, Query(query): Query<PageQuery>) -> ApiResult<Json<Page<UserView>>> {
    ctx.require(Permission::ReadUsers)?;
    let (after, rows) = (query.after()?, query.rows());
    let rows =
        ctx.read(async move |tx: &mut TenantTx| Ok::<_, UserError>(store::users(tx, after, rows).await?)).await?;
    Ok(Json(Page::of(rows, &query, |row| row.user_id, UserView::from)))
}

/// Add a user.
#[utoipa::path(post, path = "/users", tag = "users", request_body = NewUserRequest,
    responses((status = CREATED, body = UserView)))]
async fn create_user(
    ctx: TenantCtx,
    State(passwords): State<Passwords>,
    State(clock): State<Clock>,
    State(random): State<Random>,
    Json(req): Json<NewUserRequest>,
) -> ApiResult<(StatusCode, Versioned<UserView>)> {
    ctx.require(Permission::ManageUsers)?;
    let email = Email::parse(&req.email)
        .map_err(|_| UserError::Invalid { field: "email", reason: "this is not an e-mail address" })?;
    let name = create::parse_name(&req.name)?;
    let password = password::parse("password", req.password)?;
    let password_hash = passwords.hash(password).await.map_err(UserError::from)?;
    let new = NewUser { email, name, role: req.role.0, locale: req.locale.unwrap_or_default(), password_hash };
    let now = clock.now();
    let id = UserId(random.uuid(now));
    let row = ctx.transact(async move |tx: &mut TenantTx| create::create(tx, new, id, now).await).await?;
    Ok((StatusCode::CREATED, Versioned { version: row.version, body: row.into() }))
}

/// One user.
#[utoipa::path(get, path = "/users/{user_id}", tag = "users", params(("user_id" = Uuid, Path)),
    responses((status = OK, body = UserView)))]
async fn get_user(ctx: TenantCtx, Path(user): Path<Uuid>) -> ApiResult<Versioned<UserView>> {
    ctx.require(Permission::ReadUsers)?;
    let row = ctx
        .read(async move |tx: &mut TenantTx| store::user(tx, UserId(user)).await?.ok_or(UserError::NotFound))
        .await?;
    Ok(Versioned { version: row.version, body: row.into() })
}

/// Change a user's name, role or language.
#[utoipa::path(patch, path = "/users/{user_id}", tag = "users",
    params(("user_id" = Uuid, Path), ("If-Match" = String, Header, description = "the `ETag` that was seen")),
    request_body = ChangeUserRequest, responses((status = OK, body = UserView)))]
async fn change_user(
    ctx: TenantCtx,
    Path(user): Path<Uuid>,
    seen: IfMatch,
    Json(req): Json<ChangeUserRequest>,
) -> ApiResult<Versioned<UserView>> {
    ctx.require(Permission::ManageUsers)?;
    let name = req.name.as_deref().map(create::parse_name).transpose()?;
    let to = UserChange { name, role: req.role.map(|role| role.0), locale: req.locale };
    let row = ctx.transact(async move |tx: &mut TenantTx| change::change(tx, UserId(user), seen, to).await).await?;
    Ok(Versioned { version: row.version, body: row.into() })
}

/// Sign a user out everywhere and keep them out.
#[utoipa::path(post, path = "/users/{user_id}/disable", tag = "users", params(("user_id" = Uuid, Path)),
    responses((status = OK, body = UserView)))]
async fn disable_user(
    ctx: TenantCtx,
    Path(user): Path<Uuid>,
    State(clock): State<Clock>,
) -> ApiResult<Versioned<UserView>> {
    ctx.require(Permission::ManageUsers)?;
    let now = clock.now();
    let row = ctx.transact(async move |tx: &mut TenantTx| disable::disable(tx, UserId(user), now).await).await?;
    Ok(Versioned { version: row.version, body: row.into() })
}

/// Let a disabled user in again.
#[utoipa::path(post, path = "/users/{user_id}/enable", tag = "users", params(("user_id" = Uuid, Path)),
    responses((status = OK, body = UserView)))]
async fn enable_user(
    ctx: TenantCtx,
    Path(user): Path<Uuid>,
    State(clock): State<Clock>,
) -> ApiResult<Versioned<UserView>> {
    ctx.require(Permission::ManageUsers)?;
    let now = clock.now();
    let row = ctx.transact(async move |tx: &mut TenantTx| disable::enable(tx, UserId(user), now).await).await?;
    Ok(Versioned { version: row.version, body: row.into() })
}
