//! The answer for one visit: who could go, best first, and why the others cannot.
//!
//! In a small company everybody is looked at. In a large one the search begins with those who live or are booked in
//! the H3 cells around the site and widens until nobody farther away could be among the best.

use callout_dispatch::{EngineerIndex, Ranking, VisitIndex, assess, scan};
use chrono::{DateTime, TimeDelta, Utc};
use h3o::CellIndex;
use sync_core::ids::{GrantId, TicketId, UserId, VisitId};
use uuid::Uuid;

use super::board::{Board, place_of};
use super::board_store::{self as rows, Horizon, VisitRow};
use super::considered::{Candidate, Considered, Reason};
use super::{PlanningError, Terms};
use crate::tenancy::TenantTx;

/// For which visit engineers are wanted, and under which circumstances.
#[derive(Debug, Clone, Copy)]
pub struct Question {
    pub visit: VisitId,
    /// Somebody who is looked at however far away.
    pub also: Option<UserId>,
    /// The assignment that would end: its time counts as free.
    pub instead_of: Option<GrantId>,
    /// Who is not to get it, if anybody else is wanted.
    pub not: Option<UserId>,
    /// Nothing is planned earlier, or later, than this.
    pub from: Option<DateTime<Utc>>,
    pub until: Option<DateTime<Utc>>,
    /// When it may start instead of what its window says; a pin to the old one then counts for nothing.
    pub window: Option<(DateTime<Utc>, DateTime<Utc>)>,
}

/// A visit with everybody who was considered for it.
pub struct Ranked {
    pub visit: VisitId,
    pub ticket: TicketId,
    pub considered: Considered,
    pub board: Board,
    /// The window in which the visit may start, if it has one.
    pub window: Option<(DateTime<Utc>, DateTime<Utc>)>,
}

impl Question {
    pub fn about(visit: VisitId) -> Self {
        Self { visit, also: None, instead_of: None, not: None, from: None, until: None, window: None }
    }
}

/// Ranks the engineers for one visit.
pub async fn rank(
    tx: &mut TenantTx,
    question: Question,
    terms: &Terms,
    now: DateTime<Utc>,
) -> Result<Ranked, PlanningError> {
    let mut visit = rows::visits(tx, &[question.visit.0]).await?.pop().ok_or(PlanningError::NotFound)?;
    visit.declined_by.extend(question.not.map(|engineer| engineer.0));
    if let Some((from, to)) = question.window {
        (visit.starts_at, visit.ends_at, visit.is_pinned) = (Some(from), Some(to), false);
    }
    let place = place_of(&visit).ok_or(PlanningError::NotLocated)?;
    let horizon = horizon(&visit, question, terms, now);
    let (board, ranking) = search(tx, &visit, question, horizon, terms).await?;
    let mut considered = board.considered(&ranking, place);
    let everybody = rows::engineer_count(tx).await?;
    let looked_at = i64::from(considered.able) + i64::from(considered.refused_by_rule.values().sum::<u32>());
    considered.passed_over = u32::try_from((everybody - looked_at).max(0)).unwrap_or(u32::MAX);
    Ok(Ranked {
        visit: question.visit,
        ticket: TicketId(visit.ticket_id),
        considered,
        board,
        window: visit.starts_at.zip(visit.ends_at),
    })
}

impl Ranked {
    /// The visit as the engine sees it.
    pub fn wanted(&self) -> callout_dispatch::Visit {
        self.board.engine.visit(VisitIndex(0)).clone()
    }

    /// What one engineer would mean for the visit as `wanted` says it, or the first hard rule that refuses.
    pub fn assess(
        &self,
        wanted: &callout_dispatch::Visit,
        engineer: EngineerIndex,
        terms: &Terms,
    ) -> Result<Candidate, Reason> {
        match assess(&self.board.engine, wanted, engineer, &terms.policy) {
            Ok(candidate) => Ok(self.board.candidate(&candidate)),
            Err(reason) => Err(self.board.reason(reason)),
        }
    }
}

async fn search(
    tx: &mut TenantTx,
    visit: &VisitRow,
    question: Question,
    horizon: Horizon,
    terms: &Terms,
) -> Result<(Board, Ranking), PlanningError> {
    let one = std::slice::from_ref(visit);
    let also: Option<Uuid> = question.also.map(|engineer| engineer.0);
    if let Some(site) = visit.cell.and_then(cell)
        && rows::engineer_count(tx).await? > SMALL_COMPANY
    {
        for rings in RINGS {
            let cells: Vec<i64> =
                site.grid_disk::<Vec<_>>(rings).into_iter().map(|cell| u64::from(cell).cast_signed()).collect();
            let engineers = rows::engineers_near(tx, &cells, horizon, also).await?;
            let board = Board::load(tx, one, engineers, horizon, question.instead_of.as_slice(), terms).await?;
            let ranking = scan(&board.engine, board.engine.visit(VisitIndex(0)), &terms.policy);
            if is_settled(&ranking, rings, &board, terms) {
                return Ok((board, ranking));
            }
        }
    }
    let engineers = rows::engineers(tx).await?;
    let board = Board::load(tx, one, engineers, horizon, question.instead_of.as_slice(), terms).await?;
    let ranking = scan(&board.engine, board.engine.visit(VisitIndex(0)), &terms.policy);
    Ok((board, ranking))
}

/// Whether even the last of the shortlist costs less than the drive alone would cost somebody who is farther away. Who
/// only passes by on a long way from one place to another may be missed; who lives or is booked near is not.
fn is_settled(ranking: &Ranking, rings: u32, board: &Board, terms: &Terms) -> bool {
    let drive_s = f64::from(rings) * LEAST_RING_M / board.pace_mps(terms);
    let drive_s = drive_s * f64::from(terms.policy.travel_permille) / 1000.0;
    let is_full = ranking.candidates.len() >= terms.policy.shortlist;
    is_full && ranking.candidates.last().is_some_and(|last| last.score.total_s() as f64 <= drive_s)
}

/// From now until the visit must be over; without a window, as far ahead as the terms say. A day more is loaded than is
/// used, so that a shift over the end of it is seen whole.
fn horizon(visit: &VisitRow, question: Question, terms: &Terms, now: DateTime<Utc>) -> Horizon {
    let from = question.from.map_or(now, |from| from.max(now));
    let last = visit.ends_at.map(|latest| latest + TimeDelta::milliseconds(visit.duration_ms));
    let to = last.map_or(from + terms.horizon, |last| last.max(from) + TimeDelta::days(1));
    Horizon { from, to: question.until.map_or(to, |until| until.min(to)) }
}

pub(super) fn cell(stored: i64) -> Option<CellIndex> {
    CellIndex::try_from(stored.cast_unsigned()).ok()
}

/// Up to so many engineers nobody is passed over.
pub(super) const SMALL_COMPANY: i64 = 400;
/// How far the search reaches, step by step, in rings of cells: about 7, 20 and 60 kilometres.
pub(super) const RINGS: [u32; 3] = [4, 12, 36];
/// Each ring is at least so much farther away.
pub(super) const LEAST_RING_M: f64 = 1_200.0;
