//! Whatever happens to a phone's store, what it was told is saved is there: power lost at every write, the process
//! killed at any moment, damaged files, full disks, flushes that fail, versions that change.
//!
//! SQLite runs here as it does on a phone, on real files with its real write-ahead log and locks; a thin layer between
//! it and the system ([`vfs`]) writes down what it does, and [`disk`] says what of that a loss of power leaves behind.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "all of this is a test")]

mod disk;
mod vfs;
mod phone;
mod life;
mod power;
mod kill;
mod rows;
mod damage;
mod full;
mod given_up;
mod flush;
mod migrate;
mod month;
mod hand_over;
