//! `/travel-profile`: how fast engineers get on, by area and hour.

use axum::extract::State;
use chrono::{DateTime, Utc};
use h3o::CellIndex;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::directory::time_zone;
use crate::planning::PlanningError;
use crate::planning::travel::{KeptProfile, Profile, Rule, profile_store as store};
use crate::platform::clock::Clock;
use crate::platform::etag::{IfMatch, Versioned, stale};
use crate::platform::extract::{Json, Query};
use crate::platform::problem::{ApiResult, Problem, ProblemView, invalid};
use crate::state::AppState;
use crate::tenancy::{Permission, TenantCtx, TenantTx};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(get_travel_profile, put_travel_profile))
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TravelProfileView {
    /// 0 as long as nobody has said anything. Decisions name the version they were made by.
    pub version: i64,
    /// In which the hours of the rules are meant.
    pub time_zone: String,
    pub rules: Vec<TravelRule>,
    pub changed_at: Option<DateTime<Utc>>,
    pub changed_by: Option<Uuid>,
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TravelProfileRequest {
    /// Such as `Europe/Helsinki`.
    pub time_zone: String,
    /// At most 500. Of several that hold for a place and an hour the one of the finest area counts, then the first.
    pub rules: Vec<TravelRule>,
}

/// How fast it goes in an area at some hours of the week.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TravelRule {
    /// A cell of H3 of resolution 2 (half a country) to 7 (a quarter of a town), in hexadecimal; left out: everywhere.
    pub area: Option<String>,
    /// 1 is Monday, 7 Sunday; left out: every day.
    pub days: Option<Vec<u8>>,
    /// The hours, in quarters, such as `07:15`; left out: from midnight, or until `24:00`.
    pub from: Option<String>,
    pub to: Option<String>,
    /// How much longer roads are than the straight line: 1 to 10; left out: as usual.
    pub detour: Option<f64>,
    /// Of those for whom no speed of their own is entered: 2 to 200; left out: as usual.
    pub speed_kmh: Option<f64>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TravelProfileQuery {
    /// An earlier version than the one that counts.
    pub version: Option<i64>,
}

/// How fast engineers get on where no routing engine measures it, by area and hour.
#[utoipa::path(get, path = "/travel-profile", tag = "dispatching", params(TravelProfileQuery),
    responses((status = 200, body = TravelProfileView), (status = 404, body = ProblemView)))]
async fn get_travel_profile(
    ctx: TenantCtx,
    Query(query): Query<TravelProfileQuery>,
) -> ApiResult<Versioned<TravelProfileView>> {
    ctx.require(Permission::ReadMasterData)?;
    let kept = ctx.read(async move |tx: &mut TenantTx| store::profile(tx, query.version).await).await?;
    match (kept, query.version) {
        (None, Some(_)) => Err(PlanningError::NotFound.into()),
        (kept, _) => Ok(TravelProfileView::of(kept).into()),
    }
}

/// Replaces the profile. What was decided stays; what is planned from now on goes by it.
#[utoipa::path(put, path = "/travel-profile", tag = "dispatching", request_body = TravelProfileRequest,
    params(("If-Match" = String, Header, description = "the ETag it was read with; \"0\" for the first")),
    responses((status = 200, body = TravelProfileView), (status = 412, body = ProblemView), (status = "4XX", body = ProblemView)))]
async fn put_travel_profile(
    ctx: TenantCtx,
    State(clock): State<Clock>,
    IfMatch(version): IfMatch,
    Json(request): Json<TravelProfileRequest>,
) -> ApiResult<Versioned<TravelProfileView>> {
    ctx.require(Permission::EditMasterData)?;
    let profile = request.parse(version.saturating_add(1))?;
    let (by, now) = (crate::ledger::By::caller(&ctx).user(), clock.now());
    let kept = KeptProfile { profile: profile.clone(), changed_at: now, changed_by: by };
    let is_added = ctx.transact(async move |tx: &mut TenantTx| store::insert(tx, &profile, by, now).await).await?;
    if is_added { Ok(TravelProfileView::of(Some(kept)).into()) } else { Err(stale()) }
}

