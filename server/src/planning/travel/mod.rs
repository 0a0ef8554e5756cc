//! How long drives take: measured by a routing engine where there is one, else estimated from the distance.
//!
//! `roads` is what the rest of planning sees. A board's places are a `question`; what is not known of it is cut into
//! `tiles`, asked for by `asking` of an `engine`, taken `apart` where that refuses, and kept in a `cache`.

mod roads;
mod used;
mod profile;
pub mod profile_store;
mod question;
mod drives;
mod tiles;
mod asking;
mod apart;
mod breaker;
mod cache;
mod fetch;
mod engine;
mod osrm;
mod valhalla;
mod spot;
mod error;
#[cfg(test)]
mod tests;

pub use asking::{Asking, Manner};
pub use engine::{Engine, EngineKind, NoEngine};
pub use profile::{Profile, Rule};
pub use profile_store::KeptProfile;
pub use question::Question;
pub use roads::{Roads, Travelled, informed};
pub use used::TravelUsed;
