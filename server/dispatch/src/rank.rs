//! The best engineers for one visit, each where it costs least in the route the engineer has already.

use crate::board::Board;
use crate::engineer::EngineerIndex;
use crate::nearby::Bounds;
use crate::policy::{Liking, Policy, Score};
use crate::rest::NEVER;
use crate::route::{Ground, Insertion, Route, Wanted};
use crate::rules::{Reason, Rule, RuleCounts, eligible, within_working_time};
use crate::travel::Travel;
use crate::visit::{Starts, Task, Visit};

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
    let starts = search.question.task.starts.clone();
    let least_s = |bounds| least_total_s(board, visit, (&starts, first_start), policy, bounds);
    let nearby = board.nearby.search(visit.place, least_s);
    for (least_s, owners) in nearby {
        if search.is_beaten(least_s) || (least_s == IMPOSSIBLE && !search.best.is_empty()) {
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
    assess_among(board, &board.booked, &Question::new(board, visit), engineer, policy)
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
    /// How much longer the engineer drives in all, at his usual speed.
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

/// A visit about which all engineers are asked.
pub(crate) struct Question<'a> {
    pub visit: &'a Visit,
    pub task: Task,
    /// When it could start at the earliest if engineers were everywhere; [`NEVER`] if it cannot start any more.
    pub first_start: i64,
}

impl<'a> Question<'a> {
    pub fn new(board: &Board, visit: &'a Visit) -> Self {
        let task = Task::of(visit);
        let first_start = task.starts.first(board.now());
        Self { visit, task, first_start }
    }

    /// When a visit may start, whatever the time is now.
    pub fn starts_of(visit: &Visit) -> Starts {
        Task::of(visit).starts
    }

    fn wanted(&self, deadline: i64) -> Wanted<'_> {
        Wanted { task: &self.task, drives: None, deadline, bias_s: 0 }
    }
}

/// [`assess`] against given routes, one a duty of the board.
pub(crate) fn assess_among(
    board: &Board,
    routes: &[Route],
    question: &Question<'_>,
    engineer: EngineerIndex,
    policy: &Policy,
) -> Result<Candidate, Reason> {
    let deadline = eligible(board, question.visit, engineer)?;
    if question.first_start >= NEVER {
        return Err(Reason::Window);
    }
    let liking = policy.liking(question.visit, engineer, board.engineer(engineer));
    let best = board.duties_of(engineer).filter_map(|duty| {
        let (score, insertion) = best_insertion(board, &routes[duty], duty, question, (deadline, liking), policy)?;
        Some(Candidate::new(engineer, board.duties[duty].shift, score, insertion))
    });
    match best.min_by_key(|candidate| (candidate.score.total_s(), candidate.start, candidate.shift)) {
        Some(candidate) => Ok(candidate),
        None => Err(refusal(board, question, deadline, engineer, policy)),
    }
}

/// The cheapest place for a visit in a route: by the total of its score, then the earlier start, then the earlier
/// position.
fn best_insertion(
    board: &Board,
    route: &Route,
    duty: usize,
    question: &Question<'_>,
    (deadline, liking): (i64, Liking),
    policy: &Policy,
) -> Option<(Score, Insertion)> {
    let ground = board.ground(duty);
    let mut best: Option<(Score, Insertion)> = None;
    for position in 0..=route.stops.len() {
        if route.is_past(ground, position, question.task.starts.last) {
            break;
        }
        let Some(insertion) = route.try_insert(ground, question.wanted(deadline), position, policy) else { continue };
        let score = score(board, route, duty, question, liking, &insertion, policy);
        let is_better =
            best.as_ref().is_none_or(|(kept, at)| (score.total_s(), insertion.start) < (kept.total_s(), at.start));
        if is_better {
            best = Some((score, insertion));
        }
    }
    best
}

