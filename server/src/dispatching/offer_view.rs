//! Offers as the API shows and takes them.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::view::{CandidateView, ExplanationView, Names, TravelView};
use crate::directory::PositionView;
use crate::planning::offers::{Impossible, Offer, Offers, Window};

/// In which windows somebody could come, and what is wanted of the answer.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OffersRequest {
    /// 1 to 100 windows in which the visit may start; instead of `days`.
    pub windows: Option<Vec<OfferWindowRequest>>,
    /// Days with the slots of each, where the site is; left out with `windows`: the next seven days.
    pub days: Option<DaysRequest>,
    /// At most so many are offered: 1 to 100; 5 unless given.
    pub most: Option<i64>,
    /// Who should come if that costs little.
    pub preferred_engineer_id: Option<Uuid>,
}

/// A window in which a visit may start.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OfferWindowRequest {
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
}

#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DaysRequest {
    /// The first day; today unless given.
    pub from: Option<NaiveDate>,
    /// 1 to 31 days; 7 unless given.
    pub count: Option<i64>,
    /// The slots of each day; 8–10, 10–12, 13–15 and 15–17 unless given. At most 100 in all days.
    pub slots: Option<Vec<DailySlotRequest>>,
}

/// A slot of each day, by the clocks where the site is.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DailySlotRequest {
    /// For example `08:00`.
    pub from: String,
    pub to: String,
}

/// A request that has no ticket yet. Where it is, and how long it takes, must be known.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOffersRequest {
    /// Where it is; or a `position`.
    pub site_id: Option<Uuid>,
    pub position: Option<PositionView>,
    /// The IANA name of the time zone there; the site's, or UTC, unless given.
    pub time_zone: Option<String>,
    /// The code of a ticket type, from which the rest follows unless given.
    pub ticket_type: Option<String>,
    pub duration_min: Option<i64>,
    /// 1 (most urgent) to 5; the type's, or 3, unless given.
    pub priority: Option<i64>,
    /// Skills with their least levels; the type's unless given.
    pub skills: Option<BTreeMap<String, i64>>,
    pub windows: Option<Vec<OfferWindowRequest>>,
    pub days: Option<DaysRequest>,
    pub most: Option<i64>,
    pub preferred_engineer_id: Option<Uuid>,
}

impl NewOffersRequest {
    /// What it has in common with a request about a visit.
    pub fn asked(&self) -> OffersRequest {
        OffersRequest {
            windows: self.windows.clone(),
            days: self.days.clone(),
            most: self.most,
            preferred_engineer_id: self.preferred_engineer_id,
        }
    }
}

/// The offer that was chosen.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptOfferRequest {
    pub window: OfferWindowRequest,
    /// Only this engineer is to come; the best unless given.
    pub engineer_id: Option<Uuid>,
    /// Assign the visit at once. A visit that somebody has is always assigned anew.
    #[serde(default)]
    pub assign: bool,
    /// What to ask if the window is gone; the next seven days unless given.
    pub otherwise: Option<OffersRequest>,
}

/// When somebody could come.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OffersView {
    /// By which the slots of the days were made.
    pub time_zone: String,
    /// Windows that can be kept, the cheapest first.
    pub offers: Vec<OfferView>,
    /// The windows that nobody can keep, in the order of time.
    pub impossible: Vec<ImpossibleWindowView>,
    /// Engineers not looked at because they live and work too far away.
    pub passed_over: u32,
    pub travel: TravelView,
}

/// A window that can be kept, and who would come.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OfferView {
    /// The visit starts in it.
    pub window: OfferWindowRequest,
    /// What it costs, in seconds of driving; the sum of the candidate's score.
    pub cost_s: i64,
    pub candidate: CandidateView,
}

/// A window that nobody can keep, and why.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ImpossibleWindowView {
    pub window: OfferWindowRequest,
    /// How many engineers each hard rule refused.
    pub refused_by_rule: BTreeMap<String, u32>,
    /// The rule that stopped those who came furthest; null where there is nobody.
    pub reason: Option<String>,
}

/// What became of the offer that was chosen.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AcceptedOfferView {
    pub visit_id: Uuid,
    /// The window that the visit has now.
    pub window: OfferWindowRequest,
    /// The assignment with its reasons; null if it was not to be assigned.
    pub assignment: Option<ExplanationView>,
}

impl OffersView {
    pub fn new(found: Offers, time_zone: String, names: &Names) -> Self {
        let offer = |Offer { window, candidate }| OfferView {
            window: OfferWindowRequest::from(window),
            cost_s: candidate.score.total_s,
            candidate: CandidateView::new(candidate, names),
        };
        let impossible = |Impossible { window, refused_by_rule, reason }| ImpossibleWindowView {
            window: window.into(),
            refused_by_rule,
            reason: reason.map(str::to_owned),
        };
        Self {
            time_zone,
            offers: found.offers.into_iter().map(offer).collect(),
            impossible: found.impossible.into_iter().map(impossible).collect(),
            passed_over: found.passed_over,
            travel: found.travel.into(),
        }
    }
}

impl From<Window> for OfferWindowRequest {
    fn from((starts_at, ends_at): Window) -> Self {
        Self { starts_at, ends_at }
    }
}
