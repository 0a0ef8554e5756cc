//! Where an appointment could go that cannot stay, while every other one stays exactly where it is.
//!
//! One after the other, the urgent first: what has been placed is taken for the next. An agreed window is kept; where
//! none was agreed the time is kept as nearly as possible, first to a quarter of an hour, then to two hours, then to the
//! day. Among what is equally near the engine's score decides.

use std::collections::{BTreeMap, BTreeSet};

use callout_dispatch::{
    Board as Engine, Commitment, Engineer, Interval, Policy, Ranking, TimeWindow, Visit, VisitIndex, scan,
};
use chrono::{DateTime, TimeDelta, Utc};
use sync_core::ids::GrantId;
use uuid::Uuid;

use super::judge::Misfit;
use super::today::Held;
use crate::planning::board::Board;
use crate::planning::board_store::{self as rows, EngineerRow, Horizon, VisitRow};
use crate::planning::clock::{seconds_from, seconds_until};
use crate::planning::considered::{Candidate, Considered};
use crate::planning::rank::{SMALL_COMPANY, cell};
use crate::planning::travel::{Roads, informed};
use crate::planning::{PlanningError, Terms};
use crate::tenancy::{TenantCtx, TenantTx};

/// What should become of an appointment.
#[derive(Debug, Clone)]
pub struct Proposal {
    pub held: Held,
    pub cause: &'static str,
    /// A dispatcher has to confirm it.
    pub must_ask: bool,
    /// None: nobody can take it.
    pub chosen: Option<Candidate>,
    pub considered: Considered,
}

/// The misfits and who could take them, with everything else booked.
pub struct Neighbourhood {
    misfits: Vec<Misfit>,
    board: Board,
    now: DateTime<Utc>,
}

impl Neighbourhood {
    pub async fn read(
        ctx: &TenantCtx,
        misfits: &[Misfit],
        terms: &Terms,
        now: DateTime<Utc>,
    ) -> Result<Self, PlanningError> {
        let read = |roads: Roads| {
            let (misfits, terms) = (misfits.to_vec(), terms.clone().by(&roads));
            ctx.read(async move |tx: &mut TenantTx| Self::load(tx, misfits, &terms, now).await)
        };
        informed(&terms.roads, read).await
    }

    async fn load(
        tx: &mut TenantTx,
        misfits: Vec<Misfit>,
        terms: &Terms,
        now: DateTime<Utc>,
    ) -> Result<Self, PlanningError> {
        let ids: Vec<Uuid> = misfits.iter().map(|misfit| misfit.held.visit.0).collect();
        let grants: Vec<GrantId> = misfits.iter().map(|misfit| misfit.held.grant).collect();
        let visits = rows::visits(tx, &ids).await?;
        let agreed = visits.iter().filter_map(|visit| visit.ends_at);
        let booked = misfits.iter().map(|misfit| misfit.held.ends_at + FURTHER);
        let last = agreed.chain(booked).max().unwrap_or(now).max(now);
        let horizon = Horizon { from: now, to: last + TimeDelta::days(1) };
        let engineers = around(tx, &visits, horizon, NEIGHBOURHOOD).await?;
        let board = Board::load(tx, &visits, engineers, horizon, &grants, terms).await?;
        Ok(Self { misfits, board, now })
    }

    /// Finds a place for each; one for which there is none keeps what it has.
    pub fn place(&self, policy: &Policy) -> Vec<Proposal> {
        let mut stands: BTreeMap<GrantId, (usize, Commitment)> = BTreeMap::new();
        for misfit in &self.misfits {
            stands.extend(self.booked(&misfit.held).map(|booked| (misfit.held.grant, booked)));
        }
        let mut placed: Vec<(usize, Commitment)> = Vec::new();
        let mut proposals = Vec::new();
        let mut ordered: Vec<&Misfit> = self.misfits.iter().collect();
        ordered.sort_by_key(|misfit| (misfit.must_ask, misfit.held.priority, misfit.held.starts_at, misfit.held.grant));
        for misfit in ordered {
            let held = &misfit.held;
            let old = stands.remove(&held.grant);
            let proposal = self.propose(misfit, stands.values().chain(&placed), policy);
            let is_as_it_was =
                |chosen: &Candidate| chosen.engineer_id == held.engineer.0 && chosen.starts_at == held.starts_at;
            if proposal.chosen.as_ref().is_some_and(is_as_it_was) {
                stands.extend(old.map(|old| (held.grant, old)));
                continue;
            }
            // Until somebody has confirmed it the old time is taken as well.
            if proposal.chosen.is_none() || misfit.must_ask {
                stands.extend(old.map(|old| (held.grant, old)));
            }
            placed.extend(proposal.chosen.as_ref().and_then(|chosen| self.taken(held, chosen)));
            // Something that is only late stays unless that helps.
            if proposal.chosen.is_some() || misfit.cause != "late" {
                proposals.push(proposal);
            }
        }
        proposals
    }

