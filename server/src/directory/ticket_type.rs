//! A ticket type: what kind of work a ticket asks for, and everything that follows from it unless somebody says
//! otherwise.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Code, Priority, RequiredSkills, SkillLevel, Unacceptable, WorkDuration};
use crate::tenancy::TenantTx;

/// Who decides which engineer a visit goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DispatchMode {
    /// The server assigns the best candidate.
    Automatic,
    /// The server suggests, a dispatcher confirms.
    Suggest,
    /// Engineers take it from the pool.
    Pool,
    /// A dispatcher assigns.
    Manual,
}

impl DispatchMode {
    pub fn new(mode: &str) -> Result<Self, Unacceptable> {
        match mode {
            "automatic" => Ok(Self::Automatic),
            "suggest" => Ok(Self::Suggest),
            "pool" => Ok(Self::Pool),
            "manual" => Ok(Self::Manual),
            _ => Err(Unacceptable::new("a dispatch mode is automatic, suggest, pool or manual")),
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Automatic => "automatic",
            Self::Suggest => "suggest",
            Self::Pool => "pool",
            Self::Manual => "manual",
        }
    }
}

/// A ticket type as tickets are made from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketType {
    pub code: Code,
    pub name_en: String,
    pub name_zh: String,
    pub duration: WorkDuration,
    pub priority: Priority,
    pub skills: RequiredSkills,
    /// None: as the tenant's settings say.
    pub dispatch_mode: Option<DispatchMode>,
    /// From the request to somebody's being on site.
    pub response_target: Option<TimeDelta>,
    /// From the request to the work's being done.
    pub resolution_target: Option<TimeDelta>,
    /// Which workflow its tickets follow, and in which version.
    pub workflow: (Code, i64),
}

impl TicketType {
    /// Until when somebody must be on site for a request of this time.
    pub fn respond_by(&self, requested_at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        requested_at.checked_add_signed(self.response_target?)
    }

    /// Until when a request of this time must be done.
    pub fn resolve_by(&self, requested_at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        requested_at.checked_add_signed(self.resolution_target?)
    }
}

/// The ticket type of this code, unless it is archived.
pub async fn ticket_type(tx: &mut TenantTx, code: &str) -> Result<Option<TicketType>, sqlx::Error> {
    Ok(ticket_types(tx, &[code.to_owned()]).await?.pop())
}

/// Those of these ticket types that there are and that are not archived.
pub async fn ticket_types(tx: &mut TenantTx, codes: &[String]) -> Result<Vec<TicketType>, sqlx::Error> {
    let rows = sqlx::query_as!(
        TicketTypeRow,
        r#"select code, name_en, name_zh, duration_min, priority, dispatch_mode, response_target_min, resolution_target_min,
            workflow, workflow_version,
            array(select s.skill from ticket_type_skill s where s.code = t.code order by s.skill) as "skills!",
            array(select s.level from ticket_type_skill s where s.code = t.code order by s.skill) as "levels!"
        from ticket_type t
        where code = any($1) and archived_at is null
        order by code"#,
        codes,
    )
    .fetch_all(&mut **tx)
    .await?;
    rows.into_iter().map(|row| row.parse().map_err(|error| sqlx::Error::Decode(error.into()))).collect()
}

struct TicketTypeRow {
    code: String,
    name_en: String,
    name_zh: String,
    duration_min: i32,
    priority: i32,
    dispatch_mode: Option<String>,
    response_target_min: Option<i32>,
    resolution_target_min: Option<i32>,
    workflow: String,
    workflow_version: i64,
    skills: Vec<String>,
    levels: Vec<i32>,
}

impl TicketTypeRow {
    fn parse(self) -> Result<TicketType, Unacceptable> {
        let minutes = |target: Option<i32>| target.map(|minutes| TimeDelta::minutes(minutes.into()));
        let skill = |(skill, level): (String, i32)| Ok((Code::new(&skill)?, SkillLevel::new(level.into())?));
        Ok(TicketType {
            code: Code::new(&self.code)?,
            name_en: self.name_en,
            name_zh: self.name_zh,
            duration: WorkDuration::from_minutes(self.duration_min.into())?,
            priority: Priority::new(self.priority.into())?,
            skills: self.skills.into_iter().zip(self.levels).map(skill).collect::<Result<_, Unacceptable>>()?,
            dispatch_mode: self.dispatch_mode.as_deref().map(DispatchMode::new).transpose()?,
            response_target: minutes(self.response_target_min),
            resolution_target: minutes(self.resolution_target_min),
            workflow: (Code::new(&self.workflow)?, self.workflow_version),
        })
    }
}
