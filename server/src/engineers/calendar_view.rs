//! Shifts and time off as the API shows and takes them.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::calendar_store::{ShiftRow, TimeOffRow};
use crate::directory::{Break, Period, Unacceptable, prose};
use crate::platform::problem::{ApiResult, Problem, invalid};

/// How many shifts one request may add.
const MOST_SHIFTS: usize = 500;

/// A stretch of work: at most a day, so that a wrong date is told at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shift {
    period: Period,
    breaks: Vec<Break>,
}

impl Shift {
    pub fn new(starts_at: DateTime<Utc>, ends_at: DateTime<Utc>, breaks: Vec<Break>) -> Result<Self, Unacceptable> {
        let period = Period::new(starts_at, ends_at)?;
        if period.length() > TimeDelta::hours(24) {
            return Err(Unacceptable::new("a shift is at most 24 hours long"));
        }
        Ok(Self { period, breaks: Break::within(period, breaks)? })
    }

    pub fn period(&self) -> Period {
        self.period
    }

    /// In the order in which they are taken.
    pub fn breaks(&self) -> &[Break] {
        &self.breaks
    }
}

/// Which part of a calendar is wanted: what ends after `from` and starts before `to`.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CalendarFilter {
    pub from: Option<DateTime<Utc>>,
    pub to: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ShiftView {
    pub shift_id: Uuid,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    /// In the order in which they are taken.
    pub breaks: Vec<Break>,
}

impl From<ShiftRow> for ShiftView {
    fn from(ShiftRow { shift_id, starts_at, ends_at, breaks }: ShiftRow) -> Self {
        Self { shift_id, starts_at, ends_at, breaks: breaks.0 }
    }
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ShiftRequest {
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    /// At most four, within the shift. No visit and no drive is planned during them.
    #[serde(default)]
    pub breaks: Vec<Break>,
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ShiftsRequest {
    /// 1 to 500.
    pub shifts: Vec<ShiftRequest>,
}

impl ShiftsRequest {
    pub fn parse(&self) -> ApiResult<Vec<Shift>> {
        if self.shifts.is_empty() || self.shifts.len() > MOST_SHIFTS {
            return Err(Problem::invalid("shifts", format!("1 to {MOST_SHIFTS} shifts can be added at once")));
        }
        let shift = |shift: &ShiftRequest| Shift::new(shift.starts_at, shift.ends_at, shift.breaks.clone());
        self.shifts.iter().map(|one| shift(one).map_err(invalid("shifts"))).collect()
    }
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TimeOffView {
    pub time_off_id: Uuid,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    pub reason: Option<String>,
}

impl From<TimeOffRow> for TimeOffView {
    fn from(TimeOffRow { time_off_id, starts_at, ends_at, reason }: TimeOffRow) -> Self {
        Self { time_off_id, starts_at, ends_at, reason }
    }
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TimeOffRequest {
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    pub reason: Option<String>,
}

impl TimeOffRequest {
    pub fn parse(&self) -> ApiResult<(Period, Option<String>)> {
        let period = Period::new(self.starts_at, self.ends_at).map_err(invalid("ends_at"))?;
        Ok((period, prose::<500>(self.reason.as_deref().unwrap_or_default()).map_err(invalid("reason"))?))
    }
}
