//! A new tenant and its first administrator: the one thing that nobody can be signed in for.

use chrono::{DateTime, Utc};
use sync_core::ids::{TenantId, UserId};

use super::context::SystemEntry;
use super::database::Tenancy;
use super::email::Email;
use super::permission::Role;
use super::unit_of_work::TenantTx;
use crate::platform::random::Random;

/// What is known of a tenant when it begins.
#[derive(Debug, Clone)]
pub struct NewTenant {
    pub name: String,
    /// The short name in addresses: lower-case letters, digits and dashes.
    pub slug: String,
    pub admin_email: Email,
    pub admin_name: String,
    /// Of the administrator's password.
    pub password_hash: String,
}

/// Why there is no such tenant now.
#[derive(Debug, thiserror::Error)]
pub enum NewTenantError {
    #[error("there is a tenant with the short name {0} already")]
    SlugTaken(String),
    #[error("{0:?} is not a short name: lower-case letters, digits and dashes, at most 63")]
    NotASlug(String),
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

/// Creates the tenant and its administrator, or neither.
pub async fn create_tenant(
    tenancy: &Tenancy,
    new: NewTenant,
    now: DateTime<Utc>,
    random: Random,
) -> Result<(TenantId, UserId), NewTenantError> {
    let (tenant, admin) = (TenantId(random.uuid(now)), UserId(random.uuid(now)));
    let ctx = tenancy.system(tenant, SystemEntry::CommandLine);
    ctx.transact(async move |tx: &mut TenantTx| {
        insert_tenant(tx, &new, now).await?;
        insert_admin(tx, admin, &new, now).await?;
        Ok((tenant, admin))
    })
    .await
}

async fn insert_tenant(tx: &mut TenantTx, new: &NewTenant, now: DateTime<Utc>) -> Result<(), NewTenantError> {
    let inserted = sqlx::query!(
        "insert into tenant (tenant_id, slug, name, created_at) values ($1, $2, $3, $4)",
        tx.tenant().0,
        new.slug,
        new.name,
        now,
    )
    .execute(&mut **tx)
    .await;
    let error = match inserted {
        Ok(_) => return Ok(()),
        Err(error) => error,
    };
    match error.as_database_error().and_then(|error| error.constraint()) {
        Some("tenant_slug_key") => Err(NewTenantError::SlugTaken(new.slug.clone())),
        Some("tenant_slug_check") => Err(NewTenantError::NotASlug(new.slug.clone())),
        _ => Err(error.into()),
    }
}

async fn insert_admin(
    tx: &mut TenantTx,
    admin: UserId,
    new: &NewTenant,
    now: DateTime<Utc>,
) -> Result<(), NewTenantError> {
    sqlx::query!(
        "insert into app_user (tenant_id, user_id, email, name, password_hash, role, locale, created_at)
         values ($1, $2, $3, $4, $5, $6, 'en', $7)",
        tx.tenant().0,
        admin.0,
        new.admin_email.as_str(),
        new.admin_name,
        new.password_hash,
        Role::Admin.as_str(),
        now,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
