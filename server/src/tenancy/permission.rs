//! Who may do what: the one table of it on the server. Handlers ask `ctx.require(Permission::X)?`.
//!
//! What an engineer may write into a ticket is decided elsewhere, change by change, by the policy that phones carry too.

pub use sync_core::policy::Role;

/// Something a caller may or may not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// See who works here.
    ReadUsers,
    /// Create, change and disable users.
    ManageUsers,
    /// Bring one's own device in.
    EnrolDevice,
    /// See everyone's devices and what is still on them alone; one's own need no permission.
    ReadDevices,
    /// Revoke everyone's devices, and see what did not open on them; one's own need no permission.
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
    /// Read and search what is published of the knowledge base.
    ReadKnowledge,
    /// Write, publish and withdraw articles.
    WriteKnowledge,
    /// Work offline: push and pull.
    Sync,
    /// Take work from the pool.
    TakeWork,
    /// Watch the live board, positions included.
    WatchLive,
    /// Take a ticket out of the house with everything that proves it, in words that anybody can read.
    ExportEvidence,
}

impl Permission {
    pub fn is_granted_to(self, role: Role) -> bool {
        self.roles().contains(&role)
    }

    /// The table.
    pub fn roles(self) -> &'static [Role] {
        use Role::{Admin, Auditor, Dispatcher, Engineer, Warehouse};
        match self {
            Self::ReadUsers | Self::ReadDevices => &[Admin, Dispatcher, Auditor],
            Self::ManageUsers | Self::ManageDevices => &[Admin],
            Self::EnrolDevice | Self::Sync | Self::TakeWork => &[Engineer],
            Self::ReadTickets => &[Admin, Dispatcher, Auditor, Warehouse],
            Self::EditTickets | Self::Dispatch | Self::Import | Self::EditMasterData => &[Admin, Dispatcher],
            Self::WriteKnowledge => &[Admin, Dispatcher],
            Self::ReadMasterData | Self::ReadKnowledge => &[Admin, Dispatcher, Auditor, Warehouse, Engineer],
            Self::WatchLive => &[Admin, Dispatcher],
            Self::ExportEvidence => &[Admin, Auditor],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_auditor_and_a_customer_change_nothing() {
        use Permission::{Dispatch, EditMasterData, EditTickets, Import, ManageDevices, ManageUsers, WriteKnowledge};
        for permission in [WriteKnowledge, ManageUsers, ManageDevices, EditTickets, Dispatch, Import, EditMasterData] {
            assert!(
                !permission.is_granted_to(Role::Auditor) && !permission.is_granted_to(Role::Customer),
                "{permission:?}"
            );
        }
    }
}
