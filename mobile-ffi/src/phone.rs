//! The phone: everything begins here.

use std::path::Path;
use std::sync::Arc;

use sync_core::replica::Identity;
use sync_core::store::StoreKey;
use sync_core::wire::{DeviceKey, ServerKey};

use crate::driver::{Driver, Opening};
use crate::error::FieldError;
use crate::host;
use crate::ids::{DeviceId, FactId, TenantId, TicketId, UserId};
use crate::key::DeviceSigner;
use crate::knowledge::Knowledge;
use crate::log_out;
use crate::meeting::Meeting;
use crate::pool::Pool;
use crate::record::{
    AgendaItem, AwaitedBlob, Day, Draft, ExportReceipt, PhoneStatus, RefusedElsewhere, SalvageReport, SyncReport,
};
use crate::ticket::Ticket;
use crate::transport::Transport;
use crate::watch::Subscription;

#[cfg(test)]
mod tests;

/// An enrolled phone with its tickets, which works with no network.
#[derive(uniffi::Object)]
pub struct Phone {
    driver: Arc<Driver>,
}

/// Who this phone is: what enrolment returned, and where to keep things.
#[derive(Debug, Clone, uniffi::Record)]
pub struct PhoneConfig {
    /// An existing directory of the app alone, best one that is not part of backups.
    pub directory: String,
    /// 32 bytes that encrypt what is kept there. The platform keeps them (Keychain, Keystore); lost, what the phone holds
    /// is lost.
    pub store_key: Vec<u8>,
    pub tenant: TenantId,
    pub user: UserId,
    pub device: DeviceId,
    /// The server's public keys, 32 bytes each.
    pub server_keys: Vec<Vec<u8>>,
    /// The app's own version; the server may ask for a newer one.
    pub app_version: String,
}

/// Hears of every change. Called at once with the day as it is, then on change, always from one thread.
#[uniffi::export(with_foreign)]
pub trait PhoneListener: Send + Sync {
    fn changed(&self, day: Day);
}

#[uniffi::export]
impl Phone {
    /// Opens what this phone has kept, or begins. Refused if the directory belongs to another user or device.
    #[uniffi::constructor]
    pub fn open(
        config: PhoneConfig,
        signer: Arc<dyn DeviceSigner>,
        transport: Arc<dyn Transport>,
    ) -> Result<Arc<Self>, FieldError> {
        let not_a_key = |error| FieldError::refused("key", error);
        let store_key: [u8; 32] =
            config.store_key.try_into().map_err(|_| FieldError::refused("store_key", "a store key has 32 bytes"))?;
        let server_keys = config.server_keys.iter().map(|key| ServerKey::from_bytes(key));
        let opening = Opening {
            database: Path::new(&config.directory).join("callout.sqlite"),
            store_key: StoreKey(store_key),
            identity: Identity { tenant: config.tenant.0, device: config.device.0, user: config.user.0 },
            server_keys: server_keys.collect::<Result<_, _>>().map_err(not_a_key)?,
            app_version: config.app_version,
            public_key: DeviceKey::from_sec1(&signer.public_key()).map_err(not_a_key)?,
            signer,
        };
        Ok(Arc::new(Self { driver: Driver::open(opening, transport)? }))
    }

    /// The user's own visits that are not over, by time.
    pub fn agenda(&self) -> Result<Vec<AgendaItem>, FieldError> {
        self.driver.with(|replica| Ok(AgendaItem::all(replica)?))
    }

    /// One ticket, to be read and worked.
    pub fn ticket(&self, id: TicketId) -> Result<Arc<Ticket>, FieldError> {
        let ticket = Ticket::new(Arc::clone(&self.driver), id.0);
        ticket.view()?;
        Ok(Arc::new(ticket))
    }

    /// Articles and procedures, to be searched and read with no network.
    pub fn knowledge(&self) -> Arc<Knowledge> {
        Arc::new(Knowledge::new(Arc::clone(&self.driver)))
    }

    /// What the user may take herself, and her wishes to.
    pub fn pool(&self) -> Arc<Pool> {
        Arc::new(Pool::new(Arc::clone(&self.driver)))
    }

    /// Pushes what is unsent and pulls what is new, as often as it takes. What fails is tried again by the next call.
    pub fn sync(&self) -> Result<SyncReport, FieldError> {
        self.driver.sync()
    }

