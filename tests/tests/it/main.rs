//! All end-to-end tests in one program, because linking is expensive.

mod customers_and_sites;
mod devices;
mod engineers;
mod server;
mod sessions;
mod users;
