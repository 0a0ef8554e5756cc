//! All end-to-end tests in one program, because linking is expensive.

mod devices;
mod server;
mod sessions;
mod users;
