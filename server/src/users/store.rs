//! All SQL of this feature.

use chrono::{DateTime, Utc};
use sync_core::ids::{TenantId, UserId};
use uuid::Uuid;

use super::error::UserError;
use super::view::{Locale, RoleView, UserView};
use crate::tenancy::{Role, TenantTx};

/// A user as stored, without the password's hash.
#[derive(Debug, Clone)]
pub(super) struct UserRow {
    pub user_id: Uuid,
    pub email: String,
    pub name: String,
    pub role: String,
    pub locale: String,
    pub version: i64,
    pub created_at: DateTime<Utc>,
    pub disabled_at: Option<DateTime<Utc>>,
}

impl From<UserRow> for UserView {
    fn from(row: UserRow) -> Self {
        Self {
            id: row.user_id,
            email: row.email,
            name: row.name,
            // The table's check constraint lets no other text in.
            role: RoleView(row.role.parse().unwrap_or(Role::Auditor)),
            locale: if row.locale == Locale::Chinese.as_str() { Locale::Chinese } else { Locale::English },
            created_at: row.created_at,
            disabled_at: row.disabled_at,
            version: row.version,
        }
    }
}

/// One user; locked for the rest of the transaction if it is to be changed.
pub(super) async fn user(tx: &mut TenantTx, user: UserId) -> Result<Option<UserRow>, sqlx::Error> {
    sqlx::query_as!(
        UserRow,
        "select user_id, email, name, role, locale, version, created_at, disabled_at
         from app_user
         where user_id = $1",
        user.0,
    )
    .fetch_optional(&mut **tx)
    .await
}

/// Locks every enabled administrator, in one order, so that two cannot each remove the other; then the user.
pub(super) async fn user_to_change(tx: &mut TenantTx, wanted: UserId) -> Result<(UserRow, bool), UserError> {
    let admins = sqlx::query_scalar!(
        "select user_id from app_user
         where role = 'admin' and disabled_at is null
         order by user_id
         for update",
    )
    .fetch_all(&mut **tx)
    .await?;
    let row = user(tx, wanted).await?.ok_or(UserError::NotFound)?;
    Ok((row, admins == [wanted.0]))
}

/// Users in the order in which they were made.
pub(super) async fn users(tx: &mut TenantTx, after: Option<Uuid>, rows: i64) -> Result<Vec<UserRow>, sqlx::Error> {
    sqlx::query_as!(
        UserRow,
        "select user_id, email, name, role, locale, version, created_at, disabled_at
         from app_user
         where $1::uuid is null or user_id > $1
         order by user_id
         limit $2",
        after,
        rows,
    )
    .fetch_all(&mut **tx)
    .await
}

pub(super) async fn insert(tx: &mut TenantTx, row: &UserRow, password_hash: &str) -> Result<(), UserError> {
    let TenantId(tenant) = tx.tenant();
    let inserted = sqlx::query!(
        "insert into app_user (tenant_id, user_id, email, name, password_hash, role, locale, version, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        tenant,
        row.user_id,
        row.email,
        row.name,
        password_hash,
        row.role,
        row.locale,
        row.version,
        row.created_at,
    )
    .execute(&mut **tx)
    .await;
    match inserted {
        Ok(_) => Ok(()),
        Err(error) if constraint(&error) == Some("app_user_email_key") => Err(UserError::EmailTaken),
        Err(error) => Err(error.into()),
    }
}

/// Writes what may change, as the next version.
pub(super) async fn update(tx: &mut TenantTx, row: &UserRow) -> Result<UserRow, sqlx::Error> {
    sqlx::query_as!(
        UserRow,
        "update app_user
         set name = $2, role = $3, locale = $4, disabled_at = $5, version = version + 1
         where user_id = $1
         returning user_id, email, name, role, locale, version, created_at, disabled_at",
        row.user_id,
        row.name,
        row.role,
        row.locale,
        row.disabled_at,
    )
    .fetch_one(&mut **tx)
    .await
}

pub(super) async fn password_hash(tx: &mut TenantTx, user: UserId) -> Result<String, sqlx::Error> {
    sqlx::query_scalar!("select password_hash from app_user where user_id = $1", user.0).fetch_one(&mut **tx).await
}

pub(super) async fn set_password_hash(tx: &mut TenantTx, user: UserId, hash: &str) -> Result<(), sqlx::Error> {
    sqlx::query!("update app_user set password_hash = $2, version = version + 1 where user_id = $1", user.0, hash)
        .execute(&mut **tx)
        .await
        .map(|_| ())
}

fn constraint(error: &sqlx::Error) -> Option<&str> {
    error.as_database_error()?.constraint()
}
