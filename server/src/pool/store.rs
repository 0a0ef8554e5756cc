//! All SQL of this feature.

use sync_core::ids::{GrantId, UserId};
use uuid::Uuid;

use super::view::TakenView;
use crate::planning::PlanningError;
use crate::tenancy::TenantTx;

/// A card with how many it is offered to.
pub struct EntryRow {
    pub ticket_id: Uuid,
    pub visit_id: Uuid,
    pub card: Vec<u8>,
    pub offered_to: i64,
}

/// What is on offer, to anybody or to one engineer, by ticket.
pub async fn entries(
    tx: &mut TenantTx,
    to: Option<UserId>,
    after: Option<Uuid>,
    rows: i64,
) -> Result<Vec<EntryRow>, PlanningError> {
    let rows = sqlx::query_as!(
        EntryRow,
        r#"select c.ticket_id, c.visit_id, c.card,
            (select count(*) from pool_offer o where o.ticket_id = c.ticket_id and not o.is_gone) as "offered_to!"
        from pool_card c
        where ($1::uuid is null or exists (
                select from pool_offer o where o.engineer_id = $1 and o.ticket_id = c.ticket_id and not o.is_gone
            ))
            and ($2::uuid is null or c.ticket_id > $2)
        order by c.ticket_id
        limit $3"#,
        to.map(|engineer| engineer.0),
        after,
        rows,
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows)
}

/// An assignment as its engineer sees it.
pub async fn taken(tx: &mut TenantTx, grant: GrantId) -> Result<TakenView, PlanningError> {
    sqlx::query_as!(
        TakenView,
        r#"select a.grant_id as assignment_id, a.visit_id, a.ticket_id, b.starts_at as "starts_at?", b.ends_at as "ends_at?"
        from assignment a
        left join booking b on b.grant_id = a.grant_id
        where a.grant_id = $1"#,
        grant.0,
    )
    .fetch_optional(&mut **tx)
    .await?
    .ok_or(PlanningError::NotFound)
}