    fn propose<'a>(
        &self,
        misfit: &Misfit,
        taken: impl Iterator<Item = &'a (usize, Commitment)>,
        policy: &Policy,
    ) -> Proposal {
        let Misfit { held, cause, must_ask } = misfit.clone();
        let nothing = Proposal { held, cause, must_ask, chosen: None, considered: Considered::default() };
        let Some(visit) = self.visit(&nothing.held).filter(|_| !nothing.held.is_pinned) else { return nothing };
        let engine = &self.board.engine;
        let mut engineers: Vec<Engineer> = engine.engineers().to_vec();
        taken.for_each(|(engineer, commitment)| engineers[*engineer].commitments.push(*commitment));
        let Ok(engine) = Engine::new(engine.now(), engine.travel().clone(), engineers, Vec::new()) else {
            return nothing;
        };
        let mut last: Option<(Visit, Ranking)> = None;
        for window in self.tiers(&nothing.held, visit, cause) {
            let wanted = Visit { windows: vec![window], pinned_start: None, ..visit.clone() };
            let ranking = scan(&engine, &wanted, policy);
            let is_found = ranking.best().is_some();
            last = Some((wanted, ranking));
            if is_found {
                break;
            }
        }
        let Some((wanted, ranking)) = last else { return nothing };
        let considered = self.board.considered(&ranking, wanted.place);
        Proposal { chosen: considered.best().cloned(), considered, ..nothing }
    }

    /// When it may start, the most welcome first.
    fn tiers(&self, held: &Held, visit: &Visit, cause: &str) -> Vec<TimeWindow> {
        let (now, start) = (seconds_from(self.now), seconds_from(held.starts_at));
        let nearly = |before_s: i64, after_s: i64| (start - before_s, start + after_s);
        let agreed = visit.windows.iter().map(|window| (window.earliest(), window.latest()));
        let mut tiers: Vec<(i64, i64)> = agreed.collect();
        if tiers.is_empty() {
            let further = FURTHER.num_seconds();
            tiers =
                vec![nearly(QUARTER_S, QUARTER_S), nearly(QUARTER_S, 8 * QUARTER_S), nearly(QUARTER_S, 48 * QUARTER_S)];
            tiers.push((now, start + further));
        }
        let latest = match (cause, visit.due) {
            ("late", Some(due)) => due - i64::from(visit.duration_s),
            _ => i64::MAX,
        };
        tiers.into_iter().filter_map(|(from, to)| TimeWindow::new(from.max(now), to.min(latest)).ok()).collect()
    }

    fn visit(&self, held: &Held) -> Option<&Visit> {
        let visits = self.board.engine.visits().iter().zip(0..);
        let mut visits = visits.filter(|(_, index)| self.board.visit(VisitIndex(*index)).0 == held.visit);
        visits.next().map(|(visit, _)| visit)
    }

    fn booked(&self, held: &Held) -> Option<(usize, Commitment)> {
        Some((self.board.index_of(held.engineer)?.0 as usize, self.commitment(held)?))
    }

    fn taken(&self, held: &Held, chosen: &Candidate) -> Option<(usize, Commitment)> {
        let engineer = self.board.index_of(sync_core::ids::UserId(chosen.engineer_id))?;
        let interval = Interval::new(seconds_until(chosen.starts_at), seconds_from(chosen.ends_at)).ok()?;
        Some((engineer.0 as usize, Commitment { interval, ..self.commitment(held)? }))
    }

    /// An appointment as something that stays, at the place that the travel times of the board know.
    fn commitment(&self, held: &Held) -> Option<Commitment> {
        let commitment = held.commitment()?;
        Some(Commitment { place: self.visit(held).map_or(commitment.place, |visit| visit.place), ..commitment })
    }
}

/// Everybody where that is not many; else who lives or works within so many rings of cells.
pub async fn around(
    tx: &mut TenantTx,
    visits: &[VisitRow],
    horizon: Horizon,
    rings: u32,
) -> Result<Vec<EngineerRow>, PlanningError> {
    if rows::engineer_count(tx).await? <= SMALL_COMPANY {
        return rows::engineers(tx).await;
    }
    let sites: BTreeSet<_> = visits.iter().filter_map(|visit| visit.cell.and_then(cell)).collect();
    let near = sites.into_iter().flat_map(|site| site.grid_disk::<Vec<_>>(rings));
    let cells: BTreeSet<i64> = near.map(|cell| u64::from(cell).cast_signed()).collect();
    rows::engineers_near(tx, &cells.into_iter().collect::<Vec<_>>(), horizon, None).await
}

const QUARTER_S: i64 = 900;
/// How much later than booked an appointment without a window may become.
const FURTHER: TimeDelta = TimeDelta::days(2);
/// In rings of cells: about 20 kilometres.
const NEIGHBOURHOOD: u32 = 12;
