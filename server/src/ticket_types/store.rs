//! All SQL of ticket types but what tickets are made from (`directory`).

use chrono::{DateTime, TimeDelta, Utc};

use super::error::TicketTypeError;
use crate::directory::{DispatchMode, TicketType};
use crate::tenancy::TenantTx;

pub struct TicketTypeRow {
    pub code: String,
    pub name_en: String,
    pub name_zh: String,
    pub duration_min: i32,
    pub priority: i32,
    pub dispatch_mode: Option<String>,
    pub response_target_min: Option<i32>,
    pub resolution_target_min: Option<i32>,
    pub workflow: String,
    pub workflow_version: i64,
    pub version: i64,
    pub created_at: DateTime<Utc>,
    pub archived_at: Option<DateTime<Utc>>,
    pub skills: Vec<String>,
    pub levels: Vec<i32>,
}

pub async fn list(
    tx: &mut TenantTx,
    archived: bool,
    after: Option<String>,
    rows: i64,
) -> Result<Vec<TicketTypeRow>, TicketTypeError> {
    let found = sqlx::query_as!(
        TicketTypeRow,
        r#"select code, name_en, name_zh, duration_min, priority, dispatch_mode, response_target_min, resolution_target_min,
            workflow, workflow_version, version, created_at, archived_at,
            array(select s.skill from ticket_type_skill s where s.code = t.code order by s.skill) as "skills!",
            array(select s.level from ticket_type_skill s where s.code = t.code order by s.skill) as "levels!"
        from ticket_type t
        where (archived_at is not null) = $1 and ($2::text is null or code > $2)
        order by code
        limit $3"#,
        archived,
        after,
        rows,
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(found)
}

pub async fn get(tx: &mut TenantTx, code: &str) -> Result<Option<TicketTypeRow>, TicketTypeError> {
    let found = sqlx::query_as!(
        TicketTypeRow,
        r#"select code, name_en, name_zh, duration_min, priority, dispatch_mode, response_target_min, resolution_target_min,
            workflow, workflow_version, version, created_at, archived_at,
            array(select s.skill from ticket_type_skill s where s.code = t.code order by s.skill) as "skills!",
            array(select s.level from ticket_type_skill s where s.code = t.code order by s.skill) as "levels!"
        from ticket_type t
        where code = $1"#,
        code,
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(found)
}

pub async fn insert(
    tx: &mut TenantTx,
    ticket_type: &TicketType,
    now: DateTime<Utc>,
) -> Result<TicketTypeRow, TicketTypeError> {
    sqlx::query!(
        "insert into ticket_type (
            tenant_id, code, name_en, name_zh, duration_min, priority, dispatch_mode, response_target_min,
            resolution_target_min, workflow, workflow_version, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        tx.tenant().0,
        ticket_type.code.as_str(),
        ticket_type.name_en,
        ticket_type.name_zh,
        ticket_type.duration.minutes(),
        ticket_type.priority.get(),
        ticket_type.dispatch_mode.map(DispatchMode::as_str),
        minutes(ticket_type.response_target),
        minutes(ticket_type.resolution_target),
        ticket_type.workflow.0.as_str(),
        ticket_type.workflow.1,
        now,
    )
    .execute(&mut **tx)
    .await?;
    replace_skills(tx, ticket_type).await?;
    get(tx, ticket_type.code.as_str()).await?.ok_or(TicketTypeError::NotFound)
}

/// Replaces a ticket type that still has this version.
pub async fn update(
    tx: &mut TenantTx,
    version: i64,
    ticket_type: &TicketType,
    archived_at: Option<DateTime<Utc>>,
) -> Result<TicketTypeRow, TicketTypeError> {
    let updated = sqlx::query!(
        "update ticket_type
        set name_en = $3, name_zh = $4, duration_min = $5, priority = $6, dispatch_mode = $7, response_target_min = $8,
            resolution_target_min = $9, workflow = $10, workflow_version = $11, version = version + 1,
            archived_at = case when $12::timestamptz is not null then coalesce(archived_at, $12) end
        where code = $1 and version = $2",
        ticket_type.code.as_str(),
        version,
        ticket_type.name_en,
        ticket_type.name_zh,
        ticket_type.duration.minutes(),
        ticket_type.priority.get(),
        ticket_type.dispatch_mode.map(DispatchMode::as_str),
        minutes(ticket_type.response_target),
        minutes(ticket_type.resolution_target),
        ticket_type.workflow.0.as_str(),
        ticket_type.workflow.1,
        archived_at,
    )
    .execute(&mut **tx)
    .await?;
    if updated.rows_affected() == 1 {
        replace_skills(tx, ticket_type).await?;
        return get(tx, ticket_type.code.as_str()).await?.ok_or(TicketTypeError::NotFound);
    }
    let present = get(tx, ticket_type.code.as_str()).await?;
    Err(present.map_or(TicketTypeError::NotFound, |row| TicketTypeError::Stale { present: row.version }))
}

async fn replace_skills(tx: &mut TenantTx, ticket_type: &TicketType) -> Result<(), TicketTypeError> {
    let code = ticket_type.code.as_str();
    sqlx::query!("delete from ticket_type_skill where code = $1", code).execute(&mut **tx).await?;
    let skills: Vec<String> = ticket_type.skills.keys().map(|skill| skill.as_str().to_owned()).collect();
    let levels: Vec<i32> = ticket_type.skills.values().map(|level| level.get()).collect();
    sqlx::query!(
        "insert into ticket_type_skill (tenant_id, code, skill, level)
        select $1, $2, skill, level
        from unnest($3::text[], $4::integer[]) as required (skill, level)",
        tx.tenant().0,
        code,
        &skills,
        &levels,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

fn minutes(target: Option<TimeDelta>) -> Option<i32> {
    target.and_then(|target| i32::try_from(target.num_minutes()).ok())
}
