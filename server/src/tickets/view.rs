//! Tickets as the API shows them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::store::CardRow;
use crate::directory::{Position, PositionView};

/// Which tickets are wanted.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TicketFilter {
    /// One status, or several separated by commas.
    pub status: Option<String>,
    pub ticket_type: Option<String>,
    pub priority: Option<i32>,
    pub customer_id: Option<Uuid>,
    pub site_id: Option<Uuid>,
    /// Those that this engineer is assigned to now.
    pub engineer_id: Option<Uuid>,
    /// Those that a dispatcher should look at, or the others.
    pub needs_review: Option<bool>,
    /// Open tickets whose place is not known, or the others.
    pub needs_location: Option<bool>,
    /// Part of the number, the title or the description.
    pub q: Option<String>,
}

/// A ticket on the board.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TicketCard {
    pub ticket_id: Uuid,
    /// What people call it.
    pub number: String,
    pub ticket_type: String,
    pub title: String,
    /// 1 (most urgent) to 5.
    pub priority: i32,
    pub status: String,
    pub customer_id: Option<Uuid>,
    pub site_id: Option<Uuid>,
    /// Null while nobody has said where it is.
    pub position: Option<PositionView>,
    /// Those assigned now.
    pub engineer_ids: Vec<Uuid>,
    /// Start of the first visit that is not over.
    pub starts_at: Option<DateTime<Utc>>,
    pub respond_by: Option<DateTime<Utc>>,
    pub resolve_by: Option<DateTime<Utc>>,
    pub needs_review: bool,
    pub needs_location: bool,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

impl From<CardRow> for TicketCard {
    fn from(row: CardRow) -> Self {
        Self {
            ticket_id: row.ticket_id,
            number: row.number,
            ticket_type: row.ticket_type,
            title: row.title,
            priority: row.priority,
            status: row.status,
            customer_id: row.customer_id,
            site_id: row.site_id,
            position: Position::from_columns(row.lat, row.lon).map(PositionView::from),
            engineer_ids: row.engineer_ids,
            starts_at: row.starts_at,
            respond_by: row.respond_by,
            resolve_by: row.resolve_by,
            needs_review: row.needs_review,
            needs_location: row.needs_location,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// One ticket with its whole story.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TicketView {
    #[serde(flatten)]
    pub card: TicketCard,
    pub description: Option<String>,
    pub contact_id: Option<Uuid>,
    pub asset_id: Option<Uuid>,
    pub duration_min: i64,
    /// Skills with their least levels.
    pub skills: BTreeMap<String, i32>,
    pub visits: Vec<TicketVisitView>,
    /// Everything that was said, in the order in which it was admitted.
    pub timeline: Vec<FactView>,
    /// Why somebody should look at it, with the facts concerned.
    pub reviews: Vec<ReviewView>,
    pub evidence: Vec<EvidenceView>,
    /// Number of changes to the document.
    pub version: i64,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TicketVisitView {
    pub visit_id: Uuid,
    pub status: String,
    /// The earliest start.
    pub starts_at: Option<DateTime<Utc>>,
    /// The latest start.
    pub ends_at: Option<DateTime<Utc>>,
    /// Planning must not move it.
    pub is_pinned: bool,
    /// Ended ones too.
    pub assignments: Vec<AssignmentView>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AssignmentView {
    pub assignment_id: Uuid,
    pub engineer_id: Uuid,
    /// `lead` or `crew`.
    pub role: String,
    pub granted_by: Uuid,
    pub granted_at: DateTime<Utc>,
    pub ended_at: Option<DateTime<Utc>>,
}

/// One thing that was said.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FactView {
    pub fact_id: Uuid,
    /// `check_in`, `done`, `desk_edit`, …; a client shows a kind it does not know as a plain card.
    pub kind: String,
    pub visit_id: Option<Uuid>,
    pub user_id: Option<Uuid>,
    pub device_id: Option<Uuid>,
    /// What the device's clock showed. Order comes from what each had seen, never from this.
    pub device_time: DateTime<Utc>,
    pub received_at: DateTime<Utc>,
    pub verdict: String,
    /// Where the ticket stood afterwards.
    pub status: String,
    pub flags: Vec<String>,
    /// What it says; its members depend on the kind.
    #[schema(value_type = Object)]
    pub body: Value,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ReviewView {
    pub fact_id: Uuid,
    pub flags: Vec<String>,
}

/// A file that proves something.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EvidenceView {
    pub fact_id: Uuid,
    pub sha256: String,
    pub size: i64,
    pub mime: String,
    pub role: String,
    pub step: Option<String>,
    /// The bytes have arrived too. Until then they are still on a phone.
    pub is_stored: bool,
}
