//! Ticket types as the API shows and takes them.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::store::TicketTypeRow;
use crate::directory::{
    Code, DispatchMode, Label, Priority, RequiredSkills, SkillLevel, TicketType, Unacceptable, WorkDuration,
};
use crate::platform::etag::Versioned;
use crate::platform::problem::{ApiResult, invalid};

/// The workflow of tickets whose type names none.
const USUAL_WORKFLOW: (&str, i64) = ("field-service", 1);

/// The dispatch mode of types that leave it to the tenant's settings.
const USUAL_MODE: &str = "usual";

#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TicketTypeFilter {
    /// Archived ones instead of those in use.
    #[serde(default)]
    pub archived: bool,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TicketTypeView {
    pub code: String,
    pub name_en: String,
    pub name_zh: String,
    /// How long the work on site usually takes.
    pub duration_min: i32,
    /// 1 (most urgent) to 5.
    pub priority: i32,
    /// `automatic`, `suggest`, `pool` or `manual`: who decides which engineer a visit goes to. `usual`: as the dispatch
    /// settings say.
    pub dispatch_mode: String,
    /// Minutes from the request until somebody must be on site.
    pub response_target_min: Option<i32>,
    /// Minutes from the request until it must be done.
    pub resolution_target_min: Option<i32>,
    /// Skills that a visit needs, each with its least level.
    pub skills: BTreeMap<String, i32>,
    pub workflow: String,
    pub workflow_version: i64,
    pub version: i64,
    pub created_at: DateTime<Utc>,
    pub archived_at: Option<DateTime<Utc>>,
}

impl From<TicketTypeRow> for TicketTypeView {
    fn from(row: TicketTypeRow) -> Self {
        Self {
            code: row.code,
            name_en: row.name_en,
            name_zh: row.name_zh,
            duration_min: row.duration_min,
            priority: row.priority,
            dispatch_mode: row.dispatch_mode.unwrap_or_else(|| USUAL_MODE.to_owned()),
            response_target_min: row.response_target_min,
            resolution_target_min: row.resolution_target_min,
            skills: row.skills.into_iter().zip(row.levels).collect(),
            workflow: row.workflow,
            workflow_version: row.workflow_version,
            version: row.version,
            created_at: row.created_at,
            archived_at: row.archived_at,
        }
    }
}

impl From<TicketTypeRow> for Versioned<TicketTypeView> {
    fn from(row: TicketTypeRow) -> Self {
        Self { version: row.version, body: row.into() }
    }
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTicketTypeRequest {
    /// What tickets name it by; never changes.
    pub code: String,
    pub name_en: String,
    pub name_zh: String,
    pub duration_min: i64,
    pub priority: i64,
    /// Left out or `usual`: as the dispatch settings say.
    pub dispatch_mode: Option<String>,
    pub response_target_min: Option<i64>,
    pub resolution_target_min: Option<i64>,
    #[serde(default)]
    pub skills: BTreeMap<String, i64>,
    /// The built-in field-service workflow unless given.
    pub workflow: Option<String>,
    pub workflow_version: Option<i64>,
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TicketTypeRequest {
    pub name_en: String,
    pub name_zh: String,
    pub duration_min: i64,
    pub priority: i64,
    /// Left out or `usual`: as the dispatch settings say.
    pub dispatch_mode: Option<String>,
    pub response_target_min: Option<i64>,
    pub resolution_target_min: Option<i64>,
    #[serde(default)]
    pub skills: BTreeMap<String, i64>,
    /// The built-in field-service workflow unless given.
    pub workflow: Option<String>,
    pub workflow_version: Option<i64>,
    #[serde(default)]
    pub archived: bool,
}

impl NewTicketTypeRequest {
    pub fn parse(self) -> ApiResult<TicketType> {
        let code = Code::new(&self.code).map_err(invalid("code"))?;
        TicketTypeRequest {
            name_en: self.name_en,
            name_zh: self.name_zh,
            duration_min: self.duration_min,
            priority: self.priority,
            dispatch_mode: self.dispatch_mode,
            response_target_min: self.response_target_min,
            resolution_target_min: self.resolution_target_min,
            skills: self.skills,
            workflow: self.workflow,
            workflow_version: self.workflow_version,
            archived: false,
        }
        .parse(code)
    }
}

impl TicketTypeRequest {
    pub fn parse(self, code: Code) -> ApiResult<TicketType> {
        let workflow = Code::new(self.workflow.as_deref().unwrap_or(USUAL_WORKFLOW.0)).map_err(invalid("workflow"))?;
        Ok(TicketType {
            code,
            name_en: Label::<100>::new(&self.name_en).map_err(invalid("name_en"))?.into_string(),
            name_zh: Label::<100>::new(&self.name_zh).map_err(invalid("name_zh"))?.into_string(),
            duration: WorkDuration::from_minutes(self.duration_min).map_err(invalid("duration_min"))?,
            priority: Priority::new(self.priority).map_err(invalid("priority"))?,
            skills: skills(&self.skills).map_err(invalid("skills"))?,
            dispatch_mode: mode(self.dispatch_mode.as_deref()).map_err(invalid("dispatch_mode"))?,
            response_target: target(self.response_target_min).map_err(invalid("response_target_min"))?,
            resolution_target: target(self.resolution_target_min).map_err(invalid("resolution_target_min"))?,
            workflow: (workflow, self.workflow_version.unwrap_or(USUAL_WORKFLOW.1)),
        })
    }
}

fn mode(asked: Option<&str>) -> Result<Option<DispatchMode>, Unacceptable> {
    asked.filter(|asked| *asked != USUAL_MODE).map(DispatchMode::new).transpose()
}

fn skills(skills: &BTreeMap<String, i64>) -> Result<RequiredSkills, Unacceptable> {
    skills.iter().map(|(skill, level)| Ok((Code::new(skill)?, SkillLevel::new(*level)?))).collect()
}

fn target(minutes: Option<i64>) -> Result<Option<TimeDelta>, Unacceptable> {
    match minutes {
        None => Ok(None),
        Some(minutes @ 1..=525_600) => Ok(Some(TimeDelta::minutes(minutes))),
        Some(_) => Err(Unacceptable::new("a target is 1 minute to a year")),
    }
}
