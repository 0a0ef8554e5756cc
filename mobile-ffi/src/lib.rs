//! What apps see of Callout: a phone, its tickets and visits. Everything that decides is in `sync-core`; here its
//! words are turned into flat records, its errors into what an app can do about them, and the host lends what a core
//! may not have: clock, randomness, sockets, threads, keys.
//!
//! Every call may block on the disk, and `sync` on the network: call from a background thread.

mod phone;
mod ticket;
mod visit;
mod knowledge;
mod pool;
mod watch;
mod meeting;

mod record;
mod ids;
mod error;
mod key;
mod transport;

mod driver;
mod log_out;
mod host;

pub use error::{FieldError, Missing};
pub use ids::{ArticleId, CustomerId, DeviceId, FactId, IntentId, PartId, SiteId, TenantId, TicketId, UserId, VisitId};
pub use key::{DeviceSigner, SignError, SoftwareKey};
pub use knowledge::Knowledge;
pub use meeting::Meeting;
pub use phone::{Phone, PhoneConfig, PhoneListener};
pub use pool::Pool;
pub use record::*;
pub use ticket::Ticket;
pub use transport::{Request, Transport, TransportError};
pub use visit::Visit;
pub use watch::Subscription;

uniffi::setup_scaffolding!();

/// The version of this library, to be shown beside the app's own.
#[uniffi::export]
pub fn library_version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}
