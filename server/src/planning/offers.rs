//! When could somebody come? Windows to offer a customer: those that can be kept, the cheapest first, with who would
//! come; and of the others how many engineers each rule refused.
//!
//! The board is loaded once for the whole span and the engine asked beside the tasks of the server. In a large company
//! the search begins around the site and widens until nobody farther away could better what is to be offered.

use std::collections::BTreeMap;

use callout_dispatch::{EngineerIndex, Policy, TimeWindow, Visit, VisitIndex};
use chrono::{DateTime, TimeDelta, Utc};
use sync_core::ids::{GrantId, UserId, VisitId};
use uuid::Uuid;

use super::board::{Board, place_of};
use super::board_store::{self as rows, EngineerRow, Horizon, VisitRow};
use super::clock::{seconds_from, seconds_until};
use super::considered::Candidate;
use super::rank::{LEAST_RING_M, RINGS, SMALL_COMPANY, cell};
use super::travel::{Roads, TravelUsed, informed};
use super::{PlanningError, Terms};
use crate::directory::{Position, Priority, RequiredSkills, WorkDuration};
use crate::tenancy::{TenantCtx, TenantTx};

/// The moments at which a visit may start.
pub type Window = (DateTime<Utc>, DateTime<Utc>);

/// What is asked.
#[derive(Debug, Clone)]
pub struct Inquiry {
    pub about: Subject,
    /// In which of these somebody could come.
    pub windows: Vec<Window>,
    /// At most so many are offered.
    pub most: usize,
    /// Who should come if that costs little.
    pub preferred: Option<UserId>,
}

/// For what somebody is to come.
#[derive(Debug, Clone)]
pub enum Subject {
    /// A visit, and the assignment by which somebody has it: his time counts as free.
    Visit(VisitId, Option<GrantId>),
    /// Work for which there is no ticket yet.
    Request(Box<Request>),
}

/// Work for which there is no ticket yet.
#[derive(Debug, Clone)]
pub struct Request {
    pub position: Position,
    /// In which a certificate must hold on the day of the visit.
    pub time_zone: String,
    pub duration: WorkDuration,
    pub priority: Priority,
    pub skills: RequiredSkills,
    pub respond_by: Option<DateTime<Utc>>,
    pub resolve_by: Option<DateTime<Utc>>,
}

/// The answer.
#[derive(Debug, Clone, Default)]
pub struct Offers {
    /// The cheapest first.
    pub offers: Vec<Offer>,
    /// The windows that cannot be kept, in the order of time.
    pub impossible: Vec<Impossible>,
    /// Engineers not looked at because they live and work too far away.
    pub passed_over: u32,
    /// Where the travel times come from.
    pub travel: TravelUsed,
}

/// A window that can be kept, and by whom.
#[derive(Debug, Clone)]
pub struct Offer {
    pub window: Window,
    pub candidate: Candidate,
}

/// A window that nobody can keep.
#[derive(Debug, Clone)]
pub struct Impossible {
    pub window: Window,
    pub refused_by_rule: BTreeMap<String, u32>,
    /// The rule that stopped those who came furthest.
    pub reason: Option<&'static str>,
}

/// Answers an inquiry.
pub async fn offers(
    ctx: &TenantCtx,
    roads: &Roads,
    inquiry: Inquiry,
    now: DateTime<Utc>,
) -> Result<Offers, PlanningError> {
    let terms = ctx.read(async move |tx: &mut TenantTx| Terms::load(tx).await).await?;
    for reach in RINGS.into_iter().map(Some).chain([None]) {
        let read = |roads: Roads| {
            let (asked, on) = (inquiry.clone(), terms.clone().by(&roads));
            ctx.read(async move |tx: &mut TenantTx| Situation::load(tx, asked, reach, &on, now).await)
        };
        let situation = informed(roads, read).await?;
        let on = terms.clone();
        let answering = tokio::task::spawn_blocking(move || {
            let answer = situation.answer(&on.policy);
            let is_settled = reach.is_some_and(|rings| situation.is_settled(&answer, rings, &on));
            (answer, situation.is_everybody || is_settled)
        });
        let (answer, is_last) = answering.await.map_err(|_| PlanningError::Stopped)?;
        if is_last {
            return Ok(answer);
        }
    }
    Err(PlanningError::Corrupt("everybody is a part of the company"))
}

/// What is asked, with the board that it is asked of.
struct Situation {
    inquiry: Inquiry,
    board: Board,
    preferred: Option<EngineerIndex>,
    everybody: usize,
    is_everybody: bool,
}

