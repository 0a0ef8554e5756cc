//! Who may do what: the one table of it on the server. Handlers ask `ctx.require(Permission::X)?`.
//!
//! What an engineer may write into a ticket is decided elsewhere, change by change, by the policy that phones carry too.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a person is to the tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Admin,
    Dispatcher,
    Engineer,
    Warehouse,
    Customer,
    Auditor,
}

impl Role {
    pub const ALL: [Self; 6] =
        [Self::Admin, Self::Dispatcher, Self::Engineer, Self::Warehouse, Self::Customer, Self::Auditor];

    /// As it stands in the database and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Dispatcher => "dispatcher",
            Self::Engineer => "engineer",
            Self::Warehouse => "warehouse",
            Self::Customer => "customer",
            Self::Auditor => "auditor",
        }
    }

    pub fn may(self, permission: Permission) -> bool {
        permission.roles().contains(&self)
    }
}

/// Text that names no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no such role")]
pub struct NotARole;

impl FromStr for Role {
    type Err = NotARole;

    fn from_str(text: &str) -> Result<Self, NotARole> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(NotARole)
    }
}

/// Something a caller may or may not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// See who works here.
    ReadUsers,
    /// Create, change and disable users.
    ManageUsers,
    /// Bring one's own device in.
    EnrolDevice,
    /// See and revoke everyone's devices; one's own need no permission.
    ManageDevices,
    /// See tickets, visits and what belongs to them.
    ReadTickets,
    /// Create and edit tickets at the desk.
    EditTickets,
    /// Assign, reassign, and settle what was set aside or flagged.
    Dispatch,
    /// Import many at once.
    Import,
    /// See customers, sites, engineers and their skills.
    ReadMasterData,
    /// Change them.
    EditMasterData,
    /// Work offline: push and pull.
    Sync,
    /// Watch the live board, positions included.
    WatchLive,
}

impl Permission {
    /// The table.
    pub fn roles(self) -> &'static [Role] {
        use Role::{Admin, Auditor, Dispatcher, Engineer, Warehouse};
        match self {
            Self::ReadUsers => &[Admin, Dispatcher, Auditor],
            Self::ManageUsers | Self::ManageDevices => &[Admin],
            Self::EnrolDevice | Self::Sync => &[Engineer],
            Self::ReadTickets => &[Admin, Dispatcher, Auditor, Warehouse],
            Self::EditTickets | Self::Dispatch | Self::Import | Self::EditMasterData => &[Admin, Dispatcher],
            Self::ReadMasterData => &[Admin, Dispatcher, Auditor, Warehouse, Engineer],
            Self::WatchLive => &[Admin, Dispatcher],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back() {
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
            assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
        }
        assert_eq!("root".parse::<Role>(), Err(NotARole));
    }

    #[test]
    fn an_auditor_and_a_customer_change_nothing() {
        use Permission::{Dispatch, EditMasterData, EditTickets, Import, ManageDevices, ManageUsers};
        for permission in [ManageUsers, ManageDevices, EditTickets, Dispatch, Import, EditMasterData] {
            assert!(!Role::Auditor.may(permission) && !Role::Customer.may(permission), "{permission:?}");
        }
    }
}
