//! On what terms the server decides: the weights, and what is assumed where nobody has measured.

use callout_dispatch::Policy;
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::settings::Settings;
use super::travel::Roads;
use super::{PlanningError, settings_store};
use crate::tenancy::TenantTx;

/// Of one tenant: its weights, and what is the same for all. Kept with each decision as it was then.
#[derive(Debug, Clone)]
pub struct Terms {
    /// What travel, load, waiting and lateness are worth.
    pub policy: Policy,
    /// How much longer roads are than the straight line.
    pub detour: f64,
    /// Of an engineer whose speed nobody has entered.
    pub speed_kmh: f64,
    /// How far ahead a visit without a time window is placed.
    pub horizon: TimeDelta,
    /// Who says how long drives take; by default they are estimated.
    pub roads: Roads,
}

impl Default for Terms {
    fn default() -> Self {
        let policy = Settings::default().policy;
        Self { policy, detour: 1.4, speed_kmh: 28.8, horizon: TimeDelta::days(7), roads: Roads::default() }
    }
}

impl Terms {
    /// Those of the tenant, with drives that are estimated: [`Terms::by`] is for those who drive.
    pub async fn load(tx: &mut TenantTx) -> Result<Self, PlanningError> {
        Ok(Self { policy: settings_store::load(tx).await?.policy, ..Self::default() })
    }

    /// The same with drives from there.
    #[must_use]
    pub fn by(self, roads: &Roads) -> Self {
        Self { roads: roads.clone(), ..self }
    }

    /// As it is kept beside a decision.
    pub fn record(&self) -> Value {
        let Self { policy, detour, speed_kmh, horizon, roads: _ } = self;
        json!({
            "travel": { "kind": "direct", "detour": detour, "speed_kmh": speed_kmh },
            "horizon_h": horizon.num_hours(),
            "shortlist": policy.shortlist,
            "travel_permille": policy.travel_permille,
            "full_load_s": policy.full_load_s,
            "wait_permille": policy.wait_permille,
            "late_permille": policy.late_permille,
            "preferred_s": policy.preferred_s,
            "overskilled_s": policy.overskilled_s,
            "missing_part_s": policy.missing_part_s,
            "moved_s": policy.moved_s,
            "moved_tolerance_s": policy.moved_tolerance_s,
            "overtime_permille": policy.overtime_permille,
            "unserved_weight": policy.unserved_weight,
        })
    }
}
