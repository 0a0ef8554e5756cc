//! The dispatch server as a library; `main.rs` is its command line.
//!
//! Who may import whom, from the top: `boot` ► `router`, `workers` ► features ► `state` ► `planning` ► `ledger`,
//! `directory` ► `tenancy` ► `platform`. Features never import features. A test enforces it.

pub mod boot;
pub mod router;
pub mod workers;

pub mod attachments;
pub mod customers;
pub mod sync;
pub mod dispatching;
pub mod pool;
pub mod devices;
pub mod engineers;
pub mod evidence;
pub mod intake;
pub mod knowledge;
pub mod live;
pub mod sites;
pub mod ticket_types;
pub mod tickets;
pub mod users;
pub mod visits;

pub mod state;

pub mod planning;

pub mod directory;

pub mod ledger;

pub mod tenancy;

pub mod platform;
