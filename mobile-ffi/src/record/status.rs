//! Where the phone stands with the server.

use sync_core::replica::{self, Arrived, Replica};
use sync_core::store::StoreError;
use sync_core::time::DeviceTime;
use sync_core::wire;

use crate::driver::PhoneStore;
use crate::record::day::count;
use crate::record::store::DiskSpace;

/// To be visible always: "synced" is only said when the server has said so.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct PhoneStatus {
    /// The server has everything, and this phone everything of the server up to its last answer.
    pub is_synced: bool,
    /// Entries that the server has not acknowledged.
    pub unsent: u32,
    /// When the oldest of them was made.
    pub oldest_unsent_device_ms: Option<i64>,
    /// Refused work that the user has not settled.
    pub drafts: u32,
    /// Files that the server does not have yet.
    pub awaited_blobs: u32,
    /// Packages of colleagues' work that this phone carries to the server.
    pub carried: u32,
    /// When the server last answered.
    pub last_answer_ms: Option<i64>,
    /// How far the device's clock runs ahead of the server's.
    pub clock_ahead_ms: i64,
    /// It is so far off that the user should be told.
    pub is_clock_off: bool,
    pub standing: Standing,
    /// The server sends nothing more to so old an app; what is unsent can still be pushed.
    pub must_update: bool,
    /// Tickets that do not open here, although the server has sent them.
    pub unreadable: u32,
    /// Entries of this phone's own that its storage has spoilt: tell the user, and report it.
    pub set_aside: u32,
    pub disk_space: DiskSpace,
    /// Why nothing moves, if nothing does.
    pub trouble: Option<Trouble>,
}

/// Whether the device may still take part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Standing {
    Active,
    /// Revoked: what is unsent can still be pushed, nothing more comes.
    PushOnly,
    /// Everything is to be let go once nothing is unsent.
    Wipe,
}

/// Why the last exchange with the server did not succeed, or did not carry everything.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum Trouble {
    Offline,
    /// A login page of the network, or another server, answers in our server's place.
    NotOurServer,
    Server {
        status: u16,
    },
    SignIn,
    /// The device's key does not sign: perhaps the device is locked.
    KeyUnavailable {
        detail: String,
    },
    /// The server does not take what is sent as it is: report it.
    BatchRefused {
        code: String,
    },
    /// The device is full.
    Full,
    /// The database fails: report it.
    Store {
        detail: String,
    },
}

/// What a call to `sync` has brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, uniffi::Record)]
pub struct SyncReport {
    /// Entries that the server has now.
    pub acknowledged: u32,
    /// Entries that were refused and have become drafts.
    pub refused: u32,
    /// Tickets that look different, some perhaps counted twice.
    pub changed: u32,
    /// Tickets that have left this phone.
    pub left: u32,
    /// Packages of colleagues' work that need not be carried any more.
    pub delivered: u32,
}

impl PhoneStatus {
    pub(crate) fn of(replica: &Replica<PhoneStore>, now: DeviceTime) -> Self {
        let status = replica.status(now);
        Self {
            is_synced: status.is_synced,
            unsent: count(status.unsent),
            oldest_unsent_device_ms: status.oldest_unsent_age_ms.map(|age| now.0.saturating_sub(age)),
            drafts: count(status.drafts),
            awaited_blobs: count(status.awaited_blobs),
            carried: count(status.carried),
            last_answer_ms: status.last_reply.map(|time| time.0),
            clock_ahead_ms: status.skew.0,
            is_clock_off: status.is_clock_off,
            standing: status.standing.into(),
            must_update: status.upgrade_required.is_some(),
            unreadable: count(status.unreadable.len()),
            set_aside: count(status.set_aside),
            disk_space: status.space.into(),
            trouble: status.trouble.map(Trouble::from),
        }
    }
}

impl SyncReport {
    pub(crate) fn add(&mut self, arrived: &Arrived) {
        self.acknowledged += count(arrived.acknowledged);
        self.refused += count(arrived.refused.len());
        self.changed += count(arrived.changed.len());
        self.left += count(arrived.left.len());
        self.delivered += count(arrived.delivered);
    }
}

impl From<wire::Standing> for Standing {
    fn from(standing: wire::Standing) -> Self {
        match standing {
            wire::Standing::Active => Self::Active,
            wire::Standing::PushOnly => Self::PushOnly,
            wire::Standing::Wipe => Self::Wipe,
        }
    }
}

impl From<replica::Trouble> for Trouble {
    fn from(trouble: replica::Trouble) -> Self {
        match trouble {
            replica::Trouble::Offline => Self::Offline,
            replica::Trouble::NotOurServer => Self::NotOurServer,
            replica::Trouble::Server { status } => Self::Server { status },
            replica::Trouble::SignIn => Self::SignIn,
            replica::Trouble::KeyUnavailable(detail) => Self::KeyUnavailable { detail },
            replica::Trouble::BatchRefused { code } => Self::BatchRefused { code },
            replica::Trouble::Store(StoreError::Full) => Self::Full,
            replica::Trouble::Store(error) => Self::Store { detail: error.to_string() },
        }
    }
}
