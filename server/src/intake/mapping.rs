//! How one foreign system's files become tickets, parsed from the JSON that an administrator keeps under a name.
//!
//! A mapping that exists is usable: columns are the only thing that can still be missing, and only a file can tell.

use std::collections::{BTreeMap, BTreeSet};

use chrono_tz::Tz;
use encoding_rs::Encoding;

use super::definition::{
    CustomerDefinition, KindDefinition, KindTable, MappingDefinition, SiteDefinition, SkipDefinition,
};
use super::encoding::encoding;
use super::local_time::{LocalClock, TimeFormat};
use super::template::Template;
use crate::directory::{
    Code, Priority, Reference, RequiredSkills, SkillLevel, Tier, Unacceptable, WorkDuration, locale, time_zone,
};

/// A mapping that has been parsed.
#[derive(Debug, Clone)]
pub struct Mapping {
    pub source: Code,
    pub delimiter: u8,
    pub encoding: Option<&'static Encoding>,
    pub repair_mojibake: bool,
    pub clock: LocalClock,
    pub empty_values: BTreeSet<String>,
    pub external_id: String,
    pub title: Template,
    pub description: Option<Template>,
    pub requested_at: String,
    pub respond_by: Option<String>,
    pub resolve_by: Option<String>,
    pub kinds: Kinds,
    pub skip: Vec<Skip>,
    pub customer: Option<CustomerMapping>,
    pub site: SiteMapping,
}

/// The value table, keys in lower case.
#[derive(Debug, Clone)]
pub struct Kinds {
    pub column: Option<String>,
    pub values: BTreeMap<String, Kind>,
    pub default: Option<Kind>,
}

/// What kind of work a row asks for; what is none follows from the ticket type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kind {
    pub ticket_type: Code,
    pub skills: Option<RequiredSkills>,
    pub duration: Option<WorkDuration>,
    pub priority: Option<Priority>,
}

#[derive(Debug, Clone)]
pub struct Skip {
    pub column: String,
    /// In lower case.
    pub values: BTreeSet<String>,
    pub reason: String,
}

#[derive(Debug, Clone)]
pub struct CustomerMapping {
    pub reference: Template,
    pub name: Template,
    pub tier: Tier,
    pub locale: &'static str,
}

#[derive(Debug, Clone)]
pub struct SiteMapping {
    pub reference: Option<Template>,
    pub name: Template,
    pub address: Template,
    pub coordinates: Option<(String, String)>,
    pub time_zone: Tz,
}

/// A mapping that cannot be used, by the member at fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct BadMapping {
    /// Dotted path of the member.
    pub field: String,
    pub reason: Unacceptable,
}

/// Names the member in which a value stood.
trait In<T> {
    fn at(self, field: impl Into<String>) -> Result<T, BadMapping>;
}

impl<T> In<T> for Result<T, Unacceptable> {
    fn at(self, field: impl Into<String>) -> Result<T, BadMapping> {
        self.map_err(|reason| BadMapping { field: field.into(), reason })
    }
}

impl Mapping {
    pub fn parse(definition: &MappingDefinition) -> Result<Self, BadMapping> {
        let zone = time_zone(&definition.time_zone).at("time_zone")?;
        let formats = &definition.date_formats;
        if formats.is_empty() {
            return Err(Unacceptable::new("at least one is needed")).at("date_formats");
        }
        let optional = |column: &Option<String>, field: &str| {
            column.as_deref().map(|column| self::column(column, field)).transpose()
        };
        Ok(Self {
            source: Code::new(&definition.source).at("source")?,
            delimiter: delimiter(definition.delimiter).at("delimiter")?,
            encoding: definition.encoding.as_deref().map(encoding).transpose().at("encoding")?,
            repair_mojibake: definition.repair_mojibake,
            clock: LocalClock {
                zone,
                formats: formats
                    .iter()
                    .enumerate()
                    .map(|(at, format)| TimeFormat::new(format).at(format!("date_formats.{at}")))
                    .collect::<Result<_, _>>()?,
            },
            empty_values: definition.empty_values.iter().map(|value| value.trim().to_lowercase()).collect(),
            external_id: column(&definition.external_id, "external_id")?,
            title: Template::new(&definition.title).at("title")?,
            description: definition.description.as_deref().map(Template::new).transpose().at("description")?,
            requested_at: column(&definition.requested_at, "requested_at")?,
            respond_by: optional(&definition.respond_by, "respond_by")?,
            resolve_by: optional(&definition.resolve_by, "resolve_by")?,
            kinds: kinds(&definition.ticket_type)?,
            skip: definition.skip.iter().enumerate().map(|(at, rule)| skip(at, rule)).collect::<Result<_, _>>()?,
            customer: definition.customer.as_ref().map(customer).transpose()?,
            site: site(&definition.site, zone)?,
        })
    }

