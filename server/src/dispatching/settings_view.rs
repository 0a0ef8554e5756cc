//! The dispatch settings as the API shows and takes them.

use callout_dispatch::Policy;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::directory::DispatchMode;
use crate::planning::settings::Settings;
use crate::platform::etag::Versioned;
use crate::platform::problem::{ApiResult, Problem, invalid};

/// How a tenant wants to be dispatched.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DispatchSettingsView {
    /// `automatic`, `suggest`, `pool` or `manual`: who decides, where a ticket type does not say.
    pub mode: String,
    pub weights: WeightsView,
    /// 0 as long as they are the defaults.
    pub version: i64,
    pub updated_at: Option<DateTime<Utc>>,
    pub updated_by: Option<Uuid>,
}

/// What things are worth, in seconds of driving.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WeightsView {
    /// What it weighs to leave a visit out of a plan, from priority 1 to 5. The ratio decides how many ordinary visits an
    /// urgent one is given up for.
    pub unserved_weight: Vec<u32>,
    /// What a second of additional driving costs, in thousandths.
    pub travel_permille: u32,
    /// What a shift filled to the brim costs.
    pub full_load_s: u32,
    /// What each second costs by which a visit starts later than it could, in thousandths, from priority 1 to 5.
    pub wait_permille: Vec<u32>,
    /// What each second costs by which a visit ends after its SLA is due, in thousandths, from priority 1 to 5.
    pub late_permille: Vec<u32>,
    /// What it is worth to send a preferred engineer.
    pub preferred_s: u32,
    /// What each level costs that an engineer has above what is asked for.
    pub overskilled_s: u32,
    /// What it costs to fetch a part that is not in the van.
    pub missing_part_s: u32,
    /// What it costs to change the engineer of a published appointment, or to move it by more than the tolerance.
    pub moved_s: u32,
    pub moved_tolerance_s: u32,
    /// What a second of overtime costs, in thousandths of a second of driving.
    pub overtime_permille: u32,
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DispatchSettingsRequest {
    /// `automatic`, `suggest`, `pool` or `manual`.
    pub mode: String,
    /// What is left out is as usual.
    #[serde(default)]
    pub weights: WeightsRequest,
}

/// What things are worth; what is left out is as usual.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WeightsRequest {
    /// From priority 1 to 5, each 1 to 1,000,000,000.
    pub unserved_weight: Option<Vec<i64>>,
    /// Thousandths: 0 to 1,000,000.
    pub travel_permille: Option<i64>,
    /// Seconds: 0 to 604,800.
    pub full_load_s: Option<i64>,
    /// From priority 1 to 5, each 0 to 1,000,000.
    pub wait_permille: Option<Vec<i64>>,
    /// From priority 1 to 5, each 0 to 1,000,000.
    pub late_permille: Option<Vec<i64>>,
    pub preferred_s: Option<i64>,
    pub overskilled_s: Option<i64>,
    pub missing_part_s: Option<i64>,
    pub moved_s: Option<i64>,
    pub moved_tolerance_s: Option<i64>,
    pub overtime_permille: Option<i64>,
}

impl DispatchSettingsRequest {
    pub fn parse(self) -> ApiResult<(DispatchMode, Policy)> {
        let mode = DispatchMode::new(&self.mode).map_err(invalid("mode"))?;
        let (asked, usual) = (self.weights, Settings::default().policy);
        let policy = Policy {
            unserved_weight: five("weights.unserved_weight", asked.unserved_weight, usual.unserved_weight, WEIGHT)?,
            travel_permille: one("weights.travel_permille", asked.travel_permille, usual.travel_permille, PERMILLE)?,
            full_load_s: one("weights.full_load_s", asked.full_load_s, usual.full_load_s, SECONDS)?,
            wait_permille: five("weights.wait_permille", asked.wait_permille, usual.wait_permille, PERMILLE)?,
            late_permille: five("weights.late_permille", asked.late_permille, usual.late_permille, PERMILLE)?,
            preferred_s: one("weights.preferred_s", asked.preferred_s, usual.preferred_s, SECONDS)?,
            overskilled_s: one("weights.overskilled_s", asked.overskilled_s, usual.overskilled_s, SECONDS)?,
            missing_part_s: one("weights.missing_part_s", asked.missing_part_s, usual.missing_part_s, SECONDS)?,
            moved_s: one("weights.moved_s", asked.moved_s, usual.moved_s, SECONDS)?,
            moved_tolerance_s: one(
                "weights.moved_tolerance_s",
                asked.moved_tolerance_s,
                usual.moved_tolerance_s,
                SECONDS,
            )?,
            overtime_permille: one(
                "weights.overtime_permille",
                asked.overtime_permille,
                usual.overtime_permille,
                PERMILLE,
            )?,
            ..usual
        };
        Ok((mode, policy))
    }
}

/// What a weight may be.
type Range = (u32, u32);

/// Leaving a visit out is never for nothing; the largest ratio makes sure that no urgent visit is given up for ordinary
/// ones.
const WEIGHT: Range = (1, 1_000_000_000);
const PERMILLE: Range = (0, 1_000_000);
/// A week.
const SECONDS: Range = (0, 604_800);

fn one(field: &'static str, asked: Option<i64>, usual: u32, (least, most): Range) -> ApiResult<u32> {
    let Some(asked) = asked else { return Ok(usual) };
    let fits = u32::try_from(asked).ok().filter(|weight| (least..=most).contains(weight));
    fits.ok_or_else(|| Problem::invalid(field, format!("a weight is {least} to {most} here")))
}

fn five(field: &'static str, asked: Option<Vec<i64>>, usual: [u32; 5], range: Range) -> ApiResult<[u32; 5]> {
    let Some(asked) = asked else { return Ok(usual) };
    let weights = asked.into_iter().map(|weight| one(field, Some(weight), 0, range)).collect::<ApiResult<Vec<_>>>()?;
    weights.try_into().map_err(|_| Problem::invalid(field, "five weights, from priority 1 to 5"))
}

impl From<Settings> for Versioned<DispatchSettingsView> {
    fn from(settings: Settings) -> Self {
        let Settings { mode, policy, version, updated } = settings;
        let weights = WeightsView {
            unserved_weight: policy.unserved_weight.into(),
            travel_permille: policy.travel_permille,
            full_load_s: policy.full_load_s,
            wait_permille: policy.wait_permille.into(),
            late_permille: policy.late_permille.into(),
            preferred_s: policy.preferred_s,
            overskilled_s: policy.overskilled_s,
            missing_part_s: policy.missing_part_s,
            moved_s: policy.moved_s,
            moved_tolerance_s: policy.moved_tolerance_s,
            overtime_permille: policy.overtime_permille,
        };
        let (updated_at, updated_by) = updated.map(|(at, by)| (at, by.0)).unzip();
        let body = DispatchSettingsView { mode: mode.as_str().to_owned(), weights, version, updated_at, updated_by };
        Self { version, body }
    }
}
