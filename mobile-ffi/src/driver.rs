//! Drives the replica: opens and closes it, lends it clock and randomness, runs the loop with the server, tells the
//! listeners. The replica is behind one lock, which is never held over the network.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, TryLockError};

use sync_core::command::{Author, Refusal, Stamp, TicketView};
use sync_core::document::{self, Fact, Sealed};
use sync_core::ids::{FactId, Nonce, TicketId};
use sync_core::policy::Role;
use sync_core::replica::{self, Failure, Identity, OpenError, Replica, ReplyFault};
use sync_core::store::{self, EncryptedStore, Salvage, SqliteStore, StoreError, StoreKey};
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
    slot: Mutex<Slot>,
    /// Held by the one exchange with the server that there can be.
    exchange: Mutex<()>,
    listeners: OnceLock<Publisher<Day>>,
}

/// The store, if it is open.
enum Slot {
    Open(Box<Opened>),
    Paused,
    /// Its disk failed, and it has not been opened anew since.
    Failed(StoreError),
    /// Nothing is here any more.
    LoggedOut,
}

struct Opened {
    replica: Replica<PhoneStore>,
    salvage: Option<Salvage>,
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
        let slot = Mutex::new(Slot::Open(Box::new(opening.open()?)));
        let (exchange, listeners) = (Mutex::new(()), OnceLock::new());
        let driver = Arc::new(Self { opening, transport, slot, exchange, listeners });
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

    /// Runs `work` on the replica; busy while paused. A store that does nothing more, because its disk failed or it is
    /// damaged, is opened anew: what `work` wanted was not done, and its error says so.
    pub fn with<T>(
        &self,
        work: impl FnOnce(&mut Replica<PhoneStore>) -> Result<T, FieldError>,
    ) -> Result<T, FieldError> {
        let mut slot = self.slot();
        if let Slot::Failed(fault) = &*slot {
            *slot = self.opening.open_after(fault.clone())?;
        }
        let opened = slot.opened()?;
        let done = work(&mut opened.replica);
        if let Some(fault) = opened.replica.store_fault() {
            // Closed before it is opened again.
            *slot = Slot::Failed(fault.clone());
            if let Ok(anew) = self.opening.open_after(fault) {
                *slot = anew;
            }
        }
        done
    }

    /// What was made of a damaged file, if there ever was one.
    pub fn salvage(&self) -> Result<Option<Salvage>, FieldError> {
        Ok(self.slot().opened()?.salvage.clone())
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

    /// Closes the store, so that the system may suspend the app. Waits for the command under way; an answer of the server
    /// that comes now is asked for again.
    pub fn pause(&self) {
        let mut slot = self.slot();
        if !matches!(*slot, Slot::LoggedOut) {
            *slot = Slot::Paused;
        }
    }

    pub fn resume(&self) -> Result<(), FieldError> {
        let mut slot = self.slot();
        match &*slot {
            Slot::Paused => *slot = Slot::Open(Box::new(self.opening.open()?)),
            Slot::Failed(fault) => *slot = self.opening.open_after(fault.clone())?,
            Slot::Open(_) => {}
            Slot::LoggedOut => return Err(FieldError::SignIn),
        }
        drop(slot);
        self.moved();
        Ok(())
    }

    /// Removes everything, if `may` agrees with what is there.
    pub fn erase(&self, may: impl FnOnce(&Replica<PhoneStore>) -> Result<(), FieldError>) -> Result<(), FieldError> {
        let mut slot = self.slot();
        may(&slot.opened()?.replica)?;
        *slot = Slot::LoggedOut;
        Ok(store::erase(&self.opening.database)?)
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
    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
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

impl Slot {
    fn opened(&mut self) -> Result<&mut Opened, FieldError> {
        match self {
            Self::Open(opened) => Ok(opened),
            Self::Paused => Err(FieldError::Busy { detail: "paused".to_owned() }),
            Self::Failed(fault) => Err(fault.clone().into()),
            Self::LoggedOut => Err(FieldError::SignIn),
        }
    }
}

impl Opening {
    fn open(&self) -> Result<Opened, FieldError> {
        let mut opened = store::open_or_salvage(&self.database, &self.store_key, store::free_on_disk)?;
        // What a first look does not see, reading all of it does.
        for _ in 0..2 {
            match self.open_replica(opened.0)? {
                Ok(replica) => return Ok(Opened { replica, salvage: opened.1 }),
                Err(StoreError::Damaged(_)) => {
                    opened = store::salvage(&self.database, &self.store_key, store::free_on_disk)?;
                }
                Err(why) => return Err(why.into()),
            }
        }
        Err(FieldError::Internal { detail: "a file made just now is damaged".to_owned() })
    }

    /// After the store's disk failed, or its file turned out to be damaged.
    fn open_after(&self, fault: StoreError) -> Result<Slot, FieldError> {
        if matches!(fault, StoreError::Damaged(_)) {
            drop(store::salvage(&self.database, &self.store_key, store::free_on_disk)?);
        }
        let mut opened = self.open()?;
        opened.replica.note_store_fault(fault);
        Ok(Slot::Open(Box::new(opened)))
    }

    fn open_replica(&self, store: PhoneStore) -> Result<Result<Replica<PhoneStore>, StoreError>, FieldError> {
        let signer = Box::new(SigningByHost::new(Arc::clone(&self.signer), self.public_key));
        let opening = replica::Opening {
            identity: self.identity,
            role: Role::Engineer,
            server_keys: self.server_keys.clone(),
            app_version: self.app_version.clone(),
            session_nonce: Nonce(host::random_bytes()?),
        };
        match Replica::open(store, signer, opening) {
            Ok(replica) => Ok(Ok(replica)),
            Err(OpenError::Store(why)) => Ok(Err(why)),
            Err(why) => Err(why.into()),
        }
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
