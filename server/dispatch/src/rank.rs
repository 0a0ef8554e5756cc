//! The best engineers for one visit, each where it costs least in the route the engineer has already.

use crate::board::Board;
use crate::engineer::EngineerIndex;
use crate::nearby::Bounds;
use crate::policy::{Policy, Score};
use crate::route::{Ground, Insertion, Route, Wanted};
use crate::rules::{Reason, Rule, RuleCounts, eligible, within_working_time};
use crate::travel::Travel;
use crate::visit::Visit;

/// Ranks the engineers for one visit: the `policy.shortlist` best, exactly as [`scan`] would find them, but without
/// looking at engineers who are provably too far away to be among them.
///
/// The visit need not be on the board. What it names and the board does not have (an engineer, a table row) is
/// treated as absent.
pub fn rank(board: &Board, visit: &Visit, policy: &Policy) -> Ranking {
    let Travel::Direct { .. } = board.travel() else { return scan(board, visit, policy) };
    let Some(first_start) = visit.first_start(board.now()) else { return scan(board, visit, policy) };
    let mut search = Shortlist::new(board, visit, policy);
    // A preferred engineer may be far away and yet cheap: they are few, and looked at first.
    visit.preferred.iter().for_each(|&engineer| search.assess(engineer));
    let nearby = board.nearby.search(visit.place, |bounds| least_total_s(board, visit, first_start, policy, bounds));
    for (least_s, owners) in nearby {
        if search.is_beaten(least_s) {
            return search.finish();
        }
        owners.iter().for_each(|&engineer| search.assess(engineer));
        // Hardly anybody can do it, so nobody is beaten: going through the rest in order is cheaper than searching.
        if search.seen > board.engineers().len() / 4 {
            break;
        }
    }
    board.engineer_indices().for_each(|engineer| search.assess(engineer));
    search.finish()
}

/// Ranks by looking at every engineer: the plain meaning of [`rank`], and how to learn why each one was refused.
pub fn scan(board: &Board, visit: &Visit, policy: &Policy) -> Ranking {
    let mut search = Shortlist::new(board, visit, policy);
    board.engineer_indices().for_each(|engineer| search.assess(engineer));
    search.finish()
}

/// What one engineer would mean for a visit, or the first hard rule that refuses.
///
/// # Errors
/// The reason why this engineer cannot take the visit.
pub fn assess(board: &Board, visit: &Visit, engineer: EngineerIndex, policy: &Policy) -> Result<Candidate, Reason> {
    assess_among(board, &board.booked, visit, engineer, policy)
}

/// The answer for one visit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranking {
    /// The best, by total and then by index.
    pub candidates: Vec<Candidate>,
    /// Of those looked at, who cannot take the visit, by index.
    pub refused: Vec<Refused>,
    /// Engineers not looked at because nobody as far away can be among the best.
    pub passed_over: usize,
}

/// An engineer who can take a visit, and how it would go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub engineer: EngineerIndex,
    /// Which of the engineer's shifts.
    pub shift: usize,
    /// How many stops of that shift come before.
    pub position: usize,
    /// The drive to the visit, and when it ends.
    pub drive_s: i64,
    pub arrive: i64,
    pub start: i64,
    pub end: i64,
    /// How much longer the engineer drives in all.
    pub detour_s: i64,
    pub score: Score,
}

/// An engineer who cannot take a visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    pub engineer: EngineerIndex,
    pub reason: Reason,
}

impl Ranking {
    pub fn best(&self) -> Option<&Candidate> {
        self.candidates.first()
    }

    /// How many of those looked at each rule refused.
    pub fn refused_by_rule(&self) -> RuleCounts {
        let mut counts = RuleCounts::default();
        self.refused.iter().for_each(|refused| counts.add(refused.reason.rule()));
        counts
    }

    /// If there is no candidate, the rule that stopped those who came furthest.
    pub fn main_refusal(&self) -> Option<Rule> {
        self.refused_by_rule().main().filter(|_| self.candidates.is_empty())
    }
}

/// [`assess`] against given routes, one a duty of the board.
pub(crate) fn assess_among(
    board: &Board,
    routes: &[Route],
    visit: &Visit,
    engineer: EngineerIndex,
    policy: &Policy,
) -> Result<Candidate, Reason> {
    let deadline = eligible(board, visit, engineer)?;
    let wanted = Wanted::new(board, visit, engineer, deadline).ok_or(Reason::Window)?;
    let best = board.duties_of(engineer).filter_map(|index| {
        let duty = &board.duties[index];
        let (score, insertion) = routes[index].best_insertion(board.ground(index), wanted, policy)?;
        Some(Candidate::new(engineer, duty.shift, score, insertion))
    });
    match best.min_by_key(|candidate| (candidate.score.total_s(), candidate.start, candidate.shift)) {
        Some(candidate) => Ok(candidate),
        None => Err(refusal(board, wanted, engineer, policy)),
    }
}

