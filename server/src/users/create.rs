//! A new person.

use chrono::{DateTime, Utc};
use sync_core::ids::UserId;

use super::error::UserError;
use super::store::{self, UserRow};
use super::view::Locale;
use crate::tenancy::email::Email;
use crate::tenancy::{Role, TenantTx};

/// What a user is made of, already checked.
#[derive(Debug, Clone)]
pub struct NewUser {
    pub email: Email,
    pub name: String,
    pub role: Role,
    pub locale: Locale,
    pub password_hash: String,
}

/// A name with something in it.
pub fn parse_name(text: &str) -> Result<String, UserError> {
    let name = text.trim();
    match name.chars().count() {
        1..=200 => Ok(name.to_owned()),
        _ => Err(UserError::Invalid { field: "name", reason: "between 1 and 200 characters" }),
    }
}

/// Adds a user, who can sign in at once.
pub async fn create(tx: &mut TenantTx, new: NewUser, id: UserId, now: DateTime<Utc>) -> Result<UserRow, UserError> {
    let row = UserRow {
        user_id: id.0,
        email: new.email.as_str().to_owned(),
        name: new.name,
        role: new.role.as_str().to_owned(),
        locale: new.locale.as_str().to_owned(),
        version: 1,
        created_at: now,
        disabled_at: None,
    };
    store::insert(tx, &row, &new.password_hash).await?;
    Ok(row)
}
