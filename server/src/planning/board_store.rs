//! The rows a board is made of, each kind in one query whatever the size of the board.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use sqlx::types::Json;
use sync_core::ids::{GrantId, TicketId, UserId, VisitId};
use uuid::Uuid;

use super::PlanningError;
use super::run::Held;
use crate::directory::Break;
use crate::tenancy::TenantTx;

/// A visit with what the ticket and the site say of it.
#[derive(Debug, Clone)]
pub struct VisitRow {
    pub visit_id: Uuid,
    pub ticket_id: Uuid,
    pub status: String,
    /// The window in which it may start.
    pub starts_at: Option<DateTime<Utc>>,
    pub ends_at: Option<DateTime<Utc>>,
    pub is_pinned: bool,
    pub priority: i32,
    pub duration_ms: i64,
    pub respond_by: Option<DateTime<Utc>>,
    pub resolve_by: Option<DateTime<Utc>>,
    pub lat: Option<f64>,
    pub lon: Option<f64>,
    pub cell: Option<i64>,
    pub time_zone: Option<String>,
    pub skills: Vec<String>,
    pub levels: Vec<i32>,
    /// Who has declined it, on the phone or at the desk.
    pub declined_by: Vec<Uuid>,
}

pub struct EngineerRow {
    pub engineer_id: Uuid,
    pub home_lat: Option<f64>,
    pub home_lon: Option<f64>,
    pub speed_kmh: Option<f64>,
}

pub struct SkillRow {
    pub engineer_id: Uuid,
    pub skill: String,
    pub level: i32,
    pub expires_on: Option<NaiveDate>,
}

pub struct ShiftRow {
    pub engineer_id: Uuid,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    pub breaks: Json<Vec<Break>>,
}

/// Time off.
pub struct SpanRow {
    pub engineer_id: Uuid,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
}

pub struct BookingRow {
    pub engineer_id: Uuid,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    pub priority: i32,
    pub lat: Option<f64>,
    pub lon: Option<f64>,
}

/// Where somebody was a moment ago.
pub struct PositionRow {
    pub engineer_id: Uuid,
    pub lat: f64,
    pub lon: f64,
}

/// The time a board is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Horizon {
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
}

/// These visits, by id. Unknown ones are absent.
pub async fn visits(tx: &mut TenantTx, ids: &[Uuid]) -> Result<Vec<VisitRow>, PlanningError> {
    let rows = sqlx::query_as!(
        VisitRow,
        r#"select v.visit_id, v.ticket_id, v.status, v.starts_at, v.ends_at, v.is_pinned,
            t.priority, t.duration_ms, t.respond_by, t.resolve_by,
            s.lat as "lat?", s.lon as "lon?", s.cell as "cell?", s.time_zone as "time_zone?",
            array(select n.skill from ticket_skill n where n.ticket_id = v.ticket_id order by n.skill) as "skills!",
            array(select n.level from ticket_skill n where n.ticket_id = v.ticket_id order by n.skill) as "levels!",
            array(
                select f.user_id from fact f
                where f.visit_id = v.visit_id and f.kind = 'decline' and f.user_id is not null
                union
                select d.engineer_id from turned_down d where d.visit_id = v.visit_id
            ) as "declined_by!"
        from visit v
        join ticket t on t.ticket_id = v.ticket_id
        left join site s on s.site_id = t.site_id
        where v.visit_id = any($1)
        order by v.visit_id"#,
        ids,
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows)
}

/// The visits nobody has, the urgent and the old first: of these tickets, or of all whose sites are located.
pub async fn unassigned(
    tx: &mut TenantTx,
    tickets: Option<&[Uuid]>,
) -> Result<Vec<(VisitId, TicketId)>, PlanningError> {
    let rows = sqlx::query!(
        "select v.visit_id, v.ticket_id
        from visit v
        join ticket t on t.ticket_id = v.ticket_id
        left join site s on s.site_id = t.site_id
        where v.status = 'created'
            and (v.ticket_id = any($1) or ($1::uuid[] is null and s.lat is not null))
        order by t.priority, t.created_at, v.visit_id",
        tickets,
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(|row| (VisitId(row.visit_id), TicketId(row.ticket_id))).collect())
}

