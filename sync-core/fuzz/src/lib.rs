//! What sync-core does with hostile bytes.
//!
//! Each [`target`] is a function from any bytes to nothing, which panics if something does not hold. libFuzzer runs
//! them for as long as one likes (`make fuzz`); `cargo test` runs each on its corpus. [`mutant`] makes changes that are
//! wrong in ways that plain noise never finds: a valid change taken apart, altered, and put together with the right
//! checksum. The program `hostile` runs many millions of those through [`target::guard()`] (`make mutants-hostile`).
//!
//! Bytes of a target begin with one that selects what they are for; the rest is what a stranger would send.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "all of this is a test")]

pub mod ticket;
pub mod body;
pub mod mutant;
pub mod target;
pub mod seed;
pub mod hostile;
pub mod quiet;
