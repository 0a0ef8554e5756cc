//! A mapping as an administrator writes it: the JSON of `PUT /import-mappings/{name}`. What it means, and whether it means
//! anything, is [`super::mapping`]'s to say.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The mapping as it is written. Columns are named as in the file's header; a *template* is text with `{Column}`s in it,
/// where `{A|B}` takes the first that is not empty and `[…]` vanishes if a column in it is empty.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MappingDefinition {
    /// What the foreign system is called here. External ids are unique within it, whichever mapping read them.
    pub source: String,
    /// What separates cells; a comma unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<char>,
    /// Name of the encoding; without it UTF-8, or Windows-1252 for what is not UTF-8. A byte order mark overrides it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// Undo UTF-8 that was once read as Windows-1252 (`Â `, `Ã©`).
    #[serde(default)]
    pub repair_mojibake: bool,
    /// IANA name of the zone in which the file's times are local.
    pub time_zone: String,
    /// In strftime's notation, tried in this order.
    pub date_formats: Vec<String>,
    /// Cells that mean that nothing is known, such as `N/A`.
    #[serde(default)]
    pub empty_values: Vec<String>,
    /// Column of what makes a row the same row in the next file.
    pub external_id: String,
    /// Template.
    pub title: String,
    /// Template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Column of the time of the request; service targets count from it.
    pub requested_at: String,
    /// Column of the time until which somebody must be on site; without it the ticket type's target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub respond_by: Option<String>,
    /// Column of the time until which it must be done; without it the ticket type's target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolve_by: Option<String>,
    pub ticket_type: KindTable,
    /// Rows that are not wanted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skip: Vec<SkipDefinition>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<CustomerDefinition>,
    pub site: SiteDefinition,
}

/// From a cell's value to the kind of work. Values are compared without regard to case.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KindTable {
    /// Without it every row is of the default kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    #[serde(default)]
    pub values: BTreeMap<String, KindDefinition>,
    /// For values that are not in the table; without it such a row is an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<KindDefinition>,
}

/// A ticket type, and what is different from it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KindDefinition {
    /// Code of a ticket type.
    pub ticket_type: String,
    /// Skills with their least levels, instead of the type's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skills: Option<BTreeMap<String, i64>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_min: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<i64>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SkipDefinition {
    pub column: String,
    /// Any of these, without regard to case.
    pub values: Vec<String>,
    /// What the report says of such rows.
    pub reason: String,
}

/// Who asked for the work. A customer with this reference is used, or made.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomerDefinition {
    /// Template. A row in which it is empty has no customer.
    pub reference: String,
    /// Template.
    pub name: String,
    /// `standard`, `silver`, `gold` or `platinum`, for customers that are made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<String>,
    /// `en` or `zh-CN`, for customers that are made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
}

/// Where the work is. A site with this reference is used, or made.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SiteDefinition {
    /// Template. Without it every row has a site of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Template.
    pub name: String,
    /// Template.
    pub address: String,
    /// Columns of degrees, WGS-84. A row in which both are empty, or 0, waits to be located.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lat: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lon: Option<String>,
}
