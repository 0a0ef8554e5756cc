//! The messages as they stand on the wire. A number, once used, keeps its meaning for ever; new fields are added, none
//! is renumbered or removed. Times are milliseconds since 1970; ids are 16 bytes, hashes 32, empty means absent;
//! repeated ids are one `bytes` field, one after the other.

mod reply;
mod request;

pub(super) use reply::*;
pub(super) use request::*;
