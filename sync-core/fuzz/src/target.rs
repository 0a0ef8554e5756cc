//! The fuzz targets: functions from any bytes to nothing, which panic if something does not hold.

mod arrival;
mod fact;
mod guard;
pub(crate) mod peer;
mod prescan;
mod wire;

pub use arrival::arrival;
pub use fact::fact;
pub use guard::{Answer, answer_to, guard};
pub use peer::peer;
pub use prescan::prescan;
pub use wire::wire;

/// A target and the name of its folder in the corpus.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const ALL: [Target; 6] =
    [("guard", guard), ("prescan", prescan), ("wire", wire), ("arrival", arrival), ("fact", fact), ("peer", peer)];
