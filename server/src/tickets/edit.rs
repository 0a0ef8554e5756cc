//! Editing fields at the desk: which field, what its editor saw there, what should stand there.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value as Json;
use sync_core::document::Scalar;
use sync_core::document::core::path;
use sync_core::ids::{ContactId, CustomerId, SiteId, TicketId};
use sync_core::time::ServerTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::error::TicketError;
use super::store;
use crate::directory::{Code, Label, Priority, SkillLevel, Unacceptable, WorkDuration, prose};
use crate::ledger::{By, Edit, Ledger, Value};
use crate::platform::problem::{ApiResult, Problem};
use crate::tenancy::TenantTx;

/// The most fields that one request changes.
const MOST_EDITS: usize = 50;

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EditRequest {
    /// 1 to 50.
    pub edits: Vec<FieldEditRequest>,
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FieldEditRequest {
    /// `title`, `description`, `priority`, `duration_min`, `respond_by`, `resolve_by`, `customer_id`, `site_id`,
    /// `contact_id`, or `skills.` and the code of a skill.
    pub field: String,
    /// What its editor saw there; null if it was empty.
    #[serde(default)]
    pub seen: Json,
    /// What should stand there; null to empty it.
    pub value: Json,
}

/// Edits that have been parsed, and what they refer to, to be looked up.
#[derive(Debug, Clone)]
pub struct Edits {
    edits: Vec<Edit>,
    customer: Option<CustomerId>,
    site: Option<SiteId>,
    contact: Option<ContactId>,
}

impl EditRequest {
    pub fn parse(&self) -> ApiResult<Edits> {
        if self.edits.is_empty() || self.edits.len() > MOST_EDITS {
            return Err(Problem::invalid("edits", format!("1 to {MOST_EDITS} fields can be changed at once")));
        }
        let mut edits = Edits { edits: Vec::new(), customer: None, site: None, contact: None };
        for edit in &self.edits {
            let parsed = edits.parse(edit).map_err(|error| Problem::invalid(&edit.field, error.to_string()))?;
            if edits.edits.iter().any(|other| other.path == parsed.path) {
                return Err(Problem::invalid(&edit.field, "it is named twice"));
            }
            edits.edits.push(parsed);
        }
        Ok(edits)
    }
}

impl Edits {
    fn parse(&mut self, edit: &FieldEditRequest) -> Result<Edit, Unacceptable> {
        let (seen, value) = (&edit.seen, &edit.value);
        let (path, seen, to) = match edit.field.as_str() {
            "title" => {
                ("title".to_owned(), text(seen)?, Some(Value::Text(Label::<300>::new(required(value)?)?.into_string())))
            }
            "description" => ("description".to_owned(), text(seen)?, description(value)?),
            "priority" => {
                let priority = Priority::new(integer(value)?.ok_or_else(must_not_be_empty)?)?;
                ("priority".to_owned(), int(integer(seen)?), int(Some(priority.get().into())))
            }
            "duration_min" => {
                let duration = WorkDuration::from_minutes(integer(value)?.ok_or_else(must_not_be_empty)?)?;
                let seen = integer(seen)?.map(|minutes| minutes.saturating_mul(60_000));
                ("duration_ms".to_owned(), int(seen), int(Some(duration.millis())))
            }
            field @ ("respond_by" | "resolve_by") => (field.to_owned(), int(instant(seen)?), int(instant(value)?)),
            "customer_id" => {
                self.customer = id(value)?.map(CustomerId);
                ("customer".to_owned(), bytes(id(seen)?), bytes(id(value)?))
            }
            "site_id" => {
                self.site = id(value)?.map(SiteId);
                ("site".to_owned(), bytes(id(seen)?), bytes(id(value)?))
            }
            "contact_id" => {
                self.contact = id(value)?.map(ContactId);
                ("contact".to_owned(), bytes(id(seen)?), bytes(id(value)?))
            }
            other => {
                let skill =
                    other.strip_prefix("skills.").ok_or_else(|| Unacceptable::new("there is no such field to edit"))?;
                let level = integer(value)?.map(SkillLevel::new).transpose()?;
                let path = path::skill(Code::new(skill)?.as_str());
                (path, int(integer(seen)?), int(level.map(|level| level.get().into())))
            }
        };
        Ok(Edit { path, seen, to })
    }
}

fn must_not_be_empty() -> Unacceptable {
    Unacceptable::new("it must not be empty")
}

fn required(value: &Json) -> Result<&str, Unacceptable> {
    value.as_str().ok_or_else(|| Unacceptable::new("it must be text"))
}

fn text(value: &Json) -> Result<Option<Value>, Unacceptable> {
    match value {
        Json::Null => Ok(None),
        other => Ok(Some(Value::Text(required(other)?.to_owned()))),
    }
}

fn description(value: &Json) -> Result<Option<Value>, Unacceptable> {
    match value {
        Json::Null => Ok(None),
        other => Ok(prose::<10_000>(required(other)?)?.map(Value::Text)),
    }
}

fn integer(value: &Json) -> Result<Option<i64>, Unacceptable> {
    match value {
        Json::Null => Ok(None),
        other => other.as_i64().map(Some).ok_or_else(|| Unacceptable::new("it must be a whole number")),
    }
}

fn instant(value: &Json) -> Result<Option<i64>, Unacceptable> {
    match value {
        Json::Null => Ok(None),
        other => {
            let parsed = DateTime::parse_from_rfc3339(required(other)?);
            Ok(Some(parsed.map_err(|_| Unacceptable::new("it must be a time as in RFC 3339"))?.timestamp_millis()))
        }
    }
}

fn id(value: &Json) -> Result<Option<Uuid>, Unacceptable> {
    match value {
        Json::Null => Ok(None),
        other => Ok(Some(required(other)?.parse().map_err(|_| Unacceptable::new("it must be an id"))?)),
    }
}

fn int(value: Option<i64>) -> Option<Value> {
    value.map(|value| Value::Plain(Scalar::Int(value)))
}

fn bytes(id: Option<Uuid>) -> Option<Value> {
    id.map(|id| Value::Plain(Scalar::Bytes(id.as_bytes().to_vec())))
}

/// Makes the edits, all in one change.
pub async fn edit(
    tx: &mut TenantTx,
    ledger: &Ledger,
    ticket: TicketId,
    edits: Edits,
    by: By,
    now: DateTime<Utc>,
) -> Result<(), TicketError> {
    store::places(tx, edits.customer, edits.site, edits.contact).await?;
    let now = ServerTime(now.timestamp_millis());
    ledger.edit(tx, ticket, by, now, |desk| desk.set(&edits.edits).map(|_| ()).map_err(TicketError::from)).await
}
