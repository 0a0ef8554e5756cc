//! Visits as the API shows and takes them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::store::VisitRow;
use crate::directory::{Position, PositionView};

/// Which visits are wanted.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct VisitFilter {
    /// Those that may start at this time or later.
    pub from: Option<DateTime<Utc>>,
    /// Those that may start before this time.
    pub to: Option<DateTime<Utc>>,
    /// Those that this engineer is assigned to now.
    pub engineer_id: Option<Uuid>,
    /// Those that nobody is assigned to now, or the others.
    pub unassigned: Option<bool>,
    pub status: Option<String>,
    /// Those without a window instead of those with one.
    #[serde(default)]
    pub unscheduled: bool,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct VisitView {
    pub visit_id: Uuid,
    pub ticket_id: Uuid,
    /// Number of the ticket.
    pub number: String,
    pub title: String,
    pub ticket_type: String,
    pub priority: i32,
    pub status: String,
    /// The earliest start.
    pub starts_at: Option<DateTime<Utc>>,
    /// The latest start.
    pub ends_at: Option<DateTime<Utc>>,
    /// Planning must not move it.
    pub is_pinned: bool,
    pub duration_min: i64,
    pub site_id: Option<Uuid>,
    pub position: Option<PositionView>,
    /// Those assigned now.
    pub engineer_ids: Vec<Uuid>,
}

impl From<VisitRow> for VisitView {
    fn from(row: VisitRow) -> Self {
        Self {
            visit_id: row.visit_id,
            ticket_id: row.ticket_id,
            number: row.number,
            title: row.title,
            ticket_type: row.ticket_type,
            priority: row.priority,
            status: row.status,
            starts_at: row.starts_at,
            ends_at: row.ends_at,
            is_pinned: row.is_pinned,
            duration_min: row.duration_ms / 60_000,
            site_id: row.site_id,
            position: Position::from_columns(row.lat, row.lon).map(PositionView::from),
            engineer_ids: row.engineer_ids,
        }
    }
}

/// What should change; what is left out stays.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VisitEditRequest {
    pub start: Option<SideRequest>,
    pub end: Option<SideRequest>,
    pub pinned: Option<PinRequest>,
}

/// One side of a window.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SideRequest {
    /// What its editor saw there; null if there was none.
    pub seen: Option<DateTime<Utc>>,
    /// What should stand there; null on both sides takes the window away.
    pub value: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PinRequest {
    pub seen: bool,
    pub value: bool,
}
