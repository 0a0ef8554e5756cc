//! A ticket made by hand.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use sync_core::ids::{ContactId, CustomerId, SiteId, TicketId, UserId};
use sync_core::time::{ServerTime, TimeWindow};
use utoipa::ToSchema;
use uuid::Uuid;

use super::error::TicketError;
use super::store;
use crate::directory::store::ticket_type;
use crate::directory::{Code, Label, Period, Priority, RequiredSkills, SkillLevel, Unacceptable, WorkDuration, prose};
use crate::ledger::{Ledger, NewTicket};
use crate::platform::problem::{ApiResult, invalid};
use crate::tenancy::TenantTx;

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTicketRequest {
    /// Code of a ticket type.
    pub ticket_type: String,
    /// One line, up to 300 characters.
    pub title: String,
    pub description: Option<String>,
    /// 1 (most urgent) to 5; the type's unless given.
    pub priority: Option<i64>,
    /// The site's customer unless given.
    pub customer_id: Option<Uuid>,
    pub site_id: Option<Uuid>,
    pub contact_id: Option<Uuid>,
    /// The type's unless given.
    pub duration_min: Option<i64>,
    /// Skills with their least levels; the type's unless given.
    pub skills: Option<BTreeMap<String, i64>>,
    /// When it was asked for, from which the type's targets count; now unless given.
    pub requested_at: Option<DateTime<Utc>>,
    /// When the visit may start, if that is agreed already.
    pub window: Option<WindowRequest>,
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WindowRequest {
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
}

/// A ticket that is wanted, parsed; what is none follows from its type.
#[derive(Debug, Clone)]
pub struct Wanted {
    ticket_type: Code,
    title: Label<300>,
    description: Option<String>,
    priority: Option<Priority>,
    customer: Option<CustomerId>,
    site: Option<SiteId>,
    contact: Option<ContactId>,
    duration: Option<WorkDuration>,
    skills: Option<RequiredSkills>,
    requested_at: Option<DateTime<Utc>>,
    window: Option<Period>,
}

impl NewTicketRequest {
    pub fn parse(&self) -> ApiResult<Wanted> {
        let window = self.window.as_ref().map(|window| Period::new(window.starts_at, window.ends_at));
        Ok(Wanted {
            ticket_type: Code::new(&self.ticket_type).map_err(invalid("ticket_type"))?,
            title: Label::new(&self.title).map_err(invalid("title"))?,
            description: prose::<10_000>(self.description.as_deref().unwrap_or_default())
                .map_err(invalid("description"))?,
            priority: self.priority.map(Priority::new).transpose().map_err(invalid("priority"))?,
            customer: self.customer_id.map(CustomerId),
            site: self.site_id.map(SiteId),
            contact: self.contact_id.map(ContactId),
            duration: self.duration_min.map(WorkDuration::from_minutes).transpose().map_err(invalid("duration_min"))?,
            skills: self.skills.as_ref().map(required).transpose().map_err(invalid("skills"))?,
            requested_at: self.requested_at,
            window: window.transpose().map_err(invalid("window"))?,
        })
    }
}

fn required(skills: &BTreeMap<String, i64>) -> Result<RequiredSkills, Unacceptable> {
    skills.iter().map(|(skill, level)| Ok((Code::new(skill)?, SkillLevel::new(*level)?))).collect()
}

/// Makes the ticket, with one visit.
pub async fn create(
    tx: &mut TenantTx,
    ledger: &Ledger,
    wanted: Wanted,
    by: Option<UserId>,
    now: DateTime<Utc>,
) -> Result<TicketId, TicketError> {
    let of_type = ticket_type(tx, wanted.ticket_type.as_str()).await?.ok_or(TicketError::NoSuch("ticket_type"))?;
    let places = store::places(tx, wanted.customer, wanted.site, wanted.contact).await?;
    let requested_at = wanted.requested_at.unwrap_or(now);
    let server_time = |at: DateTime<Utc>| ServerTime(at.timestamp_millis());
    let window =
        wanted.window.map(|window| TimeWindow::new(server_time(window.starts_at()), server_time(window.ends_at())));
    let new = NewTicket {
        ticket_type: wanted.ticket_type.to_string(),
        title: wanted.title.into_string(),
        description: wanted.description,
        priority: wanted.priority.unwrap_or(of_type.priority).get().into(),
        customer: wanted.customer.or(places.customer_of_site),
        site: wanted.site,
        asset: None,
        contact: wanted.contact,
        respond_by: of_type.respond_by(requested_at).map(server_time),
        resolve_by: of_type.resolve_by(requested_at).map(server_time),
        skills: levels(wanted.skills.as_ref().unwrap_or(&of_type.skills)),
        duration_ms: wanted.duration.unwrap_or(of_type.duration).millis(),
        visits: vec![window.transpose().map_err(|_| TicketError::NoSuch("window"))?],
    };
    Ok(ledger.create(tx, new, by, server_time(now)).await?.ticket)
}

fn levels(skills: &RequiredSkills) -> BTreeMap<String, i64> {
    skills.iter().map(|(skill, level)| (skill.to_string(), level.get().into())).collect()
}
