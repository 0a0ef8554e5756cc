//! What of the ledger's tables is read for visits. Nothing here writes.

use chrono::{DateTime, Utc};
use sync_core::ids::{TicketId, VisitId};
use uuid::Uuid;

use super::error::VisitError;
use super::view::VisitFilter;
use crate::tenancy::TenantTx;

pub struct VisitRow {
    pub visit_id: Uuid,
    pub ticket_id: Uuid,
    pub number: String,
    pub title: String,
    pub ticket_type: String,
    pub priority: i32,
    pub status: String,
    pub starts_at: Option<DateTime<Utc>>,
    pub ends_at: Option<DateTime<Utc>>,
    pub is_pinned: bool,
    pub duration_ms: i64,
    pub site_id: Option<Uuid>,
    pub lat: Option<f64>,
    pub lon: Option<f64>,
    pub engineer_ids: Vec<Uuid>,
}

impl VisitRow {
    pub fn ticket(&self) -> TicketId {
        TicketId(self.ticket_id)
    }
}

/// Where a page begins: after the visit with this start, none if it has no window, and this id.
pub type After = Option<(Option<DateTime<Utc>>, Uuid)>;

pub async fn list(
    tx: &mut TenantTx,
    filter: &VisitFilter,
    after: After,
    rows: i64,
) -> Result<Vec<VisitRow>, VisitError> {
    let found = sqlx::query_as!(
        VisitRow,
        r#"select v.visit_id, v.ticket_id, t.number, t.title, t.ticket_type, t.priority, v.status, v.starts_at, v.ends_at,
            v.is_pinned, t.duration_ms, t.site_id, s.lat as "lat?", s.lon as "lon?",
            array(select a.user_id from assignment a where a.visit_id = v.visit_id and a.ended_at is null order by a.granted_at)
                as "engineer_ids!"
        from visit v
        join ticket t on t.tenant_id = v.tenant_id and t.ticket_id = v.ticket_id
        left join site s on s.tenant_id = t.tenant_id and s.site_id = t.site_id
        where (v.starts_at is null) = $1
            and ($2::timestamptz is null or v.starts_at >= $2)
            and ($3::timestamptz is null or v.starts_at < $3)
            and ($4::uuid is null or exists (
                select from assignment a where a.visit_id = v.visit_id and a.user_id = $4 and a.ended_at is null))
            and ($5::boolean is null or $5 = not exists (
                select from assignment a where a.visit_id = v.visit_id and a.ended_at is null))
            and ($6::text is null or v.status = $6)
            and ($8::uuid is null
                or ($7::timestamptz is null and v.visit_id > $8)
                or (v.starts_at, v.visit_id) > ($7, $8))
        order by v.starts_at, v.visit_id
        limit $9"#,
        filter.unscheduled,
        filter.from,
        filter.to,
        filter.engineer_id,
        filter.unassigned,
        filter.status,
        after.and_then(|(starts_at, _)| starts_at),
        after.map(|(_, id)| id),
        rows,
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(found)
}

pub async fn get(tx: &mut TenantTx, visit: VisitId) -> Result<VisitRow, VisitError> {
    let found = sqlx::query_as!(
        VisitRow,
        r#"select v.visit_id, v.ticket_id, t.number, t.title, t.ticket_type, t.priority, v.status, v.starts_at, v.ends_at,
            v.is_pinned, t.duration_ms, t.site_id, s.lat as "lat?", s.lon as "lon?",
            array(select a.user_id from assignment a where a.visit_id = v.visit_id and a.ended_at is null order by a.granted_at)
                as "engineer_ids!"
        from visit v
        join ticket t on t.tenant_id = v.tenant_id and t.ticket_id = v.ticket_id
        left join site s on s.tenant_id = t.tenant_id and s.site_id = t.site_id
        where v.visit_id = $1"#,
        visit.0,
    )
    .fetch_optional(&mut **tx)
    .await?;
    found.ok_or(VisitError::NotFound)
}
