//! Drives the replica: opens and closes it, lends it clock and randomness, runs the loop with the server, tells the
//! listeners. The replica is behind one lock, which is never held over the network.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, TryLockError};

use sync_core::command::{Author, Refusal, Stamp, TicketView};
use sync_core::document::{self, Fact, Sealed};
use sync_core::ids::{FactId, Nonce, TicketId};
use sync_core::policy::Role;
use sync_core::replica::{self, Failure, Identity, Replica, ReplyFault};
use sync_core::store::{EncryptedStore, SqliteStore, StoreKey};
use sync_core::wire::{self, ServerKey};

use crate::error::FieldError;
use crate::host;
use crate::key::{DeviceSigner, SigningByHost};
use crate::record::{Day, Place, SyncReport};
use crate::transport::{Request, Transport, TransportError};
use crate::watch::{Present, Publisher};

/// What is on the phone: one file, of which nothing can be read without the key.
pub(crate) type PhoneStore = EncryptedStore<SqliteStore>;

pub(crate) struct Driver {
    opening: Opening,
    transport: Arc<dyn Transport>,
    /// None while paused.
    replica: Mutex<Option<Replica<PhoneStore>>>,
    /// Held by the one exchange with the server that there can be.
    exchange: Mutex<()>,
    listeners: OnceLock<Publisher<Day>>,
}

/// All that opening the store takes, again after each pause.
pub(crate) struct Opening {
    pub database: PathBuf,
    pub store_key: StoreKey,
    pub identity: Identity,
    pub server_keys: Vec<ServerKey>,
    pub app_version: String,
    pub signer: Arc<dyn DeviceSigner>,
    pub public_key: wire::DeviceKey,
}

impl Driver {
    pub fn open(opening: Opening, transport: Arc<dyn Transport>) -> Result<Arc<Self>, FieldError> {
        let replica = Mutex::new(Some(opening.open()?));
        let (exchange, listeners) = (Mutex::new(()), OnceLock::new());
        let driver = Arc::new(Self { opening, transport, replica, exchange, listeners });
        let weak = Arc::downgrade(&driver);
        let publisher = Publisher::start(move || weak.upgrade().map_or(Present::Gone, |driver| driver.day()))?;
        let _ = driver.listeners.set(publisher);
        Ok(driver)
    }

    /// The day as listeners hear of it.
    fn day(&self) -> Present<Day> {
        self.with(|replica| Ok(Day::of(replica, host::now())?)).map_or(Present::Unknown, Present::Value)
    }

    pub fn listeners(&self) -> Option<&Publisher<Day>> {
        self.listeners.get()
    }

    fn moved(&self) {
        self.listeners.get().map(Publisher::moved).unwrap_or_default();
    }

    /// Runs `work` on the replica; busy while paused.
    pub fn with<T>(
        &self,
        work: impl FnOnce(&mut Replica<PhoneStore>) -> Result<T, FieldError>,
    ) -> Result<T, FieldError> {
        let mut slot = self.slot();
        work(slot.as_mut().ok_or_else(|| FieldError::Busy { detail: "paused".to_owned() })?)
    }

    /// As [`Driver::with`], and the listeners are told.
    pub fn change<T>(
        &self,
        work: impl FnOnce(&mut Replica<PhoneStore>) -> Result<T, FieldError>,
    ) -> Result<T, FieldError> {
        let done = self.with(work);
        self.moved();
        done
    }

