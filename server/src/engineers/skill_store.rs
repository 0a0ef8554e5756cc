//! All SQL of the catalogue of skills.

use chrono::{DateTime, Utc};

use super::error::EngineerError;
use crate::directory::{Code, Label};
use crate::tenancy::TenantTx;

pub struct SkillRow {
    pub skill: String,
    pub name_en: String,
    pub name_zh: String,
    pub version: i64,
    pub archived_at: Option<DateTime<Utc>>,
}

pub async fn list(tx: &mut TenantTx, after: Option<String>, rows: i64) -> Result<Vec<SkillRow>, EngineerError> {
    let found = sqlx::query_as!(
        SkillRow,
        "select skill, name_en, name_zh, version, archived_at
        from skill
        where $1::text is null or skill > $1
        order by skill
        limit $2",
        after,
        rows,
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(found)
}

pub async fn get(tx: &mut TenantTx, code: &str) -> Result<Option<SkillRow>, EngineerError> {
    let found = sqlx::query_as!(
        SkillRow,
        "select skill, name_en, name_zh, version, archived_at from skill where skill = $1",
        code,
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(found)
}

pub async fn insert(
    tx: &mut TenantTx,
    code: &Code,
    name_en: &Label<100>,
    name_zh: &Label<100>,
) -> Result<SkillRow, EngineerError> {
    let inserted = sqlx::query_as!(
        SkillRow,
        "insert into skill (tenant_id, skill, name_en, name_zh)
        values ($1, $2, $3, $4)
        returning skill, name_en, name_zh, version, archived_at",
        tx.tenant().0,
        code.as_str(),
        name_en.as_str(),
        name_zh.as_str(),
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(inserted)
}

/// Replaces a skill that still has this version.
pub async fn update(
    tx: &mut TenantTx,
    code: &str,
    version: i64,
    name_en: &Label<100>,
    name_zh: &Label<100>,
    archived_at: Option<DateTime<Utc>>,
) -> Result<SkillRow, EngineerError> {
    let updated = sqlx::query_as!(
        SkillRow,
        "update skill
        set name_en = $3, name_zh = $4, version = version + 1,
            archived_at = case when $5::timestamptz is not null then coalesce(archived_at, $5) end
        where skill = $1 and version = $2
        returning skill, name_en, name_zh, version, archived_at",
        code,
        version,
        name_en.as_str(),
        name_zh.as_str(),
        archived_at,
    )
    .fetch_optional(&mut **tx)
    .await?;
    match updated {
        Some(row) => Ok(row),
        None => Err(get(tx, code)
            .await?
            .map_or(EngineerError::NotFound, |row| EngineerError::Stale { present: row.version })),
    }
}
