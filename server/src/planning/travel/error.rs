//! Why a routing engine gave no table. What is said here is shown to people and kept with decisions, so it names no
//! address and no place.

use std::time::Duration;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RoadsError {
    #[error("the routing engine cannot be reached")]
    Unreachable,
    #[error("the routing engine did not answer in {} s", .0.as_secs_f64())]
    Slow(Duration),
    #[error("the routing engine answered with status {0}")]
    Status(u16),
    #[error("the routing engine refused: {0}")]
    Refused(String),
    #[error("the routing engine's answer is longer than {0} bytes")]
    TooLong(usize),
    #[error("the routing engine's answer is no table: {0}")]
    Malformed(&'static str),
    /// Not the engine's fault: one of the places has no road near it.
    #[error("a place is off the routing engine's map")]
    OffTheMap,
    /// Or no road can lead between two of them: an engine may not say which of the two it is.
    #[error("a place is off the routing engine's map, or no road leads there")]
    Apart,
    #[error("two places are farther apart than the {} km that the routing engine goes", .most_m / 1_000)]
    TooFar { most_m: u32 },
    #[error("more than {0} drives would have to be asked for")]
    TooMany(usize),
}

impl RoadsError {
    /// Whether the engine is well, and only cannot say anything of such places together.
    pub fn is_about_places(&self) -> bool {
        matches!(self, Self::OffTheMap | Self::Apart | Self::TooFar { .. })
    }
}