    /// Where the phone stands with the server.
    pub fn status(&self) -> Result<PhoneStatus, FieldError> {
        self.driver.with(|replica| Ok(PhoneStatus::of(replica, host::now())))
    }

    /// Begins a meeting with a colleague's phone, with no server: one of the two is the first. Refused (`certificate`) if
    /// this phone has not heard of its server for a month, or its clock says so.
    pub fn meet(&self, is_first: bool) -> Result<Arc<Meeting>, FieldError> {
        Meeting::begin(Arc::clone(&self.driver), is_first).map(Arc::new)
    }

    /// When to call `sync` again if nothing happens before, in milliseconds.
    pub fn sync_again_in_ms(&self) -> Result<u32, FieldError> {
        self.driver.with(|replica| Ok(replica.retry_delay_ms()))
    }

    /// Work that was refused and waits for the user: to be shown, copied, sent to the dispatcher, let go.
    pub fn drafts(&self) -> Result<Vec<Draft>, FieldError> {
        self.driver.with(|replica| Ok(Draft::all(replica)))
    }

    /// The user has settled a draft.
    pub fn settle_draft(&self, fact: FactId) -> Result<(), FieldError> {
        self.driver.change(|replica| Ok(replica.settle_draft(fact.0)?))
    }

    /// What the user did on her other devices and the server set aside: to be shown, and settled there or by a dispatcher.
    pub fn refused_elsewhere(&self) -> Result<Vec<RefusedElsewhere>, FieldError> {
        self.driver.with(RefusedElsewhere::all)
    }

    /// The user has seen what was set aside of another device's work.
    pub fn settle_notice(&self, fact: FactId) -> Result<(), FieldError> {
        self.driver.change(|replica| Ok(replica.settle_notice(fact.0)?))
    }

    /// Photos and other files that the server does not have yet: the app uploads them, and must keep them until then.
    pub fn awaited_blobs(&self) -> Result<Vec<AwaitedBlob>, FieldError> {
        self.driver.with(|replica| Ok(AwaitedBlob::all(replica)))
    }

    /// The server refused an upload because the bytes are not those that the entry names (`other-bytes`): the app uploads
    /// them once more from the beginning.
    pub fn upload_refused(&self, sha256: Vec<u8>) -> Result<(), FieldError> {
        let sha256 = sync_core::ids::Sha256Hash::from_slice(&sha256)
            .map_err(|_| FieldError::Internal { detail: "not a digest".to_owned() })?;
        self.driver.change(|replica| Ok(replica.handle_upload_refused(sha256)?))
    }

    /// Begins to tell a listener about every change, until the subscription is dropped.
    pub fn watch(&self, listener: Arc<dyn PhoneListener>) -> Result<Arc<Subscription>, FieldError> {
        let listeners = self.driver.listeners();
        let listeners = listeners.ok_or_else(|| FieldError::Busy { detail: "opening".to_owned() })?;
        Ok(Arc::new(listeners.listen(move |day| listener.changed(day))))
    }

    /// What became of a damaged database, if there ever was one here: to be shown once.
    pub fn salvage(&self) -> Result<Option<SalvageReport>, FieldError> {
        Ok(self.driver.salvage()?.map(SalvageReport::from))
    }

    /// Writes everything unsettled to a file that only the server can open, in place of one that is there. A dispatcher
    /// hands it in; the bytes of photos are not in it.
    pub fn export_unsettled(&self, path: String) -> Result<ExportReceipt, FieldError> {
        log_out::export(&self.driver, path)
    }

    /// Removes everything from this phone. Where something is unsettled, that takes the receipt of a file that holds all
    /// of it, and that the user has confirmed in so many words to give it up here.
    #[uniffi::method(default(exported = None, user_confirmed = false))]
    pub fn log_out(&self, exported: Option<ExportReceipt>, user_confirmed: bool) -> Result<(), FieldError> {
        log_out::log_out(&self.driver, exported.as_ref().filter(|_| user_confirmed))
    }

    /// Closes the database before the system suspends the app. Until `resume`, everything else is busy.
    pub fn pause(&self) {
        self.driver.pause();
    }

    /// Opens the database again.
    pub fn resume(&self) -> Result<(), FieldError> {
        self.driver.resume()
    }
}