    /// Gives a command. On return what it says is durable.
    pub fn act(
        &self,
        ticket: TicketId,
        place: Option<Place>,
        command: impl FnOnce(&Acting<'_>, Stamp) -> Result<Fact, Refusal>,
    ) -> Result<FactId, FieldError> {
        let place = place.map(document::Place::try_from).transpose()?;
        let id = host::random_bytes()?;
        self.change(|replica| {
            let said = replica.execute(ticket, host::now(), |sight| {
                let id = FactId::fresh(sight.ticket.now.0, id);
                let place = place.map(|place| sight.seal(id, "place", &place.to_string()));
                let seal = |field: &str, text: &str| sight.seal(id, field, text);
                command(&Acting { view: &sight.ticket, author: sight.author, seal: &seal }, sight.stamp(id, place))
            });
            Ok(said?)
        })
    }

    /// Closes the store, so that the system may suspend the app. Waits for the command under way.
    pub fn pause(&self) {
        drop(self.slot().take());
    }

    pub fn resume(&self) -> Result<(), FieldError> {
        let mut slot = self.slot();
        if slot.is_none() {
            *slot = Some(self.opening.open()?);
        }
        drop(slot);
        self.moved();
        Ok(())
    }

    /// Pushes and pulls until there is nothing more, or the network fails.
    pub fn sync(&self) -> Result<SyncReport, FieldError> {
        let busy = || FieldError::Busy { detail: "a sync is under way".to_owned() };
        let _exchange = match self.exchange.try_lock() {
            Ok(exchange) => exchange,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(busy()),
        };
        let mut report = SyncReport::default();
        for _ in 0..MOST_PAGES {
            let Some(request) = self.with(|replica| Ok(replica.poll_request(host::now())?))? else {
                return Err(busy());
            };
            let (path, content_type) = (SYNC_PATH.to_owned(), SYNC_TYPE.to_owned());
            let answer = self.transport.post(Request { path, content_type, body: request });
            let fresh = Nonce(host::random_bytes()?);
            let arrived = self.change(|replica| match answer {
                Ok(body) => Ok(replica.handle_reply(&body, host::now(), fresh)?),
                Err(error) => {
                    replica.handle_failure(failure(&error));
                    Err(error.into())
                }
            })?;
            report.add(&arrived);
            if !arrived.has_more {
                break;
            }
        }
        Ok(report)
    }

    /// A panic in another call has left the replica as it was before that call: each call is one transaction.
    fn slot(&self) -> MutexGuard<'_, Option<Replica<PhoneStore>>> {
        self.replica.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// What a command sees and who gives it.
pub(crate) struct Acting<'a> {
    pub view: &'a TicketView<'a>,
    pub author: Author,
    seal: &'a dyn Fn(&str, &str) -> Sealed,
}

impl Acting<'_> {
    /// Seals a text of the new fact.
    pub fn seal(&self, field: &str, text: &str) -> Sealed {
        (self.seal)(field, text)
    }
}

impl Opening {
    fn open(&self) -> Result<Replica<PhoneStore>, FieldError> {
        let store = EncryptedStore::open(SqliteStore::open(&self.database)?, &self.store_key)?;
        let signer = Box::new(SigningByHost::new(Arc::clone(&self.signer), self.public_key));
        let opening = replica::Opening {
            identity: self.identity,
            role: Role::Engineer,
            server_keys: self.server_keys.clone(),
            app_version: self.app_version.clone(),
            session_nonce: Nonce(host::random_bytes()?),
        };
        Ok(Replica::open(store, signer, opening)?)
    }
}

fn failure(error: &TransportError) -> Failure {
    match error {
        TransportError::SignIn => Failure::SignIn,
        TransportError::Unreachable { .. } => Failure::Offline,
        TransportError::Failed { status, retry_after_ms } => {
            Failure::Server { status: *status, retry_after_ms: *retry_after_ms }
        }
    }
}

impl From<ReplyFault> for FieldError {
    fn from(fault: ReplyFault) -> Self {
        let detail = fault.to_string();
        match fault {
            ReplyFault::Store(error) => error.into(),
            // Whoever answered was not our server: the same as no network.
            ReplyFault::NotTheAnswer(_) => Self::Offline { detail },
            ReplyFault::NotAsked => Self::Busy { detail },
            ReplyFault::Wire(_) => Self::Internal { detail },
        }
    }
}

const SYNC_PATH: &str = "/api/v1/sync";
const SYNC_TYPE: &str = "application/vnd.callout.sync";
/// Of one call to `sync`; a device that is so far behind calls again.
const MOST_PAGES: usize = 10_000;
