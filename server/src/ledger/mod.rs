//! Every change to a ticket goes through here, whoever makes it: a phone's push by [`Ledger::accept`], the desk's edits
//! by [`Ledger::edit`], new tickets by [`Ledger::create`]. Read `accept.rs` first.
//!
//! The stored changes are the truth. The tables that mirror documents are projections: this module alone writes them,
//! and [`rebuild`] makes them again from the changes. Whatever must happen afterwards leaves through [`outbox`].

mod accept;
mod couriered;
mod verify;
mod numbering;
mod judge;
mod settle;
mod booking;
mod answer;
mod documents;
mod cache;
mod create;
mod edit;
mod voucher;
mod returned;
pub mod quarantine;
pub mod projections;
mod publish;
pub mod feed;
pub mod outbox;
pub mod delivery;
pub mod rebuild;
pub mod root;
mod error;

use sync_core::ids::{DeviceId, ServerEpoch, TenantId, UserId};
use sync_core::policy::Role;
use sync_core::time::ServerTime;
use sync_core::wire::DeviceKey;
use sync_core::workflow::Workflow;

pub use accept::Outcome;
pub use booking::{give_back_rest, release_ahead};
pub use couriered::Delivered;
pub use create::{Created, NewTicket};
pub use documents::{Author, chain_link, lock_in_order};
pub use edit::{By, Desk, Edit, SERVER, Value};
pub use error::LedgerError;
pub use verify::Push;
pub use voucher::{Vouching, author, written};

use crate::tenancy::{TenantCtx, TenantTx};

/// What of the ledger is not in the database: warm documents, this server's epoch.
pub struct Ledger {
    warm: cache::WarmDocuments,
    /// A device's key never changes; whether it may still be used is asked at each request.
    keys: quick_cache::sync::Cache<(TenantId, DeviceId), DeviceKey>,
    epoch: ServerEpoch,
    vouching: Vouching,
    workflow: Workflow,
}

/// The device and user behind a push.
#[derive(Clone)]
pub struct Phone {
    pub tenant: TenantId,
    pub device: DeviceId,
    pub user: UserId,
    pub role: Role,
    pub key: DeviceKey,
    /// Neither user nor device has been revoked.
    pub is_active: bool,
}

/// Bytes of warm documents that a process keeps: some 1,400 tickets, those of a few hundred engineers at work.
const WARM_BYTES: u64 = 64 << 20;

impl Ledger {
    /// The ledger of a server of this epoch.
    pub fn new(epoch: ServerEpoch, vouching: Vouching) -> Self {
        Self {
            warm: cache::WarmDocuments::holding(WARM_BYTES),
            keys: quick_cache::sync::Cache::new(20_000),
            epoch,
            vouching,
            workflow: Workflow::field_service(),
        }
    }

    /// Changes whenever this server's history may have gone back in time.
    pub fn epoch(&self) -> ServerEpoch {
        self.epoch
    }

    /// What this server's vouchers are made with.
    pub fn vouching(&self) -> &Vouching {
        &self.vouching
    }

    /// The workflow of every ticket type, as long as there is but one.
    pub fn workflow(&self) -> &Workflow {
        &self.workflow
    }

    /// The device behind a request, with the key that it signs with; none if the session is not a device's.
    pub async fn phone(&self, ctx: &TenantCtx, is_active: bool) -> Result<Option<Phone>, LedgerError> {
        let (Some(device), Some(user), Some(role)) = (ctx.device(), ctx.user(), ctx.role()) else { return Ok(None) };
        let key = match self.keys.get(&(ctx.tenant(), device)) {
            Some(key) => key,
            None => {
                let key = ctx.read(async move |tx: &mut TenantTx| documents::device_key(tx, device).await).await?;
                self.keys.insert((ctx.tenant(), device), key);
                key
            }
        };
        Ok(Some(Phone { tenant: ctx.tenant(), device, user, role, key, is_active }))
    }
}

/// A server time as the database keeps it.
pub fn instant(time: ServerTime) -> chrono::DateTime<chrono::Utc> {
    chrono::DateTime::from_timestamp_millis(time.0).unwrap_or_default()
}
