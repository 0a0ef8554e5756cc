//! What of the ledger's tables and of others is read for tickets. Nothing here writes.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sync_core::ids::{ContactId, CustomerId, SiteId, TicketId};
use uuid::Uuid;

use super::error::TicketError;
use super::view::{
    AssignmentView, EvidenceView, FactView, ReviewView, TicketCard, TicketFilter, TicketView, TicketVisitView,
};
use crate::platform::hex;
use crate::tenancy::TenantTx;

pub struct CardRow {
    pub ticket_id: Uuid,
    pub number: String,
    pub ticket_type: String,
    pub title: String,
    pub priority: i32,
    pub status: String,
    pub customer_id: Option<Uuid>,
    pub site_id: Option<Uuid>,
    pub lat: Option<f64>,
    pub lon: Option<f64>,
    pub engineer_ids: Vec<Uuid>,
    pub starts_at: Option<DateTime<Utc>>,
    pub respond_by: Option<DateTime<Utc>>,
    pub resolve_by: Option<DateTime<Utc>>,
    pub needs_review: bool,
    pub needs_location: bool,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// Tickets before this one, the newest first. Ids are in order of time.
pub async fn list(
    tx: &mut TenantTx,
    filter: &TicketFilter,
    before: Option<Uuid>,
    rows: i64,
) -> Result<Vec<CardRow>, TicketError> {
    let statuses: Option<Vec<String>> =
        filter.status.as_ref().map(|text| text.split(',').map(|status| status.trim().to_owned()).collect());
    let found = sqlx::query_as!(
        CardRow,
        r#"select t.ticket_id, t.number, t.ticket_type, t.title, t.priority, t.status, t.customer_id, t.site_id,
            s.lat as "lat?", s.lon as "lon?",
            array(select distinct a.user_id from assignment a where a.ticket_id = t.ticket_id and a.ended_at is null)
                as "engineer_ids!",
            (select min(v.starts_at) from visit v
                where v.ticket_id = t.ticket_id and v.status not in ('done', 'verified', 'closed', 'cancelled')) as starts_at,
            t.respond_by, t.resolve_by, t.needs_review,
            (s.lat is null and t.status not in ('done', 'verified', 'closed', 'cancelled')) as "needs_location!",
            t.created_at, t.updated_at
        from ticket t
        left join site s on s.tenant_id = t.tenant_id and s.site_id = t.site_id
        where ($1::uuid is null or t.ticket_id < $1)
            and ($2::text[] is null or t.status = any($2))
            and ($3::text is null or t.ticket_type = $3)
            and ($4::integer is null or t.priority = $4)
            and ($5::uuid is null or t.customer_id = $5)
            and ($6::uuid is null or t.site_id = $6)
            and ($7::uuid is null or exists (
                select from assignment a where a.ticket_id = t.ticket_id and a.user_id = $7 and a.ended_at is null))
            and ($8::boolean is null or t.needs_review = $8)
            and ($9::boolean is null
                or (s.lat is null and t.status not in ('done', 'verified', 'closed', 'cancelled')) = $9)
            and ($10::text is null or strpos(t.number, $10) > 0 or strpos(lower(t.title), lower($10)) > 0
                or strpos(lower(t.description), lower($10)) > 0)
        order by t.ticket_id desc
        limit $11"#,
        before,
        statuses.as_deref(),
        filter.ticket_type,
        filter.priority,
        filter.customer_id,
        filter.site_id,
        filter.engineer_id,
        filter.needs_review,
        filter.needs_location,
        filter.q,
        rows,
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(found)
}

/// One ticket with its whole story.
pub async fn view(tx: &mut TenantTx, ticket: TicketId) -> Result<TicketView, TicketError> {
    let row = sqlx::query!(
        r#"select t.ticket_id, t.number, t.ticket_type, t.title, t.description, t.priority, t.status, t.customer_id, t.site_id,
            t.asset_id, t.contact_id, t.duration_ms, t.version,
            s.lat as "lat?", s.lon as "lon?", t.respond_by, t.resolve_by, t.needs_review, t.created_at, t.updated_at,
            array(select k.skill from ticket_skill k where k.ticket_id = t.ticket_id order by k.skill) as "skills!",
            array(select k.level from ticket_skill k where k.ticket_id = t.ticket_id order by k.skill) as "levels!"
        from ticket t
        left join site s on s.tenant_id = t.tenant_id and s.site_id = t.site_id
        where t.ticket_id = $1"#,
        ticket.0,
    )
    .fetch_optional(&mut **tx)
    .await?
    .ok_or(TicketError::NotFound)?;
    let visits = visits(tx, ticket).await?;
    let timeline = timeline(tx, ticket).await?;
    let is_over = |status: &str| ["done", "verified", "closed", "cancelled"].contains(&status);
    let assigned = visits.iter().flat_map(|visit| &visit.assignments).filter(|one| one.ended_at.is_none());
    let mut engineer_ids: Vec<Uuid> = assigned.map(|one| one.engineer_id).collect();
    engineer_ids.sort_unstable();
    engineer_ids.dedup();
    let reviews = timeline.iter().filter(|fact| !fact.flags.is_empty());
    let card = CardRow {
        ticket_id: row.ticket_id,
        number: row.number,
        ticket_type: row.ticket_type,
        title: row.title,
        priority: row.priority,
        customer_id: row.customer_id,
        site_id: row.site_id,
        lat: row.lat,
        lon: row.lon,
        engineer_ids,
        starts_at: visits.iter().filter(|visit| !is_over(&visit.status)).filter_map(|visit| visit.starts_at).min(),
        respond_by: row.respond_by,
        resolve_by: row.resolve_by,
        needs_review: row.needs_review,
        needs_location: row.lat.is_none() && !is_over(&row.status),
        status: row.status,
        created_at: row.created_at,
        updated_at: row.updated_at,
    };
    Ok(TicketView {
        card: TicketCard::from(card),
        description: row.description,
        contact_id: row.contact_id,
        asset_id: row.asset_id,
        duration_min: row.duration_ms / 60_000,
        skills: row.skills.into_iter().zip(row.levels).collect(),
        visits,
        reviews: reviews.map(|fact| ReviewView { fact_id: fact.fact_id, flags: fact.flags.clone() }).collect(),
        timeline,
        evidence: evidence(tx, ticket).await?,
        version: row.version,
    })
}

async fn visits(tx: &mut TenantTx, ticket: TicketId) -> Result<Vec<TicketVisitView>, TicketError> {
    let assignments = sqlx::query!(
        "select grant_id, visit_id, user_id, role, granted_by, granted_at, ended_at
        from assignment
        where ticket_id = $1
        order by granted_at, grant_id",
        ticket.0,
    )
    .fetch_all(&mut **tx)
    .await?;
    let mut by_visit: BTreeMap<Uuid, Vec<AssignmentView>> = BTreeMap::new();
    for row in assignments {
        by_visit.entry(row.visit_id).or_default().push(AssignmentView {
            assignment_id: row.grant_id,
            engineer_id: row.user_id,
            role: row.role,
            granted_by: row.granted_by,
            granted_at: row.granted_at,
            ended_at: row.ended_at,
        });
    }
    let visits = sqlx::query!(
        "select visit_id, status, starts_at, ends_at, is_pinned from visit where ticket_id = $1 order by visit_id",
        ticket.0,
    )
    .fetch_all(&mut **tx)
    .await?;
    let view = visits.into_iter().map(|row| TicketVisitView {
        assignments: by_visit.remove(&row.visit_id).unwrap_or_default(),
        visit_id: row.visit_id,
        status: row.status,
        starts_at: row.starts_at,
        ends_at: row.ends_at,
        is_pinned: row.is_pinned,
    });
    Ok(view.collect())
}

async fn timeline(tx: &mut TenantTx, ticket: TicketId) -> Result<Vec<FactView>, TicketError> {
    let facts = sqlx::query_as!(
        FactView,
        "select fact_id, kind, visit_id, user_id, device_id, device_time, received_at, verdict, status, flags, body
        from fact
        where ticket_id = $1
        order by n",
        ticket.0,
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(facts)
}

async fn evidence(tx: &mut TenantTx, ticket: TicketId) -> Result<Vec<EvidenceView>, TicketError> {
    let rows = sqlx::query!(
        r#"select e.fact_id, e.sha256, e.size, e.mime, e.role, e.step, b.sha256 is not null as "is_stored!"
        from evidence e
        left join stored_blob b on b.tenant_id = e.tenant_id and b.sha256 = e.sha256
        where e.ticket_id = $1
        order by e.fact_id"#,
        ticket.0,
    )
    .fetch_all(&mut **tx)
    .await?;
    let view = rows.into_iter().map(|row| EvidenceView {
        fact_id: row.fact_id,
        sha256: hex::encode(&row.sha256),
        size: row.size,
        mime: row.mime,
        role: row.role,
        step: row.step,
        is_stored: row.is_stored,
    });
    Ok(view.collect())
}

/// What is known of the places that a ticket names.
pub struct Places {
    pub customer_of_site: Option<CustomerId>,
}

/// An error that names the field if one of these does not exist, or if the contact is of another site.
pub async fn places(
    tx: &mut TenantTx,
    customer: Option<CustomerId>,
    site: Option<SiteId>,
    contact: Option<ContactId>,
) -> Result<Places, TicketError> {
    let found = sqlx::query!(
        r#"select
            exists(select from customer where customer_id = $1) as "has_customer!",
            exists(select from site where site_id = $2) as "has_site!",
            (select customer_id from site where site_id = $2) as customer_of_site,
            (select site_id from contact where contact_id = $3) as site_of_contact"#,
        customer.map(|id| id.0),
        site.map(|id| id.0),
        contact.map(|id| id.0),
    )
    .fetch_one(&mut **tx)
    .await?;
    if customer.is_some() && !found.has_customer {
        return Err(TicketError::NoSuch("customer_id"));
    }
    if site.is_some() && !found.has_site {
        return Err(TicketError::NoSuch("site_id"));
    }
    match (contact, found.site_of_contact) {
        (Some(_), None) => Err(TicketError::NoSuch("contact_id")),
        (Some(_), Some(of)) if site.is_some_and(|site| site.0 != of) => Err(TicketError::ContactElsewhere),
        _ => Ok(Places { customer_of_site: found.customer_of_site.map(CustomerId) }),
    }
}

/// The site of a ticket; none if there is no such ticket.
pub async fn site_of(tx: &mut TenantTx, ticket: TicketId) -> Result<Option<Option<SiteId>>, TicketError> {
    let site = sqlx::query_scalar!("select site_id from ticket where ticket_id = $1", ticket.0)
        .fetch_optional(&mut **tx)
        .await?;
    Ok(site.map(|site| site.map(SiteId)))
}

/// The tickets of a site on which something is still to be done.
pub async fn open_tickets_of_site(tx: &mut TenantTx, site: SiteId) -> Result<Vec<TicketId>, TicketError> {
    let tickets = sqlx::query_scalar!(
        "select ticket_id
        from ticket
        where site_id = $1 and status not in ('done', 'verified', 'closed', 'cancelled')
        order by ticket_id",
        site.0,
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(tickets.into_iter().map(TicketId).collect())
}
