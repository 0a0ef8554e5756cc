//! The one row about the device itself.

use super::Record;
use crate::ids::{DeviceId, ServerEpoch, TenantId, UserId};
use crate::replica::Identity;
use crate::store::Table;
use crate::time::{DeviceTime, Hlc, ServerTime, Skew};
use crate::wire::{Cursor, ServerKey, Standing, Upgrade};

/// Who this is, and where it stands with the server.
#[derive(Debug, Clone)]
pub(in crate::replica) struct Device {
    pub identity: Identity,
    pub cursor: Cursor,
    pub server_epoch: Option<ServerEpoch>,
    pub server_keys: Vec<ServerKey>,
    pub skew: Skew,
    pub hlc: Hlc,
    /// The place of the next row in the outbox.
    pub next_order: u64,
    /// When the last reply was stamped, and when it arrived.
    pub last_reply: Option<(ServerTime, DeviceTime)>,
    pub standing: Standing,
    pub upgrade: Option<Upgrade>,
    /// Rises with each reset of the feed; tickets of an older generation are gone once the reset is through.
    pub generation: u32,
    pub is_resetting: bool,
    /// The server has a new epoch, and not all that is retained has been offered to it.
    pub is_reoffering: bool,
    /// The server said that we hold other documents than it thinks.
    pub scope_differs: bool,
    pub scope_agreed_at: Option<ServerTime>,
    pub purged_at: Option<ServerTime>,
    /// What the server says of this device to other phones, signed; empty if it has not said it yet.
    pub certificate: Vec<u8>,
    /// Of what may be taken from the pool; 0 before anything has come.
    pub pool_version: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::replica) struct DeviceRow {
    #[prost(bytes = "vec", tag = "1")]
    tenant: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    device: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    user: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    cursor: Vec<u8>,
    #[prost(bytes = "vec", tag = "5")]
    server_epoch: Vec<u8>,
    #[prost(bytes = "vec", repeated, tag = "6")]
    server_keys: Vec<Vec<u8>>,
    #[prost(sint64, tag = "7")]
    skew_ms: i64,
    #[prost(sint64, tag = "8")]
    hlc: i64,
    #[prost(uint64, tag = "9")]
    next_order: u64,
    #[prost(sint64, optional, tag = "10")]
    last_reply_server: Option<i64>,
    #[prost(sint64, tag = "11")]
    last_reply_device: i64,
    #[prost(uint32, tag = "12")]
    standing: u32,
    #[prost(uint32, tag = "13")]
    upgrade_protocol: u32,
    #[prost(string, tag = "14")]
    upgrade_app: String,
    #[prost(uint32, tag = "15")]
    generation: u32,
    #[prost(bool, tag = "16")]
    is_resetting: bool,
    #[prost(bool, tag = "17")]
    is_reoffering: bool,
    #[prost(bool, tag = "18")]
    scope_differs: bool,
    #[prost(sint64, optional, tag = "19")]
    scope_agreed_at: Option<i64>,
    #[prost(sint64, optional, tag = "20")]
    purged_at: Option<i64>,
    #[prost(bytes = "vec", tag = "30")]
    certificate: Vec<u8>,
    #[prost(uint64, tag = "31")]
    pool_version: u64,
}

impl Device {
    /// Its place in the table.
    pub const KEY: &[u8] = b"device";

    /// A device that has not met its server yet.
    pub fn new(identity: Identity, server_keys: Vec<ServerKey>) -> Self {
        Self {
            identity,
            cursor: Cursor::default(),
            server_epoch: None,
            server_keys,
            skew: Skew::default(),
            hlc: Hlc::default(),
            next_order: 1,
            last_reply: None,
            standing: Standing::Active,
            upgrade: None,
            generation: 0,
            is_resetting: false,
            is_reoffering: false,
            scope_differs: false,
            scope_agreed_at: None,
            purged_at: None,
            certificate: Vec::new(),
            pool_version: 0,
        }
    }
}

impl Record for Device {
    const TABLE: Table = Table::Meta;
    type Stored = DeviceRow;

    fn key(&self) -> Vec<u8> {
        Self::KEY.to_vec()
    }

    fn to_stored(&self) -> DeviceRow {
        let upgrade = self.upgrade.clone();
        DeviceRow {
            tenant: self.identity.tenant.as_bytes().to_vec(),
            device: self.identity.device.as_bytes().to_vec(),
            user: self.identity.user.as_bytes().to_vec(),
            cursor: self.cursor.0.clone(),
            server_epoch: self.server_epoch.map(|epoch| epoch.as_bytes().to_vec()).unwrap_or_default(),
            server_keys: self.server_keys.iter().map(|key| key.to_bytes().to_vec()).collect(),
            skew_ms: self.skew.0,
            hlc: self.hlc.to_i64(),
            next_order: self.next_order,
            last_reply_server: self.last_reply.map(|(server, _)| server.0),
            last_reply_device: self.last_reply.map_or(0, |(_, device)| device.0),
            standing: match self.standing {
                Standing::Active => 0,
                Standing::PushOnly => 1,
                Standing::Wipe => 2,
            },
            upgrade_protocol: upgrade.as_ref().map_or(0, |upgrade| upgrade.min_protocol),
            upgrade_app: upgrade.map(|upgrade| upgrade.min_app_version).unwrap_or_default(),
            generation: self.generation,
            is_resetting: self.is_resetting,
            is_reoffering: self.is_reoffering,
            scope_differs: self.scope_differs,
            scope_agreed_at: self.scope_agreed_at.map(|time| time.0),
            purged_at: self.purged_at.map(|time| time.0),
            certificate: self.certificate.clone(),
            pool_version: self.pool_version,
        }
    }

    fn from_stored(_: &[u8], row: DeviceRow) -> Option<Self> {
        let epoch = (!row.server_epoch.is_empty()).then(|| ServerEpoch::from_slice(&row.server_epoch));
        Some(Self {
            identity: Identity {
                tenant: TenantId::from_slice(&row.tenant).ok()?,
                device: DeviceId::from_slice(&row.device).ok()?,
                user: UserId::from_slice(&row.user).ok()?,
            },
            cursor: Cursor(row.cursor),
            server_epoch: epoch.transpose().ok()?,
            server_keys: row.server_keys.iter().map(|key| ServerKey::from_bytes(key).ok()).collect::<Option<_>>()?,
            skew: Skew(row.skew_ms),
            hlc: Hlc::from_i64(row.hlc),
            next_order: row.next_order,
            last_reply: row.last_reply_server.map(|server| (ServerTime(server), DeviceTime(row.last_reply_device))),
            standing: match row.standing {
                0 => Standing::Active,
                2 => Standing::Wipe,
                _ => Standing::PushOnly,
            },
            upgrade: (row.upgrade_protocol != 0 || !row.upgrade_app.is_empty())
                .then_some(Upgrade { min_protocol: row.upgrade_protocol, min_app_version: row.upgrade_app }),
            generation: row.generation,
            is_resetting: row.is_resetting,
            is_reoffering: row.is_reoffering,
            scope_differs: row.scope_differs,
            scope_agreed_at: row.scope_agreed_at.map(ServerTime),
            purged_at: row.purged_at.map(ServerTime),
            certificate: row.certificate,
            pool_version: row.pool_version,
        })
    }
}