/// Why nothing fits: the rules about time, from the loosest on.
fn refusal(board: &Board, wanted: Wanted<'_>, engineer: EngineerIndex, policy: &Policy) -> Reason {
    if let Err(reason) = within_working_time(board, wanted.visit, engineer, wanted.deadline) {
        return reason;
    }
    let is_reachable = board
        .duties_of(engineer)
        .any(|index| Route::unbooked(board.ground(index)).try_insert(board.ground(index), wanted, 0, policy).is_some());
    if is_reachable { Reason::DoubleBooking } else { Reason::Window }
}

/// What a visit costs at least on any leg of which only bounds are known, for an engineer who is not preferred.
fn least_total_s(board: &Board, visit: &Visit, first_start: i64, policy: &Policy, bounds: Bounds) -> i64 {
    // The fastest engineer, and a drive is rounded up by less than a second; a detour saves one such drive.
    let seconds = |metres: f64| (metres * board.travel().detour() / board.top_speed_mps).floor() as i64;
    let start = bounds.soonest.saturating_add(seconds(bounds.away_m)).max(first_start);
    let duration_s = i64::from(visit.duration_s);
    let late_s = visit.late_s(start.saturating_add(duration_s));
    policy.travel_cost(seconds(bounds.detour_m) - 2)
        + policy.load_cost(bounds.least_busy_s, duration_s, bounds.most_capacity_s)
        + policy.wait_cost(visit.priority, start.saturating_sub(first_start))
        + policy.late_cost(visit.priority, late_s)
}

/// What a search has found so far.
struct Shortlist<'a> {
    board: &'a Board,
    visit: &'a Visit,
    policy: &'a Policy,
    is_seen: Vec<bool>,
    seen: usize,
    /// Sorted, at most `policy.shortlist`.
    best: Vec<Candidate>,
    refused: Vec<Refused>,
}

impl<'a> Shortlist<'a> {
    fn new(board: &'a Board, visit: &'a Visit, policy: &'a Policy) -> Self {
        let is_seen = vec![false; board.engineers().len()];
        Self { board, visit, policy, is_seen, seen: 0, best: Vec::new(), refused: Vec::new() }
    }

    fn assess(&mut self, engineer: EngineerIndex) {
        match self.is_seen.get_mut(engineer.0 as usize) {
            Some(is_seen) if !*is_seen => *is_seen = true,
            _ => return,
        }
        self.seen += 1;
        match assess(self.board, self.visit, engineer, self.policy) {
            Err(reason) => self.refused.push(Refused { engineer, reason }),
            Ok(candidate) => {
                let key = |candidate: &Candidate| (candidate.score.total_s(), candidate.engineer);
                let place = self.best.partition_point(|better| key(better) < key(&candidate));
                self.best.insert(place, candidate);
                self.best.truncate(self.policy.shortlist);
            }
        }
    }

    /// Whether nobody whose total is at least `least_s` can still get on the list. Equal totals are ordered by index,
    /// so only a worse one is beaten.
    fn is_beaten(&self, least_s: i64) -> bool {
        self.best.len() == self.policy.shortlist && self.best.last().is_none_or(|worst| worst.score.total_s() < least_s)
    }

    fn finish(mut self) -> Ranking {
        self.refused.sort_unstable_by_key(|refused| refused.engineer);
        let passed_over = self.is_seen.len() - self.seen;
        Ranking { candidates: self.best, refused: self.refused, passed_over }
    }
}

impl Candidate {
    pub(crate) fn new(engineer: EngineerIndex, shift: u32, score: Score, insertion: Insertion) -> Self {
        let Insertion { position, arrive, start, end, drive_s, detour_s, .. } = insertion;
        Self { engineer, shift: shift as usize, position, drive_s, arrive, start, end, detour_s, score }
    }
}

impl<'a> Wanted<'a> {
    /// `None` if the visit cannot start any more.
    pub(crate) fn new(board: &Board, visit: &'a Visit, engineer: EngineerIndex, deadline: i64) -> Option<Self> {
        Some(Wanted {
            visit,
            deadline,
            first_start: visit.first_start(board.now())?,
            last_start: visit.last_start(i64::MAX)?,
            is_preferred: visit.preferred.contains(&engineer),
        })
    }
}

impl Board {
    pub(crate) fn ground(&self, duty: usize) -> Ground<'_> {
        Ground { duty: &self.duties[duty], travel: self.travel(), visits: self.visits() }
    }
}
