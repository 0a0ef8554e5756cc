//! The statements on these rows that more than one feature makes.

use chrono::{DateTime, TimeDelta, Utc};
use sync_core::ids::{CustomerId, SiteId};

use super::{
    Code, DispatchMode, NewCustomer, NewSite, Position, Priority, Reference, SkillLevel, TicketType, Unacceptable,
    WorkDuration,
};
use crate::tenancy::TenantTx;

/// Enters a customer. A violated `customer_external_ref_key` comes back as it is.
pub async fn insert_customer(
    tx: &mut TenantTx,
    id: CustomerId,
    customer: &NewCustomer,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into customer (tenant_id, customer_id, name, tier, external_ref, locale, created_at)
        values ($1, $2, $3, $4, $5, $6, $7)",
        tx.tenant().0,
        id.0,
        customer.name.as_str(),
        customer.tier.as_str(),
        customer.external_ref.as_ref().map(Reference::as_str),
        customer.locale,
        now,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The customer that a foreign system calls so, archived or not.
pub async fn customer_by_reference(tx: &mut TenantTx, reference: &str) -> Result<Option<CustomerId>, sqlx::Error> {
    let id = sqlx::query_scalar!("select customer_id from customer where external_ref = $1", reference)
        .fetch_optional(&mut **tx)
        .await?;
    Ok(id.map(CustomerId))
}

/// Enters a site. A violated `site_external_ref_key` or `site_customer_fkey` comes back as it is.
pub async fn insert_site(tx: &mut TenantTx, id: SiteId, site: &NewSite, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into site (
            tenant_id, site_id, customer_id, name, address, lat, lon, cell, time_zone, external_ref, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        tx.tenant().0,
        id.0,
        site.customer.map(|id| id.0),
        site.name.as_str(),
        site.address,
        site.position.map(Position::lat),
        site.position.map(Position::lon),
        site.position.map(Position::cell),
        site.time_zone.name(),
        site.external_ref.as_ref().map(Reference::as_str),
        now,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Says where a site is; false when there is no such site.
pub async fn locate_site(tx: &mut TenantTx, id: SiteId, position: Position) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "update site
        set lat = $2, lon = $3, cell = $4, version = version + 1
        where site_id = $1",
        id.0,
        position.lat(),
        position.lon(),
        position.cell(),
    )
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The site that a foreign system calls so, and whether it has a position.
pub async fn site_by_reference(tx: &mut TenantTx, reference: &str) -> Result<Option<(SiteId, bool)>, sqlx::Error> {
    let row = sqlx::query!(
        r#"select site_id, lat is not null as "is_located!" from site where external_ref = $1"#,
        reference,
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row.map(|row| (SiteId(row.site_id), row.is_located)))
}

/// The ticket type of this code, unless it is archived.
pub async fn ticket_type(tx: &mut TenantTx, code: &str) -> Result<Option<TicketType>, sqlx::Error> {
    Ok(ticket_types(tx, &[code.to_owned()]).await?.pop())
}

/// Those of these ticket types that there are and that are not archived.
pub async fn ticket_types(tx: &mut TenantTx, codes: &[String]) -> Result<Vec<TicketType>, sqlx::Error> {
    let rows = sqlx::query_as!(
        TicketTypeRow,
        r#"select code, name_en, name_zh, duration_min, priority, dispatch_mode, response_target_min, resolution_target_min,
            workflow, workflow_version,
            array(select s.skill from ticket_type_skill s where s.code = t.code order by s.skill) as "skills!",
            array(select s.level from ticket_type_skill s where s.code = t.code order by s.skill) as "levels!"
        from ticket_type t
        where code = any($1) and archived_at is null
        order by code"#,
        codes,
    )
    .fetch_all(&mut **tx)
    .await?;
    rows.into_iter().map(|row| row.parse().map_err(|error| sqlx::Error::Decode(error.into()))).collect()
}

struct TicketTypeRow {
    code: String,
    name_en: String,
    name_zh: String,
    duration_min: i32,
    priority: i32,
    dispatch_mode: Option<String>,
    response_target_min: Option<i32>,
    resolution_target_min: Option<i32>,
    workflow: String,
    workflow_version: i64,
    skills: Vec<String>,
    levels: Vec<i32>,
}

impl TicketTypeRow {
    fn parse(self) -> Result<TicketType, Unacceptable> {
        let minutes = |target: Option<i32>| target.map(|minutes| TimeDelta::minutes(minutes.into()));
        let skill = |(skill, level): (String, i32)| Ok((Code::new(&skill)?, SkillLevel::new(level.into())?));
        Ok(TicketType {
            code: Code::new(&self.code)?,
            name_en: self.name_en,
            name_zh: self.name_zh,
            duration: WorkDuration::from_minutes(self.duration_min.into())?,
            priority: Priority::new(self.priority.into())?,
            skills: self.skills.into_iter().zip(self.levels).map(skill).collect::<Result<_, Unacceptable>>()?,
            dispatch_mode: self.dispatch_mode.as_deref().map(DispatchMode::new).transpose()?,
            response_target: minutes(self.response_target_min),
            resolution_target: minutes(self.resolution_target_min),
            workflow: (Code::new(&self.workflow)?, self.workflow_version),
        })
    }
}
