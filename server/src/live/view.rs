//! Positions as they cross HTTP.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sync_core::time::DeviceTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::error::LiveError;
use super::judge::{Fix, Reason};
use super::report::Batch;

/// What a phone recorded, newest first as a rule. At most 500 fixes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportRequest {
    /// The phone's clock at the moment of sending: against it the times of the fixes are corrected.
    pub sent_at: DateTime<Utc>,
    pub fixes: Vec<FixRequest>,
}

/// One fix, WGS-84.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FixRequest {
    /// By the phone's clock, to the millisecond. With the device it names the fix: sent again, it is a duplicate.
    pub device_time: DateTime<Utc>,
    pub lat: f64,
    pub lon: f64,
    /// Radius in metres within which the device is.
    pub accuracy_m: Option<f64>,
    /// Degrees clockwise from north.
    pub heading_deg: Option<f64>,
    /// Metres a second.
    pub speed_mps: Option<f64>,
}

impl TryFrom<ReportRequest> for Batch {
    type Error = LiveError;

    fn try_from(request: ReportRequest) -> Result<Self, LiveError> {
        let fixes = request.fixes.into_iter().map(Fix::from).collect();
        Self::new(DeviceTime(request.sent_at.timestamp_millis()), fixes)
    }
}

impl From<FixRequest> for Fix {
    fn from(fix: FixRequest) -> Self {
        let FixRequest { device_time, lat, lon, accuracy_m, heading_deg, speed_mps } = fix;
        Self { device_time: DeviceTime(device_time.timestamp_millis()), lat, lon, accuracy_m, heading_deg, speed_mps }
    }
}

/// What became of a batch. The phone may forget all of it: what was refused will be refused again.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReportView {
    pub accepted: usize,
    pub rejected: Vec<RejectView>,
}

/// A fix that was refused.
#[derive(Debug, Serialize, ToSchema)]
pub struct RejectView {
    /// Its place in the request, from 0.
    pub index: usize,
    /// `future`, `stale`, `duplicate`, `off_shift`, `out_of_range`, `no_fix`, `implausible` or `too_fast`.
    #[schema(value_type = String)]
    pub reason: &'static str,
}

impl From<Vec<Result<(), Reason>>> for ReportView {
    fn from(verdicts: Vec<Result<(), Reason>>) -> Self {
        let accepted = verdicts.iter().filter(|verdict| verdict.is_ok()).count();
        let rejected = verdicts
            .into_iter()
            .enumerate()
            .filter_map(|(index, verdict)| Some(RejectView { index, reason: verdict.err()?.as_str() }))
            .collect();
        Self { accepted, rejected }
    }
}

/// Where an engineer is.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PositionView {
    pub engineer_id: Uuid,
    pub lat: f64,
    pub lon: f64,
    pub accuracy_m: Option<f64>,
    pub heading_deg: Option<f64>,
    pub speed_mps: Option<f64>,
    /// When, by the server's clock.
    pub recorded_at: DateTime<Utc>,
    pub received_at: DateTime<Utc>,
}