impl Situation {
    async fn load(
        tx: &mut TenantTx,
        inquiry: Inquiry,
        reach: Option<u32>,
        terms: &Terms,
        now: DateTime<Utc>,
    ) -> Result<Self, PlanningError> {
        let (visit, held) = match &inquiry.about {
            Subject::Visit(id, held) => {
                let visit = rows::visits(tx, &[id.0]).await?.pop().ok_or(PlanningError::NotFound)?;
                if !OPEN.contains(&visit.status.as_str()) {
                    return Err(PlanningError::NotOpen);
                }
                (visit, *held)
            }
            Subject::Request(request) => (request.as_row(), None),
        };
        place_of(&visit).ok_or(PlanningError::NotLocated)?;
        let last = inquiry.windows.iter().map(|(_, to)| *to).max().unwrap_or(now);
        let to = last.max(now) + TimeDelta::milliseconds(visit.duration_ms) + TimeDelta::days(1);
        let horizon = Horizon { from: now, to };
        let everybody = usize::try_from(rows::engineer_count(tx).await?).unwrap_or_default();
        let engineers = around(tx, &visit, reach, horizon, inquiry.preferred).await?;
        let is_everybody = engineers.len() >= everybody;
        let visit = VisitRow { is_pinned: false, ..visit };
        let board = Board::load(tx, &[visit], engineers, horizon, held.as_slice(), terms).await?;
        let preferred = match inquiry.preferred {
            Some(engineer) => Some(board.index_of(engineer).ok_or(PlanningError::Invalid {
                field: "preferred_engineer_id",
                reason: "there is no such engineer in service, or nobody has entered where he sets out",
            })?),
            None => None,
        };
        Ok(Self { inquiry, board, preferred, everybody, is_everybody })
    }

    fn answer(&self, policy: &Policy) -> Offers {
        let (board, engine) = (&self.board, &self.board.engine);
        let wanted = engine.visit(VisitIndex(0));
        let wanted = Visit { preferred: self.preferred.into_iter().collect(), ..wanted.clone() };
        let by_seconds: BTreeMap<TimeWindow, Window> = self.inquiry.windows.iter().filter_map(in_seconds).collect();
        let windows: Vec<TimeWindow> = by_seconds.keys().copied().collect();
        let found = callout_dispatch::offers(engine, &wanted, &windows, policy, windows.len());
        let refused = windows.iter().filter(|window| found.iter().all(|offer| offer.window != **window));
        let refused = refused.map(|window| {
            let visit = Visit { windows: vec![*window], pinned_start: None, ..wanted.clone() };
            let considered = board.considered(&callout_dispatch::scan(engine, &visit, policy), visit.place);
            let reason = considered.main_refusal();
            Impossible { window: by_seconds[window], refused_by_rule: considered.refused_by_rule, reason }
        });
        let impossible = refused.collect();
        let offers = found
            .iter()
            .take(self.inquiry.most)
            .map(|offer| Offer { window: by_seconds[&offer.window], candidate: board.candidate(&offer.candidate) });
        let passed_over = self.everybody.saturating_sub(board.engineer_count());
        Offers {
            offers: offers.collect(),
            impossible,
            passed_over: u32::try_from(passed_over).unwrap_or(u32::MAX),
            travel: board.travel.clone(),
        }
    }

    /// Whether as many as are wanted cost less than the drive alone would cost somebody who is farther away.
    fn is_settled(&self, answer: &Offers, rings: u32, terms: &Terms) -> bool {
        let drive_s = f64::from(rings) * LEAST_RING_M / self.board.pace_mps(terms);
        let drive_s = drive_s * f64::from(terms.policy.travel_permille) / 1000.0;
        let is_full = answer.offers.len() >= self.inquiry.most;
        is_full && answer.offers.iter().all(|offer| offer.candidate.score.total_s as f64 <= drive_s)
    }
}

impl Request {
    fn as_row(&self) -> VisitRow {
        VisitRow {
            visit_id: Uuid::nil(),
            ticket_id: Uuid::nil(),
            status: OPEN[0].to_owned(),
            starts_at: None,
            ends_at: None,
            is_pinned: false,
            priority: self.priority.get(),
            duration_ms: self.duration.millis(),
            respond_by: self.respond_by,
            resolve_by: self.resolve_by,
            lat: Some(self.position.lat()),
            lon: Some(self.position.lon()),
            cell: Some(self.position.cell()),
            time_zone: Some(self.time_zone.clone()),
            skills: self.skills.keys().map(ToString::to_string).collect(),
            levels: self.skills.values().map(|level| level.get()).collect(),
            declined_by: Vec::new(),
        }
    }
}

/// Who could come from so many rings of cells around, or everybody where that is not many.
async fn around(
    tx: &mut TenantTx,
    visit: &VisitRow,
    reach: Option<u32>,
    horizon: Horizon,
    also: Option<UserId>,
) -> Result<Vec<EngineerRow>, PlanningError> {
    match (visit.cell.and_then(cell), reach) {
        (Some(site), Some(rings)) if rows::engineer_count(tx).await? > SMALL_COMPANY => {
            let cells = site.grid_disk::<Vec<_>>(rings).into_iter().map(|cell| u64::from(cell).cast_signed());
            rows::engineers_near(tx, &cells.collect::<Vec<_>>(), horizon, also.map(|engineer| engineer.0)).await
        }
        _ => rows::engineers(tx).await,
    }
}

/// A window as the engine has it, beside what it was.
fn in_seconds(window: &Window) -> Option<(TimeWindow, Window)> {
    Some((TimeWindow::new(seconds_from(window.0), seconds_until(window.1)).ok()?, *window))
}

/// What a visit may be as long as its window can be chosen.
pub(super) const OPEN: [&str; 3] = ["created", "assigned", "accepted"];
