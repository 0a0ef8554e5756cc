//! What the desk says a ticket is: its core, its visits, who is assigned.

use sync_core::document::seal::{self, Sealed, SealedAt};
use sync_core::document::{GrantRole, TicketState};
use sync_core::time::ServerTime;

use crate::ledger::documents::OpenTicket;
use crate::ledger::{LedgerError, instant};
use crate::tenancy::TenantTx;

/// Writes everything about a ticket but its facts.
pub async fn upsert(
    tx: &mut TenantTx,
    open: &OpenTicket,
    state: &TicketState,
    now: ServerTime,
) -> Result<(), LedgerError> {
    upsert_ticket(tx, open, state, now).await?;
    replace_skills(tx, open).await?;
    upsert_visits(tx, open, state).await?;
    upsert_assignments(tx, open).await
}

async fn upsert_ticket(
    tx: &mut TenantTx,
    open: &OpenTicket,
    state: &TicketState,
    now: ServerTime,
) -> Result<(), LedgerError> {
    let core = open.doc.core();
    sqlx::query!(
        "insert into ticket (
            tenant_id, ticket_id, number, ticket_type, title, description, priority, status, customer_id, site_id, asset_id,
            contact_id, respond_by, resolve_by, duration_ms, needs_review, version, created_at, updated_at)
        select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, document.created_at, $18
        from ticket_document document
        where document.ticket_id = $2
        on conflict on constraint ticket_pkey do update
        set number = $3, ticket_type = $4, title = $5, description = $6, priority = $7, status = $8, customer_id = $9,
            site_id = $10, asset_id = $11, contact_id = $12, respond_by = $13, resolve_by = $14, duration_ms = $15,
            needs_review = $16, version = $17, updated_at = $18",
        tx.tenant().0,
        open.ticket.0,
        core.number,
        core.ticket_type,
        text(open, "title", Some(&core.title)).unwrap_or_default(),
        text(open, "description", core.description.as_ref()),
        i32::try_from(core.priority).unwrap_or(5),
        state.status.as_str(),
        core.customer.map(|id| id.0),
        core.site.map(|id| id.0),
        core.asset.map(|id| id.0),
        core.contact.map(|id| id.0),
        core.respond_by.map(instant),
        core.resolve_by.map(instant),
        core.duration_ms,
        state.needs_review(),
        open.version,
        instant(now),
    )
    .execute(tx.as_mut())
    .await?;
    Ok(())
}

/// A text of the core, opened.
fn text(open: &OpenTicket, field: &str, sealed: Option<&Sealed>) -> Option<String> {
    let at = SealedAt { ticket: open.ticket, fact: None, field };
    seal::open(&open.key, at, sealed?).ok().and_then(|text| String::from_utf8(text).ok())
}

async fn replace_skills(tx: &mut TenantTx, open: &OpenTicket) -> Result<(), LedgerError> {
    let skills = &open.doc.core().skills;
    let names: Vec<String> = skills.keys().cloned().collect();
    let levels: Vec<i32> = skills.values().map(|level| i32::try_from(*level).unwrap_or(i32::MAX)).collect();
    sqlx::query!(
        "with gone as (
            delete from ticket_skill where ticket_id = $2 and skill <> all($3)
        )
        insert into ticket_skill (tenant_id, ticket_id, skill, level)
        select $1, $2, skill, level from unnest($3::text[], $4::integer[]) as needed (skill, level)
        on conflict on constraint ticket_skill_pkey do update set level = excluded.level",
        tx.tenant().0,
        open.ticket.0,
        &names,
        &levels,
    )
    .execute(tx.as_mut())
    .await?;
    Ok(())
}

async fn upsert_visits(tx: &mut TenantTx, open: &OpenTicket, state: &TicketState) -> Result<(), LedgerError> {
    let visits = &open.doc.core().visits;
    let ids: Vec<uuid::Uuid> = visits.keys().map(|id| id.0).collect();
    let statuses: Vec<String> = visits
        .keys()
        .map(|id| state.visits.get(id).map_or(state.status, |visit| visit.status).as_str().to_owned())
        .collect();
    let starts: Vec<_> = visits.values().map(|plan| plan.window.map(|window| instant(window.start()))).collect();
    let ends: Vec<_> = visits.values().map(|plan| plan.window.map(|window| instant(window.end()))).collect();
    let pins: Vec<bool> = visits.values().map(|plan| plan.pinned).collect();
    sqlx::query!(
        "insert into visit (tenant_id, visit_id, ticket_id, status, starts_at, ends_at, is_pinned)
        select $1, visit_id, $2, status, starts_at, ends_at, is_pinned
        from unnest($3::uuid[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::boolean[])
            as planned (visit_id, status, starts_at, ends_at, is_pinned)
        on conflict on constraint visit_pkey do update
        set status = excluded.status, starts_at = excluded.starts_at, ends_at = excluded.ends_at, is_pinned = excluded.is_pinned",
        tx.tenant().0,
        open.ticket.0,
        &ids,
        &statuses,
        &starts as &[Option<chrono::DateTime<chrono::Utc>>],
        &ends as &[Option<chrono::DateTime<chrono::Utc>>],
        &pins,
    )
    .execute(tx.as_mut())
    .await?;
    Ok(())
}

async fn upsert_assignments(tx: &mut TenantTx, open: &OpenTicket) -> Result<(), LedgerError> {
    let grants: Vec<_> = open.doc.grants().values().collect();
    if grants.is_empty() {
        return Ok(());
    }
    let ids: Vec<uuid::Uuid> = grants.iter().map(|grant| grant.id.0).collect();
    let visits: Vec<uuid::Uuid> = grants.iter().map(|grant| grant.visit.0).collect();
    let users: Vec<uuid::Uuid> = grants.iter().map(|grant| grant.user.0).collect();
    let roles: Vec<String> = grants.iter().map(|grant| GrantRole::as_str(grant.role).to_owned()).collect();
    let by: Vec<uuid::Uuid> = grants.iter().map(|grant| grant.by.0).collect();
    let since: Vec<_> = grants.iter().map(|grant| instant(grant.from)).collect();
    let ended: Vec<_> = grants.iter().map(|grant| grant.ended.map(|ended| instant(ended.at))).collect();
    let ended_by: Vec<_> = grants.iter().map(|grant| grant.ended.map(|ended| ended.by.0)).collect();
    sqlx::query!(
        "insert into assignment (tenant_id, grant_id, ticket_id, visit_id, user_id, role, granted_by, granted_at, ended_at, ended_by)
        select $1, grant_id, $2, visit_id, user_id, role, granted_by, granted_at, ended_at, ended_by
        from unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::uuid[], $8::timestamptz[], $9::timestamptz[], $10::uuid[])
            as granted (grant_id, visit_id, user_id, role, granted_by, granted_at, ended_at, ended_by)
        on conflict on constraint assignment_pkey do update set ended_at = excluded.ended_at, ended_by = excluded.ended_by",
        tx.tenant().0,
        open.ticket.0,
        &ids,
        &visits,
        &users,
        &roles,
        &by,
        &since,
        &ended as &[Option<chrono::DateTime<chrono::Utc>>],
        &ended_by as &[Option<uuid::Uuid>],
    )
    .execute(tx.as_mut())
    .await?;
    Ok(())
}
