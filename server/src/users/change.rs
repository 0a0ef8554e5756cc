//! Another name, role or language.

use sync_core::ids::UserId;

use super::error::UserError;
use super::store::{self, UserRow};
use super::view::Locale;
use crate::platform::etag::IfMatch;
use crate::tenancy::{Role, TenantTx};

/// What to change, already checked; none stays as it is.
#[derive(Debug, Clone, Default)]
pub struct UserChange {
    pub name: Option<String>,
    pub role: Option<Role>,
    pub locale: Option<Locale>,
}

/// Changes a user. A new role counts from that person's next request on.
pub async fn change(tx: &mut TenantTx, user: UserId, seen: IfMatch, to: UserChange) -> Result<UserRow, UserError> {
    let (mut row, is_last_admin) = store::user_to_change(tx, user).await?;
    if row.version != seen.0 {
        return Err(UserError::Stale);
    }
    if is_last_admin && to.role.is_some_and(|role| role != Role::Admin) {
        return Err(UserError::LastAdmin);
    }
    row.name = to.name.unwrap_or(row.name);
    row.role = to.role.map_or(row.role, |role| role.as_str().to_owned());
    row.locale = to.locale.map_or(row.locale, |locale| locale.as_str().to_owned());
    Ok(store::update(tx, &row).await?)
}
