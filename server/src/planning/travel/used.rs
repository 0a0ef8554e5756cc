//! Where the travel times of a decision came from.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::engine::EngineKind;

/// Kept with each decision and shown with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TravelUsed {
    /// `direct`: estimated from the distance; or the engine that measured them, `osrm` or `valhalla`.
    pub source: String,
    /// Why they were estimated although there is a routing engine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// Places without a road near them, or farther from all others than the engine goes, for which they were estimated
    /// all the same.
    #[serde(default, skip_serializing_if = "is_none")]
    pub off_the_map: u32,
    /// The version of the travel profile by which they were estimated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<i64>,
}

impl TravelUsed {
    pub fn direct(because: Option<String>) -> Self {
        Self { source: "direct".to_owned(), because, off_the_map: 0, profile: None }
    }

    pub fn measured(by: EngineKind, off_the_map: usize) -> Self {
        let off_the_map = u32::try_from(off_the_map).unwrap_or(u32::MAX);
        Self { source: by.to_string(), because: None, off_the_map, profile: None }
    }

    /// Whether a routing engine was asked, and answered.
    pub fn is_measured(&self) -> bool {
        self.source != "direct"
    }

    /// Whether any drive was estimated, by the profile if there is one.
    pub fn is_estimated(&self) -> bool {
        !self.is_measured() || self.off_the_map > 0
    }

    /// The record of a policy, with where the travel times came from beside what would have been assumed.
    #[must_use]
    pub fn noted_in(&self, mut record: Value) -> Value {
        if let Some(travel) = record.get_mut("travel").and_then(Value::as_object_mut) {
            travel.insert("source".to_owned(), self.source.clone().into());
            let because = self.because.clone().map(|because| ("because".to_owned(), because.into()));
            let off_the_map = (self.off_the_map > 0).then(|| ("off_the_map".to_owned(), self.off_the_map.into()));
            let profile = self.profile.map(|version| ("profile".to_owned(), version.into()));
            travel.extend(because.into_iter().chain(off_the_map).chain(profile));
        }
        record
    }
}

impl Default for TravelUsed {
    fn default() -> Self {
        Self::direct(None)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_none(count: &u32) -> bool {
    *count == 0
}
