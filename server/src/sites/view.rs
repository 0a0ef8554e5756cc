//! Sites and contacts as the API shows and takes them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sync_core::ids::CustomerId;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::contact_store::{ContactRow, NewContact};
use super::store::SiteRow;
use crate::directory::{Label, Name, NewSite, Position, PositionView, Reference, Unacceptable, prose, time_zone};
use crate::platform::etag::Versioned;
use crate::platform::problem::{ApiResult, invalid};

/// Which sites are wanted.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SiteFilter {
    /// Part of the name, the address or the external reference.
    pub q: Option<String>,
    pub customer_id: Option<Uuid>,
    /// Only those with a position, or only those without.
    pub located: Option<bool>,
    /// Archived ones instead of those in use.
    #[serde(default)]
    pub archived: bool,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SiteView {
    pub site_id: Uuid,
    pub customer_id: Option<Uuid>,
    pub name: String,
    pub address: String,
    /// Null until it is located.
    pub position: Option<PositionView>,
    /// IANA name.
    pub time_zone: String,
    /// What a foreign system calls it.
    pub external_ref: Option<String>,
    pub version: i64,
    pub created_at: DateTime<Utc>,
    pub archived_at: Option<DateTime<Utc>>,
}

impl From<SiteRow> for SiteView {
    fn from(row: SiteRow) -> Self {
        let SiteRow {
            site_id,
            customer_id,
            name,
            address,
            lat,
            lon,
            time_zone,
            external_ref,
            version,
            created_at,
            archived_at,
        } = row;
        let position = Position::from_columns(lat, lon).map(PositionView::from);
        Self {
            site_id,
            customer_id,
            name,
            address,
            position,
            time_zone,
            external_ref,
            version,
            created_at,
            archived_at,
        }
    }
}

impl From<SiteRow> for Versioned<SiteView> {
    fn from(row: SiteRow) -> Self {
        Self { version: row.version, body: row.into() }
    }
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SiteRequest {
    pub customer_id: Option<Uuid>,
    pub name: String,
    #[serde(default)]
    pub address: String,
    pub position: Option<PositionView>,
    /// IANA name, for example `Asia/Shanghai`.
    pub time_zone: String,
    pub external_ref: Option<String>,
    #[serde(default)]
    pub archived: bool,
}

impl SiteRequest {
    pub fn parse(&self) -> ApiResult<NewSite> {
        Ok(NewSite {
            customer: self.customer_id.map(CustomerId),
            name: Name::new(&self.name).map_err(invalid("name"))?,
            address: prose::<500>(&self.address).map_err(invalid("address"))?.unwrap_or_default(),
            position: self.position.map(Position::try_from).transpose().map_err(invalid("position"))?,
            time_zone: time_zone(&self.time_zone).map_err(invalid("time_zone"))?,
            external_ref: self
                .external_ref
                .as_deref()
                .map(Reference::new)
                .transpose()
                .map_err(invalid("external_ref"))?,
        })
    }
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ContactView {
    pub contact_id: Uuid,
    pub site_id: Uuid,
    pub name: String,
    pub phone: Option<String>,
    pub email: Option<String>,
    pub note: Option<String>,
    pub version: i64,
    pub archived_at: Option<DateTime<Utc>>,
}

impl From<ContactRow> for ContactView {
    fn from(row: ContactRow) -> Self {
        let ContactRow { contact_id, site_id, name, phone, email, note, version, archived_at } = row;
        Self { contact_id, site_id, name, phone, email, note, version, archived_at }
    }
}

impl From<ContactRow> for Versioned<ContactView> {
    fn from(row: ContactRow) -> Self {
        Self { version: row.version, body: row.into() }
    }
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ContactRequest {
    pub name: String,
    pub phone: Option<String>,
    pub email: Option<String>,
    pub note: Option<String>,
    #[serde(default)]
    pub archived: bool,
}

impl ContactRequest {
    pub fn parse(&self) -> ApiResult<NewContact> {
        let phone = self.phone.as_deref().map(phone_number).transpose();
        let email = self.email.as_deref().map(email_address).transpose();
        Ok(NewContact {
            name: Name::new(&self.name).map_err(invalid("name"))?,
            phone: phone.map_err(invalid("phone"))?,
            email: email.map_err(invalid("email"))?,
            note: prose::<2000>(self.note.as_deref().unwrap_or_default()).map_err(invalid("note"))?,
        })
    }
}

/// As people write them: digits, and what they group them with.
fn phone_number(text: &str) -> Result<String, Unacceptable> {
    let text = Label::<40>::new(text)?.into_string();
    let is_dialled = |c: char| c.is_ascii_digit() || " +-()./,;#*x".contains(c);
    if text.chars().filter(char::is_ascii_digit).count() < 3 || !text.chars().all(is_dialled) {
        return Err(Unacceptable::new("it is not a telephone number"));
    }
    Ok(text)
}

fn email_address(text: &str) -> Result<String, Unacceptable> {
    let text = Label::<254>::new(text)?.into_string();
    match text.split_once('@') {
        Some((local, domain)) if !local.is_empty() && !domain.is_empty() && !text.contains(char::is_whitespace) => {
            Ok(text)
        }
        _ => Err(Unacceptable::new("it is not an e-mail address")),
    }
}
