//! The core of a ticket: what the desk says it is. Only the server writes it, field by field.
//!
//! A field has a path: `title`, `skills/<name>`, `visits/<visit id>/start`. The same paths name the fields in desk
//! edits, so one mapping serves storing, reading and editing.

use std::collections::BTreeMap;

use crate::document::field::{Field, FieldError, bad};
use crate::document::key;
use crate::document::scalar::{Fields, Scalar};
use crate::document::seal::Sealed;
use crate::ids::{AssetId, ContactId, CustomerId, SiteId, VisitId};
use crate::time::{ServerTime, TimeWindow};

/// What the desk says a ticket is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Core {
    /// The number people use, unique in the tenant.
    pub number: String,
    /// The ticket type's code.
    pub ticket_type: String,
    /// One line.
    pub title: Sealed,
    /// The whole story.
    pub description: Option<Sealed>,
    /// 1 is most urgent, 5 least.
    pub priority: i64,
    /// Who asked.
    pub customer: Option<CustomerId>,
    /// Where.
    pub site: Option<SiteId>,
    /// On what.
    pub asset: Option<AssetId>,
    /// Whom to ask for.
    pub contact: Option<ContactId>,
    /// When somebody must have answered.
    pub respond_by: Option<ServerTime>,
    /// When it must be solved.
    pub resolve_by: Option<ServerTime>,
    /// What the work needs, each with its least level.
    pub skills: BTreeMap<String, i64>,
    /// How long the work should take, in milliseconds.
    pub duration_ms: i64,
    /// The workflow's code and version.
    pub workflow: (String, i64),
    /// The planned visits.
    pub visits: BTreeMap<VisitId, VisitPlan>,
}

/// When a visit is planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VisitPlan {
    /// When it may start.
    pub window: Option<TimeWindow>,
    /// Planning must not move it.
    pub pinned: bool,
}

/// The paths of a visit's fields.
pub mod path {
    use crate::document::key;
    use crate::ids::VisitId;

    /// The earliest start.
    pub fn visit_start(visit: VisitId) -> String {
        format!("visits/{}/start", key::of(&visit.0))
    }

    /// The latest start.
    pub fn visit_end(visit: VisitId) -> String {
        format!("visits/{}/end", key::of(&visit.0))
    }

    /// Whether planning must leave it where it is.
    pub fn visit_pinned(visit: VisitId) -> String {
        format!("visits/{}/pinned", key::of(&visit.0))
    }

    /// The least level of a skill.
    pub fn skill(name: &str) -> String {
        format!("skills/{name}")
    }
}

impl Core {
    /// Its fields by path; an empty field is absent.
    pub fn to_fields(&self) -> Fields {
        let mut fields = Fields::new();
        self.number.put("number", &mut fields);
        self.ticket_type.put("type", &mut fields);
        self.title.put("title", &mut fields);
        self.description.put("description", &mut fields);
        self.priority.put("priority", &mut fields);
        self.customer.put("customer", &mut fields);
        self.site.put("site", &mut fields);
        self.asset.put("asset", &mut fields);
        self.contact.put("contact", &mut fields);
        self.respond_by.put("respond_by", &mut fields);
        self.resolve_by.put("resolve_by", &mut fields);
        self.duration_ms.put("duration_ms", &mut fields);
        self.workflow.0.put("workflow", &mut fields);
        self.workflow.1.put("workflow_version", &mut fields);
        for (name, level) in &self.skills {
            level.put(&path::skill(name), &mut fields);
        }
        for (visit, plan) in &self.visits {
            plan.window.map(TimeWindow::start).put(&path::visit_start(*visit), &mut fields);
            plan.window.map(TimeWindow::end).put(&path::visit_end(*visit), &mut fields);
            plan.pinned.put(&path::visit_pinned(*visit), &mut fields);
        }
        fields
    }

    /// The core in these fields. What a newer version added is passed over; it stays in the document.
    pub fn from_fields(mut fields: Fields) -> Result<Self, FieldError> {
        Ok(Core {
            number: Field::take("number", &mut fields)?,
            ticket_type: Field::take("type", &mut fields)?,
            title: Field::take("title", &mut fields)?,
            description: Field::take("description", &mut fields)?,
            priority: take_priority(&mut fields)?,
            customer: Field::take("customer", &mut fields)?,
            site: Field::take("site", &mut fields)?,
            asset: Field::take("asset", &mut fields)?,
            contact: Field::take("contact", &mut fields)?,
            respond_by: Field::take("respond_by", &mut fields)?,
            resolve_by: Field::take("resolve_by", &mut fields)?,
            duration_ms: Field::take("duration_ms", &mut fields)?,
            workflow: (Field::take("workflow", &mut fields)?, Field::take("workflow_version", &mut fields)?),
            skills: take_skills(&mut fields)?,
            visits: take_visits(&mut fields)?,
        })
    }
}

fn take_priority(fields: &mut Fields) -> Result<i64, FieldError> {
    match i64::take("priority", fields)? {
        priority @ 1..=5 => Ok(priority),
        _ => Err(bad("priority", "between 1 and 5")),
    }
}

fn take_skills(fields: &mut Fields) -> Result<BTreeMap<String, i64>, FieldError> {
    let paths: Vec<String> = under("skills/", fields);
    paths.into_iter().map(|path| Ok((path["skills/".len()..].to_owned(), i64::take(&path, fields)?))).collect()
}

fn take_visits(fields: &mut Fields) -> Result<BTreeMap<VisitId, VisitPlan>, FieldError> {
    let mut visits = BTreeMap::new();
    for path in under("visits/", fields) {
        let name = path.split('/').nth(1).unwrap_or_default();
        let visit = VisitId(key::parse(name).ok_or_else(|| bad(&path, "about a visit"))?);
        let pinned = fields.get(&path::visit_pinned(visit)) == Some(&Scalar::Bool(true));
        visits.insert(visit, VisitPlan { window: window(visit, fields).unwrap_or(None), pinned });
    }
    Ok(visits)
}

/// A visit's window. Two histories of a restored server may merge into half a window or a backwards one: reading a
/// core takes that for none, an edit that would leave one is refused.
pub(crate) fn window(visit: VisitId, fields: &Fields) -> Result<Option<TimeWindow>, FieldError> {
    let side = |path: String| match fields.get(&path) {
        Some(Scalar::Int(ms)) => Ok(Some(ServerTime(*ms))),
        Some(_) => Err(bad(&path, "a time")),
        None => Ok(None),
    };
    match (side(path::visit_start(visit))?, side(path::visit_end(visit))?) {
        (Some(start), Some(end)) => {
            TimeWindow::new(start, end).map(Some).map_err(|_| bad(&path::visit_end(visit), "after its start"))
        }
        (None, None) => Ok(None),
        _ => Err(bad(&path::visit_end(visit), "set together with its start")),
    }
}

fn under(prefix: &str, fields: &Fields) -> Vec<String> {
    fields
        .range(prefix.to_owned()..)
        .take_while(|(path, _)| path.starts_with(prefix))
        .map(|(path, _)| path.clone())
        .collect()
}
