//! Where the work is and for whom, as the server has told this phone.

use sync_core::reference;
use sync_core::replica::Replica;
use sync_core::store::StoreError;

use crate::driver::PhoneStore;
use crate::ids::{ContactId, CustomerId, SiteId};

/// Where work is done. Until the server has told, there is nothing but the id.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct Site {
    pub id: SiteId,
    pub name: String,
    /// As one would write it on an envelope; empty if unknown.
    pub address: String,
    /// WGS-84 degrees; nothing if it has not been located.
    pub lat: Option<f64>,
    pub lon: Option<f64>,
    /// IANA name; empty if unknown.
    pub time_zone: String,
    /// Whom to ask for.
    pub contacts: Vec<Contact>,
}

/// Somebody on site.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Contact {
    pub id: ContactId,
    pub name: String,
    pub phone: Option<String>,
    pub email: Option<String>,
    pub note: Option<String>,
}

/// For whom work is done. Until the server has told, there is nothing but the id.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Customer {
    pub id: CustomerId,
    pub name: String,
    /// How much they were promised: `standard`, `silver`, `gold` or `platinum`; empty if unknown.
    pub tier: String,
    /// The language they are spoken to in, such as `zh-CN`; empty if unknown.
    pub locale: String,
}

impl Site {
    pub(crate) fn of(replica: &mut Replica<PhoneStore>, id: sync_core::ids::SiteId) -> Result<Self, StoreError> {
        let reference::Site { name, address, lat, lon, time_zone, contacts } = replica.site(id)?.unwrap_or_default();
        let contacts = contacts.into_iter().filter_map(Contact::of).collect();
        Ok(Self { id: SiteId(id), name, address, lat, lon, time_zone, contacts })
    }
}

impl Contact {
    fn of(contact: reference::Contact) -> Option<Self> {
        let reference::Contact { id, name, phone, email, note } = contact;
        Some(Self { id: ContactId(id.parse().ok()?), name, phone, email, note })
    }
}

impl Customer {
    pub(crate) fn of(replica: &mut Replica<PhoneStore>, id: sync_core::ids::CustomerId) -> Result<Self, StoreError> {
        let reference::Customer { name, tier, locale } = replica.customer(id)?.unwrap_or_default();
        Ok(Self { id: CustomerId(id), name, tier, locale })
    }
}
