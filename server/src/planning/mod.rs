//! Between the tables and the dispatch engine: rows become a `board`, what the engine answers becomes commands to the
//! ledger.
//!
//! [`rank`] is the answer for one visit, [`assign`] makes an assignment of it together with its explanation, [`run`]
//! does both for many, [`offers`] says when somebody could come and [`promise`] that somebody will, [`automatic`] follows
//! the outbox for ticket types that are dispatched by the server itself, and [`pool`] offers to the engineers what they
//! may take themselves.
//! The engine knows no database, and the hard rules stand nowhere but in it.

pub mod assign;
pub mod rank;
pub mod run;
pub mod offers;
pub mod promise;
pub mod automatic;
pub mod pool;
pub mod replan;

pub mod travel;

mod choose;
mod considered;
mod terms;
pub mod settings;
pub mod settings_store;

mod board;
mod board_store;
mod store;
mod clock;
mod error;

pub use assign::{Mode, Wish};
pub use automatic::{Happened, on_event};
pub use considered::{Candidate, Considered, Reason, Refused, Score};
pub use error::PlanningError;
pub use terms::Terms;
