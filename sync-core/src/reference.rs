//! Rows that come down to a phone and never go up: where the work is and for whom. Names, numbers and addresses stand
//! here and in no document, so that they can be corrected, and forgotten.
//!
//! They come in two ways, in one message. Of sites and customers a device is sent the rows that its tickets name, when a
//! ticket comes and whenever a row changes, and lets go of them with the last ticket that names them: which ones those are
//! depends on the device, so there is no version of the set to compare. Knowledge is one set for the whole tenant: every
//! device has all of it, says which version it has, and is sent what has changed since, page by page, after its tickets.

use prost::Message;

/// The set of [`Site`]s, each under its id.
pub const SITES: &str = "site";
/// The set of [`Customer`]s, each under its id.
pub const CUSTOMERS: &str = "customer";
/// The set of workflows, each under `code@version`, as [`Workflow::to_bytes`](crate::workflow::Workflow::to_bytes)
/// gives it.
pub const WORKFLOWS: &str = "workflow";

/// The set of [`Article`]s, each under its id.
pub const KNOWLEDGE: &str = "knowledge";

/// What its user may take from the pool, each ticket with its [`Card`]. The set has a version for each engineer; its rows
/// travel as [`PoolCard`](crate::wire::PoolCard)s, in the page that brings the version.
pub const POOL: &str = "pool";

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

/// An article or a procedure, as it was published.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Article {
    /// `article` or `procedure`.
    #[prost(string, tag = "1")]
    pub kind: String,
    #[prost(string, tag = "2")]
    pub title: String,
    /// Markdown, to be shown or read as it is.
    #[prost(string, tag = "3")]
    pub body: String,
    /// `zh`, `en` or `both`.
    #[prost(string, tag = "4")]
    pub language: String,
    #[prost(string, repeated, tag = "5")]
    pub tags: Vec<String>,
    /// Codes of the ticket types it is about.
    #[prost(string, repeated, tag = "6")]
    pub ticket_types: Vec<String>,
    #[prost(string, repeated, tag = "7")]
    pub asset_models: Vec<String>,
    /// The number of this text among all that were written of the article.
    #[prost(uint64, tag = "8")]
    pub number: u64,
    /// Milliseconds since 1970, on the server's clock.
    #[prost(sint64, tag = "9")]
    pub published_at: i64,
}

/// A visit that may be taken, as much of it as one needs to decide: whose it is comes with the ticket.
#[derive(Clone, PartialEq, Message)]
pub struct Card {
    /// Its id, as text.
    #[prost(string, tag = "1")]
    pub visit: String,
    /// The ticket's.
    #[prost(string, tag = "2")]
    pub number: String,
    #[prost(string, tag = "3")]
    pub ticket_type: String,
    /// 1 is the most urgent; 0 is not known.
    #[prost(uint32, tag = "4")]
    pub priority: u32,
    /// The window in which it may start, in milliseconds since 1970 on the server's clock; both or neither.
    #[prost(sint64, optional, tag = "5")]
    pub starts_at: Option<i64>,
    #[prost(sint64, optional, tag = "6")]
    pub ends_at: Option<i64>,
    #[prost(sint64, tag = "7")]
    pub duration_ms: i64,
    #[prost(message, repeated, tag = "8")]
    pub skills: Vec<NeededSkill>,
    /// The middle of the area of some kilometres in which it is, WGS-84 degrees; both or neither.
    #[prost(double, optional, tag = "9")]
    pub lat: Option<f64>,
    #[prost(double, optional, tag = "10")]
    pub lon: Option<f64>,
    /// IANA name.
    #[prost(string, tag = "11")]
    pub time_zone: String,
    /// What was promised, in milliseconds since 1970.
    #[prost(sint64, optional, tag = "12")]
    pub respond_by: Option<i64>,
    #[prost(sint64, optional, tag = "13")]
    pub resolve_by: Option<i64>,
}

/// What one must be good at to do it.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct NeededSkill {
    #[prost(string, tag = "1")]
    pub skill: String,
    /// At least.
    #[prost(uint32, tag = "2")]
    pub level: u32,
}

impl Card {
    /// The card's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.encode_to_vec()
    }

    /// Reads bytes that may be anything; nothing if they are no card.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Self::decode(bytes).ok().filter(|card| !card.visit.is_empty())
    }
}

impl Article {
    /// In bytes. No server takes more, and no phone.
    pub const LONGEST_TITLE: usize = 800;
    /// In bytes.
    pub const LONGEST_BODY: usize = 96 << 10;

    /// The row's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.encode_to_vec()
    }

    /// Reads a row that may hold anything; nothing if it is not an article that a server would have taken.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let article = Self::decode(bytes).ok()?;
        let is_sound = !article.title.is_empty()
            && article.title.len() <= Self::LONGEST_TITLE
            && article.body.len() <= Self::LONGEST_BODY;
        is_sound.then_some(article)
    }
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
