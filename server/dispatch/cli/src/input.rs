//! What is to be planned, as JSON. All times are whole seconds on one clock, whichever it is; a window is the first and
//! the last moment at which a visit may start.
//!
//! A field that is not known is refused by name, so that a typing error does not become a forgotten wish.

use std::collections::BTreeMap;

use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Nothing starts before.
    #[serde(default)]
    pub now: i64,
    #[serde(default)]
    pub travel: TravelInput,
    pub engineers: Vec<EngineerInput>,
    pub visits: Vec<VisitInput>,
    #[serde(default)]
    pub policy: PolicyInput,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum TravelInput {
    /// As the crow flies, times `detour`.
    Direct {
        #[serde(default = "detour")]
        detour: f64,
    },
    /// Seconds between the places that have an `index`, row by row from a place to all others; null where there is no
    /// road. Places without an index are reached as the crow flies.
    Matrix {
        seconds: Vec<Vec<Option<u32>>>,
        #[serde(default = "detour")]
        detour: f64,
    },
}

/// Where something is: a position, its row in the matrix, or both.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaceInput {
    pub lat: Option<f64>,
    pub lon: Option<f64>,
    pub index: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EngineerInput {
    pub id: String,
    /// Where every shift starts that does not say otherwise.
    pub home: PlaceInput,
    /// 28.8 if left out.
    pub speed_kmh: Option<f64>,
    /// From each moment on so many thousandths of that speed, 10 to 10,000; before the first as from it on.
    #[serde(default)]
    pub traffic: Vec<(i64, u32)>,
    /// Levels by skill.
    #[serde(default)]
    pub skills: BTreeMap<String, u8>,
    /// When each certificate ends; null if it does not.
    #[serde(default)]
    pub certificates: BTreeMap<String, Option<i64>>,
    #[serde(default)]
    pub territories: Vec<String>,
    pub shifts: Vec<ShiftInput>,
    #[serde(default)]
    pub time_off: Vec<(i64, i64)>,
    #[serde(default)]
    pub commitments: Vec<CommitmentInput>,
    /// How much load the van takes; no limit if left out.
    pub capacity: Option<u32>,
    /// Parts in the van, by name.
    #[serde(default)]
    pub van: BTreeMap<String, u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShiftInput {
    pub start: i64,
    pub end: i64,
    pub from: Option<PlaceInput>,
    /// Where the engineer must be at the end; left out: wherever the last visit is.
    pub to: Option<PlaceInput>,
    #[serde(default)]
    pub breaks: Vec<BreakInput>,
    #[serde(default)]
    pub overtime_s: u32,
    #[serde(default)]
    pub forecast_s: u32,
}

/// A break that begins between two moments.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BreakInput {
    pub earliest: i64,
    pub latest: i64,
    pub duration_s: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommitmentInput {
    pub place: PlaceInput,
    pub start: i64,
    pub end: i64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VisitInput {
    pub id: String,
    pub place: PlaceInput,
    pub duration_s: u32,
    #[serde(default)]
    pub windows: Vec<(i64, i64)>,
    #[serde(default)]
    pub skills: BTreeMap<String, u8>,
    #[serde(default)]
    pub certificates: Vec<String>,
    pub territory: Option<String>,
    /// 1, the most urgent, to 5; 3 if left out.
    pub priority: Option<u8>,
    pub due: Option<i64>,
    pub pinned_engineer: Option<String>,
    pub pinned_start: Option<i64>,
    #[serde(default)]
    pub barred: Vec<String>,
    #[serde(default)]
    pub preferred: Vec<String>,
    #[serde(default)]
    pub load: u32,
    #[serde(default)]
    pub parts: BTreeMap<String, u32>,
    /// 1 if left out.
    pub crew_size: Option<u8>,
    /// Visits that must have ended before.
    #[serde(default)]
    pub after: Vec<AfterInput>,
    pub published: Option<PublishedInput>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AfterInput {
    pub visit: String,
    #[serde(default)]
    pub gap_s: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedInput {
    pub engineer: String,
    pub start: i64,
}

/// Weights that differ from the defaults.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyInput {
    pub travel_permille: Option<u32>,
    pub full_load_s: Option<u32>,
    pub wait_permille: Option<[u32; 5]>,
    pub late_permille: Option<[u32; 5]>,
    pub preferred_s: Option<u32>,
    pub overskilled_s: Option<u32>,
    pub missing_part_s: Option<u32>,
    pub moved_s: Option<u32>,
    pub moved_tolerance_s: Option<u32>,
    pub overtime_permille: Option<u32>,
    pub unserved_weight: Option<[u32; 5]>,
}

impl Default for TravelInput {
    fn default() -> Self {
        Self::Direct { detour: detour() }
    }
}

fn detour() -> f64 {
    1.4
}