pub(crate) fn score(
    board: &Board,
    route: &Route,
    duty: usize,
    question: &Question<'_>,
    liking: Liking,
    insertion: &Insertion,
    policy: &Policy,
) -> Score {
    let (duty, visit) = (&board.duties[duty], question.visit);
    let wait_s = insertion.start - question.first_start;
    Score {
        travel_s: policy.travel_cost(insertion.detour_s),
        load_s: policy.load_cost(route.busy_s + duty.forecast_s, question.task.duration_s, duty.capacity_s),
        urgency_s: policy.wait_cost(visit.priority, wait_s) + insertion.late_cost,
        preference_s: liking.preference_s,
        skill_s: liking.skill_s,
        parts_s: liking.parts_s,
        change_s: policy.change_cost(visit, duty.engineer, insertion.start),
    }
}

/// Why nothing fits: the rules about time, from the loosest on.
fn refusal(board: &Board, question: &Question<'_>, deadline: i64, engineer: EngineerIndex, policy: &Policy) -> Reason {
    if let Err(reason) = within_working_time(board, &question.task, engineer, deadline) {
        return reason;
    }
    let is_reachable = board.duties_of(engineer).any(|duty| {
        let ground = board.ground(duty);
        Route::unbooked(ground).try_insert(ground, question.wanted(deadline), 0, policy).is_some()
    });
    if is_reachable { Reason::DoubleBooking } else { Reason::Window }
}

/// What a visit costs at least on any leg of which only bounds are known, for an engineer who is not preferred.
fn least_total_s(
    board: &Board,
    visit: &Visit,
    (starts, first_start): (&Starts, i64),
    policy: &Policy,
    bounds: Bounds,
) -> i64 {
    // The fastest engineer, and a drive is rounded up by less than a second; a detour saves one such drive. What it costs
    // is told at the usual speed, when one is there by the hour.
    let seconds = |metres: f64| (metres * board.travel().detour() / board.swiftest_mps).floor() as i64;
    let usual_s = |metres: f64| (metres * board.travel().detour() / board.top_speed_mps).floor() as i64;
    let start = starts.first(bounds.soonest.saturating_add(seconds(bounds.away_m)).max(first_start));
    let duration_s = i64::from(visit.duration_s);
    // Not only what it costs: with this little time between two stops, or so far away, it fits nowhere.
    let away_s = (seconds(bounds.away_m) - 1).max(0);
    let on_s = if bounds.has_open { 0 } else { away_s };
    let is_impossible = start >= NEVER
        || bounds.longest_gap_s < away_s + duration_s + on_s
        || start.saturating_add(duration_s + on_s) > bounds.reached_by;
    if is_impossible {
        return IMPOSSIBLE;
    }
    let late_s = visit.due.map_or(0, |due| start.saturating_add(duration_s).saturating_sub(due).max(0));
    policy.travel_cost(usual_s(bounds.detour_m) - 2)
        + policy.load_cost(bounds.least_busy_s, duration_s, bounds.most_capacity_s)
        + policy.wait_cost(visit.priority, start.saturating_sub(first_start))
        + policy.late_cost(visit.priority, late_s)
}

/// The cost of what cannot be.
const IMPOSSIBLE: i64 = i64::MAX;

/// What a search has found so far.
struct Shortlist<'a> {
    board: &'a Board,
    question: Question<'a>,
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
        let question = Question::new(board, visit);
        Self { board, question, policy, is_seen, seen: 0, best: Vec::new(), refused: Vec::new() }
    }

    fn assess(&mut self, engineer: EngineerIndex) {
        match self.is_seen.get_mut(engineer.0 as usize) {
            Some(is_seen) if !*is_seen => *is_seen = true,
            _ => return,
        }
        self.seen += 1;
        match assess_among(self.board, &self.board.booked, &self.question, engineer, self.policy) {
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

impl Board {
    pub(crate) fn ground(&self, duty: usize) -> Ground<'_> {
        Ground { duty: &self.duties[duty], atlas: &self.atlas, travel: self.travel() }
    }
}
