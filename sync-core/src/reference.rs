//! Rows that come down to a phone and never go up: where the work is and for whom. Names, numbers and addresses stand
//! here and in no document, so that they can be corrected, and forgotten.
//!
//! A device is sent the rows that its tickets name, when a ticket comes and whenever a row changes. Rows that no ticket
//! names any more are let go of with the ticket.

use prost::Message;

/// The set of [`Site`]s, each under its id.
pub const SITES: &str = "site";
/// The set of [`Customer`]s, each under its id.
pub const CUSTOMERS: &str = "customer";
/// The set of workflows, each under `code@version`, as [`Workflow::to_bytes`](crate::workflow::Workflow::to_bytes)
/// gives it.
pub const WORKFLOWS: &str = "workflow";

/// Where work is done.
#[derive(Clone, PartialEq, Message)]
pub struct Site {
    #[prost(string, tag = "1")]
    pub name: String,
    /// As one would write it on an envelope; empty if unknown.
    #[prost(string, tag = "2")]
    pub address: String,
    /// WGS-84 degrees; both or neither.
    #[prost(double, optional, tag = "3")]
    pub lat: Option<f64>,
    #[prost(double, optional, tag = "4")]
    pub lon: Option<f64>,
    /// IANA name.
    #[prost(string, tag = "5")]
    pub time_zone: String,
    /// Whom to ask for on site.
    #[prost(message, repeated, tag = "6")]
    pub contacts: Vec<Contact>,
}

/// Somebody on site.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Contact {
    /// Its id, as text.
    #[prost(string, tag = "1")]
    pub id: String,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(string, optional, tag = "3")]
    pub phone: Option<String>,
    #[prost(string, optional, tag = "4")]
    pub email: Option<String>,
    /// Such as "rings at the back door".
    #[prost(string, optional, tag = "5")]
    pub note: Option<String>,
}

/// For whom work is done.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Customer {
    #[prost(string, tag = "1")]
    pub name: String,
    /// How much they were promised.
    #[prost(string, tag = "2")]
    pub tier: String,
    /// The language they are spoken to in, such as `zh-CN`.
    #[prost(string, tag = "3")]
    pub locale: String,
}

impl Site {
    /// The row's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.encode_to_vec()
    }
}

impl Customer {
    /// The row's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.encode_to_vec()
    }
}
