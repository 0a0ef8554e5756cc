//! What re-planning reads and keeps.

use chrono::{DateTime, TimeDelta, Utc};
use sync_core::ids::{GrantId, TicketId, UserId, VisitId};
use uuid::Uuid;

use super::place::Proposal;
use super::today::Held;
use crate::directory::DispatchMode;
use crate::planning::board::place;
use crate::planning::settings::Settings;
use crate::planning::{PlanningError, Terms};
use crate::tenancy::TenantTx;

/// Everybody who has, or had, a visit of this ticket.
pub async fn engineers_of(tx: &mut TenantTx, ticket: TicketId) -> Result<Vec<UserId>, PlanningError> {
    let rows = sqlx::query_scalar!(
        "select distinct user_id from assignment where ticket_id = $1 order by user_id limit 20",
        ticket.0,
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(UserId).collect())
}

/// What these engineers have booked from a little before now on, by the beginning.
pub async fn held(
    tx: &mut TenantTx,
    engineers: &[UserId],
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Vec<Held>, PlanningError> {
    let engineers: Vec<Uuid> = engineers.iter().map(|engineer| engineer.0).collect();
    let rows = sqlx::query!(
        r#"select b.grant_id, b.user_id, b.ticket_id, b.visit_id, b.starts_at, b.ends_at, v.status, v.is_pinned,
            greatest(b.ends_at, o.expected_end, b.starts_at + t.duration_ms * interval '1 millisecond') as "until!",
            t.priority, coalesce(y.dispatch_mode, d.mode, $4) as "mode!", s.lat as "lat?", s.lon as "lon?", coalesce(x.overridden, '{}') as "overridden!",
            exists (
                select from assignment a
                where a.visit_id = b.visit_id and a.grant_id <> b.grant_id and a.ended_at is null
            ) as "is_shared!"
        from booking b
        join visit v on v.visit_id = b.visit_id
        join ticket t on t.ticket_id = b.ticket_id
        join ticket_type y on y.code = t.ticket_type
        left join dispatch_settings d on true
        left join site s on s.site_id = t.site_id
        left join overrun o on o.grant_id = b.grant_id
        left join assignment_explanation x on x.grant_id = b.grant_id
        where b.user_id = any($1) and b.starts_at >= $2 and b.starts_at < $3
        order by b.starts_at, b.grant_id
        limit 10000"#,
        &engineers,
        now - BEFORE,
        until,
        Settings::default().mode.as_str(),
    )
    .fetch_all(&mut **tx)
    .await?;
    let held = rows.into_iter().map(|row| {
        Ok(Held {
            grant: GrantId(row.grant_id),
            visit: VisitId(row.visit_id),
            ticket: TicketId(row.ticket_id),
            engineer: UserId(row.user_id),
            starts_at: row.starts_at,
            ends_at: row.ends_at,
            is_open: row.status == "assigned" || row.status == "accepted",
            until: if OVER.contains(&row.status.as_str()) { row.ends_at } else { row.until },
            is_pinned: row.is_pinned,
            is_shared: row.is_shared,
            priority: row.priority,
            mode: DispatchMode::new(&row.mode).map_err(|_| PlanningError::Corrupt("a dispatch mode"))?,
            overridden: row.overridden,
            place: place(row.lat, row.lon),
        })
    });
    held.collect()
}

/// Whether these assignments, with their times, are still what was read: open, not pinned, booked for then.
pub async fn are_as_read(tx: &mut TenantTx, held: &[&Held]) -> Result<bool, PlanningError> {
    let ids: Vec<Uuid> = held.iter().map(|one| one.grant.0).collect();
    let starts: Vec<DateTime<Utc>> = held.iter().map(|one| one.starts_at).collect();
    let ends: Vec<DateTime<Utc>> = held.iter().map(|one| one.ends_at).collect();
    let same = sqlx::query_scalar!(
        r#"select count(*) as "count!"
        from unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[]) as read (grant_id, starts_at, ends_at)
        join booking b on b.grant_id = read.grant_id and b.starts_at = read.starts_at and b.ends_at = read.ends_at
        join assignment a on a.grant_id = b.grant_id and a.ended_at is null
        join visit v on v.visit_id = b.visit_id and v.status in ('assigned', 'accepted') and not v.is_pinned"#,
        &ids,
        &starts,
        &ends,
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(usize::try_from(same).is_ok_and(|same| same == held.len()))
}

/// The visits for which it has been suggested to end one of these assignments.
pub async fn suggested(tx: &mut TenantTx, instead_of: &[GrantId]) -> Result<Vec<VisitId>, PlanningError> {
    let ids: Vec<Uuid> = instead_of.iter().map(|grant| grant.0).collect();
    let rows = sqlx::query_scalar!("select visit_id from suggestion where instead_of = any($1)", &ids)
        .fetch_all(&mut **tx)
        .await?;
    Ok(rows.into_iter().map(VisitId).collect())
}

/// Keeps what would be done with an appointment that cannot stay. What says the same already stays as it is.
pub async fn keep(
    tx: &mut TenantTx,
    proposal: &Proposal,
    terms: &Terms,
    at: DateTime<Utc>,
) -> Result<(), PlanningError> {
    let (held, chosen) = (&proposal.held, proposal.chosen.as_ref());
    sqlx::query!(
        "insert into suggestion (
            tenant_id, visit_id, ticket_id, made_at, engineer_id, starts_at, ends_at, considered, policy, instead_of, cause)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        on conflict on constraint suggestion_pkey do update
        set made_at = $4, engineer_id = $5, starts_at = $6, ends_at = $7, considered = $8, policy = $9, instead_of = $10,
            cause = $11
        where (suggestion.engineer_id, suggestion.starts_at, suggestion.instead_of, suggestion.cause)
            is distinct from ($5, $6, $10, $11)",
        tx.tenant().0,
        held.visit.0,
        held.ticket.0,
        at,
        chosen.map(|one| one.engineer_id),
        chosen.map(|one| one.starts_at),
        chosen.map(|one| one.ends_at),
        serde_json::to_value(&proposal.considered)?,
        proposal.considered.travel.noted_in(terms.record()),
        held.grant.0,
        proposal.cause,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Takes back what was suggested for these assignments, but for these visits.
pub async fn forget(tx: &mut TenantTx, instead_of: &[GrantId], but: &[VisitId]) -> Result<(), PlanningError> {
    let ids: Vec<Uuid> = instead_of.iter().map(|grant| grant.0).collect();
    let but: Vec<Uuid> = but.iter().map(|visit| visit.0).collect();
    sqlx::query!("delete from suggestion where instead_of = any($1) and visit_id <> all($2)", &ids, &but)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Visits that nobody could take when they were looked at last, the urgent and the old first.
pub async fn unplaced(tx: &mut TenantTx) -> Result<Vec<Uuid>, PlanningError> {
    let rows = sqlx::query_scalar!(
        "select s.visit_id
        from suggestion s
        join visit v on v.visit_id = s.visit_id
        join ticket t on t.ticket_id = s.ticket_id
        where s.engineer_id is null and s.instead_of is null and v.status = 'created'
        order by t.priority, t.created_at, s.visit_id
        limit $1",
        MOST_UNPLACED,
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows)
}

/// An appointment that takes longer than planned.
pub struct Overrun {
    pub ticket: TicketId,
    pub visit: VisitId,
    pub engineer: UserId,
}

/// Finds the appointments that take longer than planned, as far as is known, where another one follows soon; notes until
/// when, and returns those of which that is news.
///
/// Whoever has checked in is busy for as long as was planned, counted from then; once that is over, for a quarter more
/// from now on. Whoever should have and has not will need all of it. But only a phone that was heard of since can be
/// taken at its word: without a network everything may be going as planned.
pub async fn notice_overruns(tx: &mut TenantTx, now: DateTime<Utc>) -> Result<Vec<Overrun>, PlanningError> {
    let rows = sqlx::query!(
        r#"with under_way as (
            select b.grant_id, b.visit_id, b.ticket_id, b.user_id, b.starts_at, b.ends_at, b.ends_at - b.starts_at as planned,
                (
                    select least(max(f.received_at), greatest(max(f.device_time), b.starts_at)) from fact f
                    where f.visit_id = b.visit_id and f.kind = 'check_in' and f.user_id = b.user_id
                        and v.status in ('on_site', 'in_progress')
                ) as begun_at,
                (select max(d.last_seen) from device d where d.user_id = b.user_id) as heard_at
            from booking b
            join visit v on v.visit_id = b.visit_id
            where b.starts_at between $2::timestamptz - interval '1 day' and $2
                and v.status in ('assigned', 'accepted', 'en_route', 'on_site', 'in_progress')
        ), expected as (
            select u.*,
                case
                    when begun_at + planned > $2 then begun_at + planned
                    when begun_at + planned < heard_at then $2 + greatest(planned / 4, interval '10 minutes')
                    when begun_at is null and starts_at + interval '10 minutes' < least(heard_at, $2) then $2 + planned
                end as expected_end
            from under_way u
        ), told as (
            insert into overrun as o (tenant_id, grant_id, visit_id, expected_end, noticed_at)
            select $1, e.grant_id, e.visit_id, e.expected_end, $2
            from expected e
            where e.expected_end > e.ends_at + interval '5 minutes'
                and exists (
                    select from booking n
                    join visit v on v.visit_id = n.visit_id
                    where n.user_id = e.user_id and n.grant_id <> e.grant_id and n.starts_at >= e.starts_at
                        and n.starts_at < e.expected_end + interval '1 hour' and v.status in ('assigned', 'accepted')
                )
            order by e.expected_end
            limit $3
            on conflict on constraint overrun_pkey do update
            set expected_end = excluded.expected_end, noticed_at = excluded.noticed_at
            where excluded.expected_end not between o.expected_end - interval '10 minutes'
                and o.expected_end + interval '10 minutes'
            returning o.grant_id
        )
        select e.ticket_id, e.visit_id, e.user_id
        from expected e
        join told t on t.grant_id = e.grant_id
        order by e.starts_at, e.grant_id"#,
        tx.tenant().0,
        now,
        MOST_NOTICED,
    )
    .fetch_all(&mut **tx)
    .await?;
    let overrun =
        |row: (Uuid, Uuid, Uuid)| Overrun { ticket: TicketId(row.0), visit: VisitId(row.1), engineer: UserId(row.2) };
    Ok(rows.into_iter().map(|row| overrun((row.ticket_id, row.visit_id, row.user_id))).collect())
}

/// How far back appointments are read: from the last one it follows where an engineer is.
const BEFORE: TimeDelta = TimeDelta::hours(12);
const OVER: [&str; 4] = ["done", "verified", "closed", "cancelled"];
/// Visits that freed time is offered to at once.
const MOST_UNPLACED: i64 = 50;
/// Appointments that one round notices in a tenant; the others are noticed by the next.
const MOST_NOTICED: i64 = 200;
