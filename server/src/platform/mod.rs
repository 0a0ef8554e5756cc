//! What any server needs and no trade knows: problems, configuration, clock, randomness, the embedded database.
//!
//! No word of the trade stands in here.

pub mod blobs;
pub mod clock;
pub mod config;
pub mod download;
pub mod etag;
pub mod extract;
pub mod hex;
pub mod limits;
pub mod page;
pub mod passing;
pub mod partial;
pub mod postgres;
pub mod problem;
pub mod random;
pub mod room;
pub mod secret_file;
pub mod serve;
pub mod shutdown;
pub mod telemetry;
