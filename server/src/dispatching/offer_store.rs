//! What has to be looked up before windows can be offered.

use chrono_tz::Tz;
use sync_core::ids::{GrantId, SiteId, VisitId};

use super::store;
use crate::directory::Position;
use crate::planning::PlanningError;
use crate::tenancy::TenantTx;

/// Where a visit takes place, as far as offers are concerned.
pub struct Setting {
    pub zone: Tz,
    /// The assignment by which somebody has it.
    pub held: Option<GrantId>,
}

pub async fn setting(tx: &mut TenantTx, visit: VisitId) -> Result<Setting, PlanningError> {
    let row = sqlx::query!(
        r#"select s.time_zone as "time_zone?"
        from visit v
        join ticket t on t.ticket_id = v.ticket_id
        left join site s on s.site_id = t.site_id
        where v.visit_id = $1"#,
        visit.0,
    )
    .fetch_optional(&mut **tx)
    .await?
    .ok_or(PlanningError::NotFound)?;
    let zone = row.time_zone.and_then(|name| name.parse().ok()).unwrap_or(Tz::UTC);
    Ok(Setting { zone, held: store::holder(tx, visit).await? })
}

/// Where a site is, and its time zone; none if there is no such site. The position is none until it is located.
pub async fn site(tx: &mut TenantTx, site: SiteId) -> Result<Option<(Option<Position>, String)>, PlanningError> {
    let row = sqlx::query!("select lat, lon, time_zone from site where site_id = $1", site.0)
        .fetch_optional(&mut **tx)
        .await?;
    Ok(row.map(|row| (Position::from_columns(row.lat, row.lon), row.time_zone)))
}
