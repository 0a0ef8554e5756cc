//! The open pool: visits that engineers take themselves.
//!
//! A visit is on offer while nobody has it, its site is located, and either its mode is `pool` or a dispatcher has put it
//! there by hand. [`offers`] follows the outbox and keeps, for each engineer, what he may take: whoever passes the hard
//! rules that are not about time. [`mod@take`] decides what comes of a wish, with the ticket locked; until then an offer is
//! no promise.

pub mod offers;
pub mod take;
pub mod placement;
pub mod store;

mod take_store;

mod card;

pub use offers::on_event;
pub use take::{Answer, Taking, take};