/// The appointments in this time that may still be moved, the urgent and the old first: located, with one engineer who has
/// not set out, and not pinned. Of these tickets, or of all.
pub async fn movable(
    tx: &mut TenantTx,
    horizon: Horizon,
    tickets: Option<&[Uuid]>,
) -> Result<Vec<Held>, PlanningError> {
    let rows = sqlx::query!(
        "select v.visit_id, v.ticket_id, b.grant_id, b.user_id, b.starts_at, b.ends_at
        from booking b
        join visit v on v.visit_id = b.visit_id
        join ticket t on t.ticket_id = v.ticket_id
        join site s on s.site_id = t.site_id
        where b.starts_at >= $1 and b.ends_at <= $2
            and v.status in ('assigned', 'accepted') and not v.is_pinned and s.lat is not null
            and ($3::uuid[] is null or v.ticket_id = any($3))
            and (select count(*) from assignment a where a.visit_id = v.visit_id and a.ended_at is null) = 1
        order by t.priority, t.created_at, v.visit_id",
        horizon.from,
        horizon.to,
        tickets,
    )
    .fetch_all(&mut **tx)
    .await?;
    let held = rows.into_iter().map(|row| Held {
        grant: GrantId(row.grant_id),
        visit: VisitId(row.visit_id),
        ticket: TicketId(row.ticket_id),
        engineer: UserId(row.user_id),
        from: row.starts_at,
        to: row.ends_at,
    });
    Ok(held.collect())
}

/// How many engineers work here.
pub async fn engineer_count(tx: &mut TenantTx) -> Result<i64, PlanningError> {
    let count = sqlx::query_scalar!(
        r#"select count(*) as "count!"
        from engineer e
        join app_user u on u.user_id = e.engineer_id
        where e.archived_at is null and u.disabled_at is null"#,
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(count)
}

/// Everybody who works here.
pub async fn engineers(tx: &mut TenantTx) -> Result<Vec<EngineerRow>, PlanningError> {
    let rows = sqlx::query_as!(
        EngineerRow,
        "select e.engineer_id, e.home_lat, e.home_lon, e.speed_kmh
        from engineer e
        join app_user u on u.user_id = e.engineer_id
        where e.archived_at is null and u.disabled_at is null
        order by e.engineer_id",
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows)
}

/// Those of these who work here.
pub async fn engineers_of(tx: &mut TenantTx, ids: &[Uuid]) -> Result<Vec<EngineerRow>, PlanningError> {
    let rows = sqlx::query_as!(
        EngineerRow,
        "select e.engineer_id, e.home_lat, e.home_lon, e.speed_kmh
        from engineer e
        join app_user u on u.user_id = e.engineer_id
        where e.engineer_id = any($1) and e.archived_at is null and u.disabled_at is null
        order by e.engineer_id",
        ids,
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows)
}

/// Who lives in one of these cells, or is booked in one of them in this time, or is this engineer.
pub async fn engineers_near(
    tx: &mut TenantTx,
    cells: &[i64],
    horizon: Horizon,
    also: Option<Uuid>,
) -> Result<Vec<EngineerRow>, PlanningError> {
    let rows = sqlx::query_as!(
        EngineerRow,
        "with near as (
            select engineer_id from engineer where home_cell = any($1)
            union
            select b.user_id
            from site s
            join ticket t on t.site_id = s.site_id
            join booking b on b.ticket_id = t.ticket_id
            where s.cell = any($1) and b.ends_at > $2 and b.starts_at < $3
            union
            select $4::uuid
        )
        select e.engineer_id, e.home_lat, e.home_lon, e.speed_kmh
        from near n
        join engineer e on e.engineer_id = n.engineer_id
        join app_user u on u.user_id = e.engineer_id
        where e.archived_at is null and u.disabled_at is null
        order by e.engineer_id",
        cells,
        horizon.from,
        horizon.to,
        also,
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows)
}

