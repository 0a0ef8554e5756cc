//! Two phones, any stream of bytes between them, no server: each hands over what the server has not heard of yet, about
//! the tickets that both hold. Why it is done this way: `docs/peer.md`.
//!
//! Sans-I/O, like the replica that it works on. Both ends run this loop, one of them as the initiator:
//!
//! ```text
//! let mut session = PeerSession::initiate(&replica, fresh, now)?;      // or respond
//! loop {
//!     while let Some(bytes) = session.poll_bytes(&mut replica, now)? { send(bytes) }
//!     if session.is_over() { break }
//!     match receive() {
//!         Some(bytes) => session.handle_bytes(&mut replica, &bytes, now)?,
//!         None => break,      // the other phone went out of reach: what was taken stays taken
//!     }
//! }
//! session.report()
//! ```
//!
//! An error ends the session and harms nothing. Whatever was taken is durable, is shown by
//! [`Replica::overlay`](crate::replica::Replica::overlay), and goes to the server with the next request.

mod session;
mod stranger;
mod message;
mod channel;
mod noise;
#[cfg(test)]
mod tests;

pub use channel::BrokenChannel;
pub use session::{PeerFault, PeerReport, PeerSession, RefusedBatch};
pub use stranger::Stranger;
