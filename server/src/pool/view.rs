//! The pool as the API shows it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use sync_core::reference::Card;
use utoipa::ToSchema;
use uuid::Uuid;

use super::store::EntryRow;
use crate::directory::PositionView;

/// A visit on offer: what an engineer sees of it before it is his.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PoolEntryView {
    pub visit_id: Uuid,
    pub ticket_id: Uuid,
    pub number: String,
    pub ticket_type: String,
    /// 1 (most urgent) to 5.
    pub priority: u32,
    /// The window in which it may start.
    pub starts_at: Option<DateTime<Utc>>,
    pub ends_at: Option<DateTime<Utc>>,
    pub duration_min: i64,
    /// Skills that it needs, each with its least level.
    pub skills: BTreeMap<String, u32>,
    /// The middle of the area, of some kilometres, in which it is.
    pub area: Option<PositionView>,
    pub respond_by: Option<DateTime<Utc>>,
    pub resolve_by: Option<DateTime<Utc>>,
    /// How many engineers it is offered to; null for an engineer who asks.
    pub offered_to: Option<i64>,
}

/// What an engineer has taken.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TakenView {
    pub assignment_id: Uuid,
    pub visit_id: Uuid,
    pub ticket_id: Uuid,
    pub starts_at: Option<DateTime<Utc>>,
    pub ends_at: Option<DateTime<Utc>>,
}

impl PoolEntryView {
    pub fn new(row: EntryRow, is_desk: bool) -> Self {
        let card = Card::from_bytes(&row.card).unwrap_or_default();
        let time = |ms: Option<i64>| ms.and_then(DateTime::from_timestamp_millis);
        Self {
            visit_id: row.visit_id,
            ticket_id: row.ticket_id,
            number: card.number,
            ticket_type: card.ticket_type,
            priority: card.priority,
            starts_at: time(card.starts_at),
            ends_at: time(card.ends_at),
            duration_min: card.duration_ms / 60_000,
            skills: card.skills.into_iter().map(|needed| (needed.skill, needed.level)).collect(),
            area: card.lat.zip(card.lon).map(|(lat, lon)| PositionView { lat, lon }),
            respond_by: time(card.respond_by),
            resolve_by: time(card.resolve_by),
            offered_to: Some(row.offered_to).filter(|_| is_desk),
        }
    }
}
