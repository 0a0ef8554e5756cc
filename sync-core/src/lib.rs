//! The offline core: the ticket document, its merge, authority, workflow, sync protocol and local store.
//!
//! The same code runs on phones and on the server. It never reads a clock, never draws randomness, opens no socket
//! and starts no thread: all of these are arguments.

pub mod workflow;
pub mod document;
pub mod policy;
pub mod command;
pub mod guard;
pub mod door;
pub mod reference;
pub mod search;
pub mod replica;
pub mod peer;
pub mod wire;
pub mod store;
pub mod merkle;
pub mod ids;
pub mod time;
mod cipher;
mod words;
#[cfg(test)]
mod testing;

pub use words::NotAWord;