    /// Every column that a file must have, in order of name.
    pub fn columns(&self) -> BTreeSet<&str> {
        let mut columns = BTreeSet::from([self.external_id.as_str(), self.requested_at.as_str()]);
        let optional = [&self.respond_by, &self.resolve_by, &self.kinds.column];
        columns.extend(optional.into_iter().flatten().map(String::as_str));
        columns.extend(self.skip.iter().map(|rule| rule.column.as_str()));
        columns.extend(self.site.coordinates.iter().flat_map(|(lat, lon)| [lat.as_str(), lon.as_str()]));
        let customer = self.customer.iter().flat_map(|customer| [&customer.reference, &customer.name]);
        let site = self.site.reference.iter().chain([&self.site.name, &self.site.address]);
        let templates = self.description.iter().chain([&self.title]).chain(customer).chain(site);
        columns.extend(templates.flat_map(Template::columns));
        columns
    }

    /// The codes of all ticket types that it can give.
    pub fn ticket_types(&self) -> BTreeSet<&Code> {
        self.kinds.all().map(|kind| &kind.ticket_type).collect()
    }

    /// The codes of all skills that it can ask for of itself.
    pub fn skills(&self) -> BTreeSet<&Code> {
        self.kinds.all().flat_map(|kind| kind.skills.iter().flat_map(|skills| skills.keys())).collect()
    }
}

impl Kinds {
    fn all(&self) -> impl Iterator<Item = &Kind> {
        self.values.values().chain(&self.default)
    }
}

fn column(name: &str, field: &str) -> Result<String, BadMapping> {
    let name = name.trim();
    if name.is_empty() {
        return Err(Unacceptable::new("it must name a column")).at(field);
    }
    Ok(name.to_owned())
}

fn delimiter(delimiter: Option<char>) -> Result<u8, Unacceptable> {
    match delimiter {
        None => Ok(b','),
        Some(',' | ';' | '\t' | '|') => Ok(delimiter.and_then(|c| u8::try_from(c).ok()).unwrap_or(b',')),
        Some(_) => Err(Unacceptable::new("a delimiter is a comma, semicolon, tab or vertical bar")),
    }
}

fn kinds(table: &KindTable) -> Result<Kinds, BadMapping> {
    if table.values.is_empty() && table.default.is_none() {
        return Err(Unacceptable::new("it needs values or a default")).at("ticket_type");
    }
    if table.column.is_none() && !table.values.is_empty() {
        return Err(Unacceptable::new("values need a column")).at("ticket_type.column");
    }
    let mut values = BTreeMap::new();
    for (value, definition) in &table.values {
        let kind = kind(definition, &format!("ticket_type.values.{value}"))?;
        if values.insert(value.trim().to_lowercase(), kind).is_some() {
            return Err(Unacceptable::new("it stands in the table twice")).at(format!("ticket_type.values.{value}"));
        }
    }
    Ok(Kinds {
        column: table.column.as_deref().map(|name| column(name, "ticket_type.column")).transpose()?,
        values,
        default: table.default.as_ref().map(|definition| kind(definition, "ticket_type.default")).transpose()?,
    })
}

fn kind(definition: &KindDefinition, field: &str) -> Result<Kind, BadMapping> {
    let skills = definition.skills.as_ref().map(|skills| {
        let skill = |(code, level): (&String, &i64)| Ok((Code::new(code)?, SkillLevel::new(*level)?));
        skills.iter().map(skill).collect::<Result<_, Unacceptable>>()
    });
    Ok(Kind {
        ticket_type: Code::new(&definition.ticket_type).at(format!("{field}.ticket_type"))?,
        skills: skills.transpose().at(format!("{field}.skills"))?,
        duration: definition
            .duration_min
            .map(WorkDuration::from_minutes)
            .transpose()
            .at(format!("{field}.duration_min"))?,
        priority: definition.priority.map(Priority::new).transpose().at(format!("{field}.priority"))?,
    })
}

fn skip(at: usize, rule: &SkipDefinition) -> Result<Skip, BadMapping> {
    Ok(Skip {
        column: column(&rule.column, &format!("skip.{at}.column"))?,
        values: rule.values.iter().map(|value| value.trim().to_lowercase()).collect(),
        reason: Reference::new(&rule.reason).at(format!("skip.{at}.reason"))?.into_string(),
    })
}

fn customer(definition: &CustomerDefinition) -> Result<CustomerMapping, BadMapping> {
    Ok(CustomerMapping {
        reference: Template::new(&definition.reference).at("customer.reference")?,
        name: Template::new(&definition.name).at("customer.name")?,
        tier: definition.tier.as_deref().map_or(Ok(Tier::default()), Tier::new).at("customer.tier")?,
        locale: locale(definition.locale.as_deref().unwrap_or("en")).at("customer.locale")?,
    })
}

fn site(definition: &SiteDefinition, time_zone: Tz) -> Result<SiteMapping, BadMapping> {
    let coordinates = match (&definition.lat, &definition.lon) {
        (Some(lat), Some(lon)) => Some((column(lat, "site.lat")?, column(lon, "site.lon")?)),
        (None, None) => None,
        _ => return Err(Unacceptable::new("lat and lon come together")).at("site"),
    };
    Ok(SiteMapping {
        reference: definition.reference.as_deref().map(Template::new).transpose().at("site.reference")?,
        name: Template::new(&definition.name).at("site.name")?,
        address: Template::new(&definition.address).at("site.address")?,
        coordinates,
        time_zone,
    })
}
