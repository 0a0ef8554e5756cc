//! Saying where a ticket's work is: what the queue of tickets without a location waits for.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::json;
use sync_core::document::Scalar;
use sync_core::ids::{SiteId, TicketId};
use sync_core::time::ServerTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::error::TicketError;
use super::store;
use crate::directory::store::{insert_site, locate_site};
use crate::directory::{Name, NewSite, Position, PositionView, prose, time_zone};
use crate::ledger::feed::{self, Beside};
use crate::ledger::outbox::{self, Event};
use crate::ledger::{By, Edit, Ledger, Value};
use crate::platform::problem::{ApiResult, Problem, invalid};
use crate::tenancy::TenantTx;

/// Either a site that is known, or where the ticket's own site is.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LocationRequest {
    pub site_id: Option<Uuid>,
    pub position: Option<PositionView>,
    /// For a ticket that has no site yet: the new site's address.
    pub address: Option<String>,
    /// For a ticket that has no site yet: the new site's zone, by its IANA name; UTC unless given.
    pub time_zone: Option<String>,
}

/// Where a ticket's work is.
#[derive(Debug, Clone)]
pub enum Location {
    Site(SiteId),
    /// Where the site of the ticket is, or a site for it if it has none.
    Position(Position, NewSite),
}

impl LocationRequest {
    pub fn parse(&self) -> ApiResult<Location> {
        match (self.site_id, self.position) {
            (Some(site), None) => Ok(Location::Site(SiteId(site))),
            (None, Some(position)) => {
                let position = Position::try_from(position).map_err(invalid("position"))?;
                let address = prose::<500>(self.address.as_deref().unwrap_or_default()).map_err(invalid("address"))?;
                let name: String = address.as_deref().unwrap_or("Location on the map").chars().take(200).collect();
                let site = NewSite {
                    customer: None,
                    name: Name::new(&name).map_err(invalid("address"))?,
                    address: address.unwrap_or_default(),
                    position: Some(position),
                    time_zone: time_zone(self.time_zone.as_deref().unwrap_or("UTC")).map_err(invalid("time_zone"))?,
                    external_ref: None,
                };
                Ok(Location::Position(position, site))
            }
            _ => Err(Problem::invalid("position", "give either position or site_id")),
        }
    }
}

/// Locates a ticket, and with it every other ticket of the same site.
pub async fn locate(
    tx: &mut TenantTx,
    ledger: &Ledger,
    ticket: TicketId,
    location: Location,
    fresh_site: SiteId,
    by: By,
    now: DateTime<Utc>,
) -> Result<(), TicketError> {
    let seen = store::site_of(tx, ticket).await?.ok_or(TicketError::NotFound)?;
    let site = match location {
        Location::Site(site) => {
            store::places(tx, None, Some(site), None).await?;
            site
        }
        Location::Position(position, new) => match seen {
            Some(site) => {
                locate_site(tx, site, position).await?;
                return tell(tx, site, now).await;
            }
            None => {
                insert_site(tx, fresh_site, &new, now).await?;
                fresh_site
            }
        },
    };
    let plain = |site: SiteId| Value::Plain(Scalar::Bytes(site.as_bytes().to_vec()));
    let edit = Edit { path: "site".to_owned(), seen: seen.map(plain), to: Some(plain(site)) };
    let at = ServerTime(now.timestamp_millis());
    ledger.edit(tx, ticket, by, at, |desk| desk.set(&[edit]).map(|_| ()).map_err(TicketError::from)).await
}

/// A site's position stands in no document, so that whoever plans, and the phones, must be told.
async fn tell(tx: &mut TenantTx, site: SiteId, now: DateTime<Utc>) -> Result<(), TicketError> {
    feed::publish_beside(tx, Beside::Site(site)).await?;
    for ticket in store::open_tickets_of_site(tx, site).await? {
        let event = Event {
            kind: "ticket.located",
            ticket: Some(ticket),
            user: None,
            payload: json!({ "site": site.to_string() }),
        };
        outbox::append(tx, &event, ServerTime(now.timestamp_millis())).await?;
    }
    Ok(())
}
