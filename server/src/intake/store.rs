//! All SQL of mappings and of which foreign row has become which ticket.

use std::collections::{BTreeSet, HashMap, HashSet};

use chrono::{DateTime, Utc};
use serde_json::Value;
use sync_core::ids::TicketId;

use super::error::IntakeError;
use crate::tenancy::TenantTx;

pub struct MappingRow {
    pub name: String,
    pub definition: Value,
    pub version: i64,
    pub updated_at: DateTime<Utc>,
}

pub async fn mappings(tx: &mut TenantTx, after: Option<String>, rows: i64) -> Result<Vec<MappingRow>, IntakeError> {
    let found = sqlx::query_as!(
        MappingRow,
        "select name, definition, version, updated_at
        from import_mapping
        where $1::text is null or name > $1
        order by name
        limit $2",
        after,
        rows,
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(found)
}

pub async fn mapping(tx: &mut TenantTx, name: &str) -> Result<MappingRow, IntakeError> {
    let found = sqlx::query_as!(
        MappingRow,
        "select name, definition, version, updated_at from import_mapping where name = $1",
        name,
    )
    .fetch_optional(&mut **tx)
    .await?;
    found.ok_or(IntakeError::NoSuchMapping)
}

/// Makes a mapping or replaces it; if a version is seen, only that version of it.
pub async fn put_mapping(
    tx: &mut TenantTx,
    name: &str,
    definition: Value,
    seen: Option<i64>,
    now: DateTime<Utc>,
) -> Result<MappingRow, IntakeError> {
    let put = sqlx::query_as!(
        MappingRow,
        "insert into import_mapping (tenant_id, name, definition, updated_at)
        values ($1, $2, $3, $5)
        on conflict on constraint import_mapping_pkey do update
        set definition = excluded.definition, version = import_mapping.version + 1, updated_at = excluded.updated_at
        where $4::bigint is null or import_mapping.version = $4
        returning name, definition, version, updated_at",
        tx.tenant().0,
        name,
        definition,
        seen,
        now,
    )
    .fetch_optional(&mut **tx)
    .await?;
    match put {
        // A version was seen of a mapping that is not there any more.
        Some(row) if row.version == 1 && seen.is_some() => Err(IntakeError::NoSuchMapping),
        Some(row) => Ok(row),
        None => Err(IntakeError::Stale { present: mapping(tx, name).await?.version }),
    }
}

pub async fn delete_mapping(tx: &mut TenantTx, name: &str) -> Result<(), IntakeError> {
    let deleted = sqlx::query!("delete from import_mapping where name = $1", name).execute(&mut **tx).await?;
    if deleted.rows_affected() == 1 { Ok(()) } else { Err(IntakeError::NoSuchMapping) }
}

/// Keeps other imports of this source waiting until this transaction ends.
pub async fn lock_source(tx: &mut TenantTx, source: &str) -> Result<(), IntakeError> {
    let name = format!("import:{}:{source}", tx.tenant());
    sqlx::query!("select pg_advisory_xact_lock(hashtextextended($1, 0))", name).fetch_one(&mut **tx).await?;
    Ok(())
}

/// Those of these external ids that were imported before, each with what its row said.
pub async fn imported(
    tx: &mut TenantTx,
    source: &str,
    external_ids: &[String],
) -> Result<HashMap<String, Vec<u8>>, IntakeError> {
    let rows = sqlx::query!(
        "select external_id, content_sha256
        from imported_row
        where source = $1 and external_id = any($2)",
        source,
        external_ids,
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(|row| (row.external_id, row.content_sha256)).collect())
}

pub async fn insert_imported(
    tx: &mut TenantTx,
    source: &str,
    external_id: &str,
    content: &[u8],
    ticket: TicketId,
    now: DateTime<Utc>,
) -> Result<(), IntakeError> {
    sqlx::query!(
        "insert into imported_row (tenant_id, source, external_id, content_sha256, ticket_id, imported_at)
        values ($1, $2, $3, $4, $5, $6)",
        tx.tenant().0,
        source,
        external_id,
        content,
        ticket.0,
        now,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Those of these sites, by their external references, that have a position.
pub async fn located_sites(tx: &mut TenantTx, references: &[String]) -> Result<HashSet<String>, IntakeError> {
    let found = sqlx::query_scalar!(
        r#"select external_ref as "external_ref!" from site where external_ref = any($1) and lat is not null"#,
        references,
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(found.into_iter().collect())
}

/// Those of these codes of skills that are not in the catalogue.
pub async fn unknown_skills(tx: &mut TenantTx, codes: &BTreeSet<String>) -> Result<Vec<String>, IntakeError> {
    let codes: Vec<String> = codes.iter().cloned().collect();
    let known: HashSet<String> =
        sqlx::query_scalar!("select skill from skill where skill = any($1) and archived_at is null", &codes)
            .fetch_all(&mut **tx)
            .await?
            .into_iter()
            .collect();
    Ok(codes.into_iter().filter(|code| !known.contains(code)).collect())
}
