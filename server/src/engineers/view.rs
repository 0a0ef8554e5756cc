//! Engineers and skills as the API shows and takes them.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::skill_store::SkillRow;
use super::store::{EngineerRow, HeldSkill, NewEngineer};
use crate::directory::{Code, Label, Name, Position, PositionView, SkillLevel};
use crate::platform::etag::Versioned;
use crate::platform::problem::{ApiResult, Problem, invalid};

/// Which engineers are wanted.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct EngineerFilter {
    /// Part of the name.
    pub q: Option<String>,
    /// Those who hold this skill.
    pub skill: Option<String>,
    /// … at this level or above.
    pub min_level: Option<i32>,
    pub territory: Option<String>,
    /// Archived ones instead of those at work.
    #[serde(default)]
    pub archived: bool,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EngineerView {
    /// The id of the user too.
    pub engineer_id: Uuid,
    pub display_name: String,
    /// Where the day starts and ends.
    pub home: Option<PositionView>,
    /// How fast they get about; null: the planner's default.
    pub speed_kmh: Option<f64>,
    pub territory: Option<String>,
    pub skills: Vec<HeldSkillView>,
    pub version: i64,
    pub created_at: DateTime<Utc>,
    pub archived_at: Option<DateTime<Utc>>,
}

/// A skill that an engineer holds.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HeldSkillView {
    /// Code of the skill.
    pub skill: String,
    /// 1 to 5.
    pub level: i64,
    /// The last day on which the certificate holds; null: it does not expire.
    pub expires_on: Option<NaiveDate>,
}

impl From<EngineerRow> for EngineerView {
    fn from(row: EngineerRow) -> Self {
        let skills = row.skills.into_iter().zip(row.levels).zip(row.expiries);
        Self {
            engineer_id: row.engineer_id,
            display_name: row.display_name,
            home: Position::from_columns(row.home_lat, row.home_lon).map(PositionView::from),
            speed_kmh: row.speed_kmh,
            territory: row.territory,
            skills: skills
                .map(|((skill, level), expires_on)| HeldSkillView { skill, level: level.into(), expires_on })
                .collect(),
            version: row.version,
            created_at: row.created_at,
            archived_at: row.archived_at,
        }
    }
}

impl From<EngineerRow> for Versioned<EngineerView> {
    fn from(row: EngineerRow) -> Self {
        Self { version: row.version, body: row.into() }
    }
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEngineerRequest {
    /// A user with the role `engineer`.
    pub user_id: Uuid,
    pub display_name: String,
    pub home: Option<PositionView>,
    pub speed_kmh: Option<f64>,
    pub territory: Option<String>,
    #[serde(default)]
    pub skills: Vec<HeldSkillView>,
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EngineerRequest {
    pub display_name: String,
    pub home: Option<PositionView>,
    pub speed_kmh: Option<f64>,
    pub territory: Option<String>,
    #[serde(default)]
    pub archived: bool,
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SkillsRequest {
    pub skills: Vec<HeldSkillView>,
}

impl NewEngineerRequest {
    pub fn parse(&self) -> ApiResult<NewEngineer> {
        engineer(&self.display_name, self.home, self.speed_kmh, self.territory.as_deref())
    }

    pub fn skills(&self) -> ApiResult<Vec<HeldSkill>> {
        skills(&self.skills)
    }
}

impl EngineerRequest {
    pub fn parse(&self) -> ApiResult<NewEngineer> {
        engineer(&self.display_name, self.home, self.speed_kmh, self.territory.as_deref())
    }
}

impl SkillsRequest {
    pub fn parse(&self) -> ApiResult<Vec<HeldSkill>> {
        skills(&self.skills)
    }
}

fn engineer(
    name: &str,
    home: Option<PositionView>,
    speed_kmh: Option<f64>,
    territory: Option<&str>,
) -> ApiResult<NewEngineer> {
    if speed_kmh.is_some_and(|speed| !(1.0..=200.0).contains(&speed)) {
        return Err(Problem::invalid("speed_kmh", "a speed is 1 to 200 km/h"));
    }
    Ok(NewEngineer {
        display_name: Name::new(name).map_err(invalid("display_name"))?,
        home: home.map(Position::try_from).transpose().map_err(invalid("home"))?,
        speed_kmh,
        territory: territory.map(Label::<100>::new).transpose().map_err(invalid("territory"))?,
    })
}

fn skills(held: &[HeldSkillView]) -> ApiResult<Vec<HeldSkill>> {
    let mut skills: Vec<HeldSkill> = Vec::with_capacity(held.len());
    for one in held {
        let skill = Code::new(&one.skill).map_err(invalid("skills"))?;
        if skills.iter().any(|other| other.skill == skill) {
            return Err(Problem::invalid("skills", "a skill is named twice"));
        }
        let level = SkillLevel::new(one.level).map_err(invalid("skills"))?;
        skills.push(HeldSkill { skill, level, expires_on: one.expires_on });
    }
    Ok(skills)
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SkillView {
    pub code: String,
    pub name_en: String,
    pub name_zh: String,
    pub version: i64,
    pub archived_at: Option<DateTime<Utc>>,
}

impl From<SkillRow> for SkillView {
    fn from(SkillRow { skill, name_en, name_zh, version, archived_at }: SkillRow) -> Self {
        Self { code: skill, name_en, name_zh, version, archived_at }
    }
}

impl From<SkillRow> for Versioned<SkillView> {
    fn from(row: SkillRow) -> Self {
        Self { version: row.version, body: row.into() }
    }
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSkillRequest {
    /// What tickets and engineers name it by; never changes.
    pub code: String,
    pub name_en: String,
    pub name_zh: String,
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SkillRequest {
    pub name_en: String,
    pub name_zh: String,
    #[serde(default)]
    pub archived: bool,
}

/// The two names of a catalogue entry.
pub(super) fn names(en: &str, zh: &str) -> ApiResult<(Label<100>, Label<100>)> {
    Ok((Label::new(en).map_err(invalid("name_en"))?, Label::new(zh).map_err(invalid("name_zh"))?))
}
