//! A phone's copy of its tickets: works alone, and agrees with the server whenever it can.
//!
//! Sans-I/O: the replica opens no socket, reads no clock and draws no randomness. A driver runs this loop:
//!
//! ```text
//! loop {
//!     match replica.poll_request(now)? {
//!         Some(request) => match post(request) {
//!             Ok(body) => { replica.handle_reply(&body, now, fresh_nonce)?; }
//!             Err(why) => { replica.handle_failure(why, now); }
//!         },
//!         None => wait for a command, a wake-up, or `replica.retry_delay_ms()`
//!     }
//! }
//! ```
//!
//! What it keeps of a ticket is the document as the server has admitted it, and beside it the outbox: facts that the
//! server has not acknowledged, each with the change that carries it. What a user sees is the one on top of the other.
//! Every call is one transaction of the store, and what is in memory changes only after it is durable.

mod open;
mod repair;
mod execute;
mod request;
mod reply;
mod answers;
mod receipts;
mod items;
mod notices;
mod references;
mod knowledge;
mod pool;
mod rebuild;
mod summary;
mod status;
mod kept;
mod export;
mod courier;
mod overlay;
mod peers;
mod fork;
mod state;
mod rows;

use crate::ids::{DeviceId, TenantId, UserId};
use crate::store::{Store, StoreError, StoreTx};
use crate::wire::DeviceSigner;

pub use courier::{NotTaken, Taken};
pub use execute::{ExecuteError, Sight};
pub use export::{NotExported, Unsettled};
pub use knowledge::{FoundArticle, KnowledgeFault, KnowledgeState};
pub use notices::RefusedElsewhere;
pub use open::{OpenError, Opening};
pub use overlay::{FromColleague, Overlay};
pub use peers::NoCertificate;
pub(crate) use peers::{Side, Tag, tag};
pub use pool::{NotWished, Offer, Take, TakeState};
pub use reply::{Arrived, ReplyFault};
pub use request::PollError;
pub use rows::other::{AwaitedBlob, Wish, WishAnswer};
pub use rows::work::Draft;
pub use status::{Failure, SyncStatus, Trouble};
pub use summary::{AgendaEntry, Summary, VisitSummary};

use state::{State, Work};

/// Who a store belongs to: fixed when the device is enrolled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    pub tenant: TenantId,
    pub device: DeviceId,
    pub user: UserId,
}

impl Identity {
    fn names(&self) -> (TenantId, DeviceId, UserId) {
        (self.tenant, self.device, self.user)
    }
}

/// A phone's copy of its tickets. See the module for the loop that drives it.
pub struct Replica<S> {
    store: S,
    signer: Box<dyn DeviceSigner>,
    app_version: String,
    state: State,
}

impl<S: Store> Replica<S> {
    /// One unit of work: what it changes in the store and in memory happens together or not at all.
    fn work<T, E: From<StoreError>>(
        &mut self,
        work: impl FnOnce(&mut Work<S::Tx<'_>>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut unit = Work { tx: self.store.begin()?, state: self.state.clone() };
        let done = work(&mut unit)?;
        unit.tx.commit()?;
        self.state = unit.state;
        self.state.close_idle_documents();
        Ok(done)
    }

    /// Why the store does nothing more until it is opened anew, if so.
    pub fn store_fault(&self) -> Option<StoreError> {
        self.store.fault()
    }

    /// Hands the store back, for a host that must let go of the file. Opening it again is a new session.
    pub fn close(self) -> S {
        self.store
    }
}
