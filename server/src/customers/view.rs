//! Customers as the API shows and takes them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::store::CustomerRow;
use crate::directory::{Name, NewCustomer, Reference, Tier, locale};
use crate::platform::etag::Versioned;
use crate::platform::problem::{ApiResult, invalid};

/// Which customers are wanted.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CustomerFilter {
    /// Part of the name or of the external reference.
    pub q: Option<String>,
    pub tier: Option<String>,
    /// Archived ones instead of those in use.
    #[serde(default)]
    pub archived: bool,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CustomerView {
    pub customer_id: Uuid,
    pub name: String,
    /// `standard`, `silver`, `gold` or `platinum`.
    pub tier: String,
    /// What a foreign system calls it.
    pub external_ref: Option<String>,
    /// The language it is written to in: `en` or `zh-CN`.
    pub locale: String,
    pub version: i64,
    pub created_at: DateTime<Utc>,
    pub archived_at: Option<DateTime<Utc>>,
}

impl From<CustomerRow> for CustomerView {
    fn from(row: CustomerRow) -> Self {
        let CustomerRow { customer_id, name, tier, external_ref, locale, version, created_at, archived_at } = row;
        Self { customer_id, name, tier, external_ref, locale, version, created_at, archived_at }
    }
}

impl From<CustomerRow> for Versioned<CustomerView> {
    fn from(row: CustomerRow) -> Self {
        Self { version: row.version, body: row.into() }
    }
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomerRequest {
    pub name: String,
    /// `standard` unless given.
    pub tier: Option<String>,
    pub external_ref: Option<String>,
    /// `en` unless given.
    pub locale: Option<String>,
    #[serde(default)]
    pub archived: bool,
}

impl CustomerRequest {
    pub fn parse(&self) -> ApiResult<NewCustomer> {
        let tier = self.tier.as_deref().map_or(Ok(Tier::default()), Tier::new);
        let reference = self.external_ref.as_deref().map(Reference::new).transpose();
        Ok(NewCustomer {
            name: Name::new(&self.name).map_err(invalid("name"))?,
            tier: tier.map_err(invalid("tier"))?,
            external_ref: reference.map_err(invalid("external_ref"))?,
            locale: locale(self.locale.as_deref().unwrap_or("en")).map_err(invalid("locale"))?,
        })
    }
}