impl TravelProfileRequest {
    fn parse(self, version: i64) -> ApiResult<Profile> {
        let zone = time_zone(&self.time_zone).map_err(invalid("time_zone"))?;
        if self.rules.len() > Profile::MOST_RULES {
            return Err(Problem::invalid("rules", "at most 500"));
        }
        let rules = self.rules.into_iter().enumerate().map(|(number, rule)| {
            rule.parse().map_err(|(field, reason)| Problem::invalid(&format!("rules[{number}].{field}"), reason))
        });
        Ok(Profile { version, zone, rules: rules.collect::<ApiResult<_>>()? })
    }
}

impl TravelRule {
    fn parse(self) -> Result<Rule, (&'static str, &'static str)> {
        let area = self.area.map(|area| area.parse::<CellIndex>()).transpose();
        let area = area.map_err(|_| ("area", "it is no cell of H3"))?;
        if area.is_some_and(|area| !(Profile::COARSEST..=Profile::FINEST).contains(&area.resolution())) {
            return Err(("area", "a cell of resolution 2 to 7"));
        }
        let mut days = [self.days.is_none(); 7];
        for day in self.days.iter().flatten() {
            let day = usize::from(*day).checked_sub(1).and_then(|day| days.get_mut(day));
            *day.ok_or(("days", "1 (Monday) to 7 (Sunday)"))? = true;
        }
        if days == [false; 7] {
            return Err(("days", "at least one day"));
        }
        let from = quarter(self.from.as_deref(), 0).ok_or(("from", NO_QUARTER))?;
        let to = quarter(self.to.as_deref(), 96).ok_or(("to", NO_QUARTER))?;
        if from >= to {
            return Err(("to", "it must be later than `from`; for a night make two rules"));
        }
        if self.detour.is_some_and(|detour| !(1.0..=10.0).contains(&detour)) {
            return Err(("detour", "1 to 10"));
        }
        if self.speed_kmh.is_some_and(|speed_kmh| !(2.0..=200.0).contains(&speed_kmh)) {
            return Err(("speed_kmh", "2 to 200"));
        }
        if self.detour.is_none() && self.speed_kmh.is_none() {
            return Err(("speed_kmh", "say speed_kmh or detour"));
        }
        Ok(Rule { area, days, from, to, detour: self.detour, speed_kmh: self.speed_kmh })
    }
}

/// Quarters of an hour since midnight.
fn quarter(time: Option<&str>, otherwise: u8) -> Option<u8> {
    let Some(time) = time else { return Some(otherwise) };
    let (hour, minute) = time.split_once(':')?;
    let number = |text: &str| -> Option<u8> {
        (text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
    };
    let (hour, minute) = (number(hour)?, number(minute)?);
    (minute < 60 && minute % 15 == 0 && (hour < 24 || (hour, minute) == (24, 0))).then_some(hour * 4 + minute / 15)
}

impl TravelProfileView {
    fn of(kept: Option<KeptProfile>) -> Self {
        let Some(KeptProfile { profile, changed_at, changed_by }) = kept else {
            return Self {
                version: 0,
                time_zone: "UTC".to_owned(),
                rules: Vec::new(),
                changed_at: None,
                changed_by: None,
            };
        };
        Self {
            version: profile.version,
            time_zone: profile.zone.name().to_owned(),
            rules: profile.rules.into_iter().map(TravelRule::from).collect(),
            changed_at: Some(changed_at),
            changed_by: Some(changed_by.0),
        }
    }
}

impl From<Rule> for TravelRule {
    fn from(rule: Rule) -> Self {
        let time = |quarter: u8| Some(format!("{:02}:{:02}", quarter / 4, quarter % 4 * 15));
        let days = (1..=7).zip(rule.days).filter(|(_, is_in)| *is_in).map(|(day, _)| day);
        Self {
            area: rule.area.map(|area| area.to_string()),
            days: Some(days.collect()),
            from: time(rule.from),
            to: time(rule.to),
            detour: rule.detour,
            speed_kmh: rule.speed_kmh,
        }
    }
}

impl From<TravelProfileView> for Versioned<TravelProfileView> {
    fn from(view: TravelProfileView) -> Self {
        Self { version: view.version, body: view }
    }
}

const NO_QUARTER: &str = "a time in quarters of an hour, such as 07:15";
