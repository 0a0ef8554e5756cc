//! All SQL of engineers and the skills they hold.

use chrono::{DateTime, NaiveDate, Utc};
use sync_core::ids::UserId;
use uuid::Uuid;

use super::error::EngineerError;
use super::view::EngineerFilter;
use crate::directory::{Code, Label, Name, Position, SkillLevel};
use crate::tenancy::TenantTx;

pub struct EngineerRow {
    pub engineer_id: Uuid,
    pub display_name: String,
    pub home_lat: Option<f64>,
    pub home_lon: Option<f64>,
    pub speed_kmh: Option<f64>,
    pub territory: Option<String>,
    pub version: i64,
    pub created_at: DateTime<Utc>,
    pub archived_at: Option<DateTime<Utc>>,
    pub skills: Vec<String>,
    pub levels: Vec<i32>,
    pub expiries: Vec<Option<NaiveDate>>,
}

/// An engineer to be entered, or what replaces one.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEngineer {
    pub display_name: Name,
    pub home: Option<Position>,
    pub speed_kmh: Option<f64>,
    pub territory: Option<Label<100>>,
}

/// A skill that somebody holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldSkill {
    pub skill: Code,
    pub level: SkillLevel,
    pub expires_on: Option<NaiveDate>,
}

pub async fn list(
    tx: &mut TenantTx,
    filter: &EngineerFilter,
    after: Option<Uuid>,
    rows: i64,
) -> Result<Vec<EngineerRow>, EngineerError> {
    let found = sqlx::query_as!(
        EngineerRow,
        r#"select engineer_id, display_name, home_lat, home_lon, speed_kmh, territory, version, created_at, archived_at,
            array(select s.skill from engineer_skill s where s.engineer_id = e.engineer_id order by s.skill) as "skills!",
            array(select s.level from engineer_skill s where s.engineer_id = e.engineer_id order by s.skill) as "levels!",
            array(select s.expires_on from engineer_skill s where s.engineer_id = e.engineer_id order by s.skill)
                as "expiries!: Vec<Option<NaiveDate>>"
        from engineer e
        where ($1::uuid is null or engineer_id > $1)
            and (archived_at is not null) = $2
            and ($3::text is null or strpos(lower(display_name), lower($3)) > 0)
            and ($4::text is null or territory = $4)
            and ($5::text is null or exists (
                select from engineer_skill s
                where s.engineer_id = e.engineer_id and s.skill = $5 and s.level >= coalesce($6, 1)))
        order by engineer_id
        limit $7"#,
        after,
        filter.archived,
        filter.q,
        filter.territory,
        filter.skill,
        filter.min_level,
        rows,
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(found)
}

pub async fn get(tx: &mut TenantTx, id: UserId) -> Result<Option<EngineerRow>, EngineerError> {
    let found = sqlx::query_as!(
        EngineerRow,
        r#"select engineer_id, display_name, home_lat, home_lon, speed_kmh, territory, version, created_at, archived_at,
            array(select s.skill from engineer_skill s where s.engineer_id = e.engineer_id order by s.skill) as "skills!",
            array(select s.level from engineer_skill s where s.engineer_id = e.engineer_id order by s.skill) as "levels!",
            array(select s.expires_on from engineer_skill s where s.engineer_id = e.engineer_id order by s.skill)
                as "expiries!: Vec<Option<NaiveDate>>"
        from engineer e
        where engineer_id = $1"#,
        id.0,
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(found)
}

/// Makes an engineer of a user; the user must have the role.
pub async fn insert(
    tx: &mut TenantTx,
    id: UserId,
    engineer: &NewEngineer,
    now: DateTime<Utc>,
) -> Result<(), EngineerError> {
    let role =
        sqlx::query_scalar!("select role from app_user where user_id = $1", id.0).fetch_optional(&mut **tx).await?;
    match role.as_deref() {
        None => return Err(EngineerError::NoSuchUser),
        Some("engineer") => {}
        Some(_) => return Err(EngineerError::OtherRole),
    }
    sqlx::query!(
        "insert into engineer (
            tenant_id, engineer_id, display_name, home_lat, home_lon, home_cell, speed_kmh, territory, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        tx.tenant().0,
        id.0,
        engineer.display_name.as_str(),
        engineer.home.map(Position::lat),
        engineer.home.map(Position::lon),
        engineer.home.map(Position::cell),
        engineer.speed_kmh,
        engineer.territory.as_ref().map(Label::as_str),
        now,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Replaces an engineer that still has this version.
pub async fn update(
    tx: &mut TenantTx,
    id: UserId,
    version: i64,
    engineer: &NewEngineer,
    archived_at: Option<DateTime<Utc>>,
) -> Result<EngineerRow, EngineerError> {
    let updated = sqlx::query!(
        "update engineer
        set display_name = $3, home_lat = $4, home_lon = $5, home_cell = $6, speed_kmh = $7, territory = $8,
            version = version + 1, archived_at = case when $9::timestamptz is not null then coalesce(archived_at, $9) end
        where engineer_id = $1 and version = $2",
        id.0,
        version,
        engineer.display_name.as_str(),
        engineer.home.map(Position::lat),
        engineer.home.map(Position::lon),
        engineer.home.map(Position::cell),
        engineer.speed_kmh,
        engineer.territory.as_ref().map(Label::as_str),
        archived_at,
    )
    .execute(&mut **tx)
    .await?;
    let present = get(tx, id).await?.ok_or(EngineerError::NotFound)?;
    if updated.rows_affected() == 0 { Err(EngineerError::Stale { present: present.version }) } else { Ok(present) }
}

/// Counts up the version of an engineer that still has this one.
pub async fn touch(tx: &mut TenantTx, id: UserId, version: i64) -> Result<(), EngineerError> {
    let touched = sqlx::query!(
        "update engineer set version = version + 1 where engineer_id = $1 and version = $2",
        id.0,
        version
    )
    .execute(&mut **tx)
    .await?;
    if touched.rows_affected() == 1 {
        return Ok(());
    }
    Err(get(tx, id).await?.map_or(EngineerError::NotFound, |row| EngineerError::Stale { present: row.version }))
}

pub async fn replace_skills(tx: &mut TenantTx, id: UserId, held: &[HeldSkill]) -> Result<(), EngineerError> {
    sqlx::query!("delete from engineer_skill where engineer_id = $1", id.0).execute(&mut **tx).await?;
    let skills: Vec<String> = held.iter().map(|one| one.skill.as_str().to_owned()).collect();
    let levels: Vec<i32> = held.iter().map(|one| one.level.get()).collect();
    let expiries: Vec<Option<NaiveDate>> = held.iter().map(|one| one.expires_on).collect();
    sqlx::query!(
        "insert into engineer_skill (tenant_id, engineer_id, skill, level, expires_on)
        select $1, $2, skill, level, expires_on
        from unnest($3::text[], $4::integer[], $5::date[]) as held (skill, level, expires_on)",
        tx.tenant().0,
        id.0,
        &skills,
        &levels,
        &expiries as &[Option<NaiveDate>],
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