pub async fn skills(tx: &mut TenantTx, engineers: &[Uuid], skills: &[String]) -> Result<Vec<SkillRow>, PlanningError> {
    let rows = sqlx::query_as!(
        SkillRow,
        "select engineer_id, skill, level, expires_on
        from engineer_skill
        where engineer_id = any($1) and skill = any($2)",
        engineers,
        skills,
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows)
}

pub async fn shifts(tx: &mut TenantTx, engineers: &[Uuid], horizon: Horizon) -> Result<Vec<ShiftRow>, PlanningError> {
    let rows = sqlx::query_as!(
        ShiftRow,
        r#"select engineer_id, starts_at, ends_at, breaks as "breaks: Json<Vec<Break>>"
        from shift
        where engineer_id = any($1) and ends_at > $2 and starts_at < $3
        order by starts_at"#,
        engineers,
        horizon.from,
        horizon.to,
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows)
}

pub async fn time_off(tx: &mut TenantTx, engineers: &[Uuid], horizon: Horizon) -> Result<Vec<SpanRow>, PlanningError> {
    let rows = sqlx::query_as!(
        SpanRow,
        "select engineer_id, starts_at, ends_at
        from time_off
        where engineer_id = any($1) and ends_at > $2 and starts_at < $3
        order by starts_at, time_off_id",
        engineers,
        horizon.from,
        horizon.to,
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows)
}

/// What is booked in this time, and where, but for the assignments that are to be replaced. Whoever is expected to take
/// longer is taken for so long, and so is who has been booked for less than the work takes by now.
pub async fn bookings(
    tx: &mut TenantTx,
    engineers: &[Uuid],
    horizon: Horizon,
    except: &[GrantId],
) -> Result<Vec<BookingRow>, PlanningError> {
    let rows = sqlx::query_as!(
        BookingRow,
        r#"select b.user_id as engineer_id, b.starts_at, b.until as "ends_at!", t.priority, s.lat as "lat?", s.lon as "lon?"
        from (
            select b.user_id, b.starts_at, b.ticket_id, b.grant_id,
                case
                    when v.status in ('done', 'verified', 'closed', 'cancelled') then b.ends_at
                    else greatest(b.ends_at, o.expected_end, b.starts_at + t.duration_ms * interval '1 millisecond')
                end as until
            from booking b
            join ticket t on t.ticket_id = b.ticket_id
            join visit v on v.visit_id = b.visit_id
            left join overrun o on o.grant_id = b.grant_id
            where b.user_id = any($1) and b.starts_at < $3 and b.starts_at > $2::timestamptz - interval '7 days'
        ) b
        join ticket t on t.ticket_id = b.ticket_id
        left join site s on s.site_id = t.site_id
        where b.until > $2 and b.grant_id <> all($4)
        order by b.starts_at"#,
        engineers,
        horizon.from,
        horizon.to,
        &except.iter().map(|grant| grant.0).collect::<Vec<_>>(),
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows)
}

/// Where engineers were at a time, or shortly before it.
pub async fn positions(
    tx: &mut TenantTx,
    engineers: &[Uuid],
    at: DateTime<Utc>,
) -> Result<Vec<PositionRow>, PlanningError> {
    let rows = sqlx::query_as!(
        PositionRow,
        "select user_id as engineer_id, lat, lon
        from latest_position
        where user_id = any($1) and recorded_at between $2 and $3",
        engineers,
        at - FRESH,
        at,
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows)
}

/// An older position says nothing of where somebody sets out.
const FRESH: TimeDelta = TimeDelta::minutes(30);
