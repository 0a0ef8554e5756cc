//! Ticket types: what kinds of work there are, and what follows from each (skills, duration, priority, who assigns it,
//! what is promised, which workflow).

mod routes;
mod store;
mod view;
mod error;

pub use routes::routes;
