//! What is so now in the days of some engineers: what they have booked, and a board on which everything that has not
//! begun could be placed anew.

use callout_dispatch::{Commitment, Engineer, EngineerIndex, Interval, Place, VisitIndex};
use chrono::{DateTime, TimeDelta, Utc};
use sync_core::ids::{GrantId, TicketId, UserId, VisitId};
use uuid::Uuid;

use super::store;
use crate::directory::DispatchMode;
use crate::planning::board::{Board, priority};
use crate::planning::board_store::{self as rows, Horizon};
use crate::planning::clock::{seconds_from, seconds_until};
use crate::planning::travel::{Roads, informed};
use crate::planning::{PlanningError, Terms};
use crate::tenancy::{TenantCtx, TenantTx};

/// An appointment.
#[derive(Debug, Clone)]
pub struct Held {
    pub grant: GrantId,
    pub visit: VisitId,
    pub ticket: TicketId,
    pub engineer: UserId,
    /// As it is booked.
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    /// Until when it is expected to take.
    pub until: DateTime<Utc>,
    /// Nobody has set out for it.
    pub is_open: bool,
    pub is_pinned: bool,
    /// Others have it too.
    pub is_shared: bool,
    pub priority: i32,
    pub mode: DispatchMode,
    /// The hard rules that a dispatcher broke knowingly.
    pub overridden: Vec<String>,
    pub place: Option<Place>,
}

/// The days of some engineers.
pub struct Today {
    pub now: DateTime<Utc>,
    /// By the beginning.
    pub held: Vec<Held>,
    /// The visits on it are the open appointments, which are not booked there.
    pub board: Board,
    /// The visits for which a move had been suggested.
    pub suggested: Vec<VisitId>,
}

impl Held {
    /// Whether anybody but a dispatcher may give it to somebody else or another time.
    pub fn may_move(&self) -> bool {
        self.is_open && !self.is_pinned && !self.is_shared
    }

    pub fn is_on_board(&self) -> bool {
        self.is_open && !self.is_shared
    }

    /// As something that stays.
    pub fn commitment(&self) -> Option<Commitment> {
        let interval = Interval::new(seconds_until(self.starts_at), seconds_from(self.until)).ok()?;
        Some(Commitment { place: self.place?, interval, priority: priority(self.priority) })
    }
}

impl Today {
    /// The days of these engineers, as far ahead as they have anything booked.
    pub async fn read(
        ctx: &TenantCtx,
        engineers: &[UserId],
        terms: &Terms,
        now: DateTime<Utc>,
    ) -> Result<Self, PlanningError> {
        let read = |roads: Roads| {
            let (engineers, terms) = (engineers.to_vec(), terms.clone().by(&roads));
            ctx.read(async move |tx: &mut TenantTx| Self::load(tx, &engineers, &[], &terms, now).await)
        };
        informed(&terms.roads, read).await
    }

    /// The same with some visits on the board that others have, or nobody.
    pub async fn load(
        tx: &mut TenantTx,
        engineers: &[UserId],
        also: &[VisitId],
        terms: &Terms,
        now: DateTime<Utc>,
    ) -> Result<Self, PlanningError> {
        let held = store::held(tx, engineers, now, now + FURTHEST).await?;
        let open = held.iter().filter(|one| one.is_on_board());
        let ids: Vec<Uuid> = open.clone().map(|one| one.visit.0).chain(also.iter().map(|visit| visit.0)).collect();
        let grants: Vec<GrantId> = open.map(|one| one.grant).collect();
        let visits = rows::visits(tx, &ids).await?;
        let last = held.iter().map(|one| one.until).max().unwrap_or(now).max(now);
        let horizon = Horizon { from: now, to: last + TimeDelta::days(1) };
        let crew: Vec<Uuid> = engineers.iter().map(|engineer| engineer.0).collect();
        let crew = rows::engineers_of(tx, &crew).await?;
        let board = Board::load(tx, &visits, crew, horizon, &grants, terms).await?;
        let all: Vec<GrantId> = held.iter().map(|one| one.grant).collect();
        let suggested = store::suggested(tx, &all).await?;
        Ok(Self { now, held, board, suggested })
    }

    /// Where a visit stands on the board.
    pub fn visit(&self, visit: VisitId) -> Option<VisitIndex> {
        let count = u32::try_from(self.board.engine.visits().len()).unwrap_or_default();
        (0..count).map(VisitIndex).find(|index| self.board.visit(*index).0 == visit)
    }

    /// An engineer with these appointments besides what is booked on the board.
    pub fn with<'a>(&self, engineer: EngineerIndex, held: impl Iterator<Item = &'a Held>) -> Engineer {
        let mut engineer = self.board.engine.engineer(engineer).clone();
        engineer.commitments.extend(held.filter_map(|held| self.commitment(held)));
        engineer
    }

    /// An appointment as something that stays, at the place that the travel times of the board know.
    fn commitment(&self, held: &Held) -> Option<Commitment> {
        let commitment = held.commitment()?;
        let visit = self.visit(held.visit).map(|index| self.board.engine.visit(index));
        Some(Commitment { place: visit.map_or(commitment.place, |visit| visit.place), ..commitment })
    }

    /// Which of an engineer's shifts an appointment falls into.
    pub fn shift_at(&self, engineer: EngineerIndex, at: DateTime<Utc>) -> Option<usize> {
        let at = seconds_from(at);
        let holds = |shift: &callout_dispatch::Shift| shift.interval.start() <= at && at < shift.interval.end();
        self.board.engine.engineer(engineer).shifts.iter().position(holds)
    }
}

/// How far ahead appointments are looked after.
const FURTHEST: TimeDelta = TimeDelta::days(31);
