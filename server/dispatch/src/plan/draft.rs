//! A plan in the making: the routes, what is left out, what it costs, and how to take a step back.

use super::PlanScore;
use crate::board::Board;
use crate::policy::Policy;
use crate::route::{Job, Route, Wanted};
use crate::rules::eligible;
use crate::visit::VisitIndex;

pub(super) struct Draft<'a> {
    pub board: &'a Board,
    pub policy: &'a Policy,
    /// What the search goes by: the policy, with lateness before travel as the levels of [`PlanScore`] ask.
    search_policy: Policy,
    pub routes: Vec<Route>,
    costs: Vec<RouteCost>,
    /// The duty each visit is in.
    at: Vec<Option<u32>>,
    /// The duties that could take each visit if nothing were planned, sorted. The largest table of a plan: four bytes
    /// for each pair.
    able: Vec<Vec<u32>>,
    score: PlanScore,
    /// The routes as they were before the present step.
    before: Vec<(u32, Route)>,
}

#[derive(Clone, Copy, Debug, Default)]
struct RouteCost {
    lateness_s: i64,
    travel_s: i64,
    balance_s: i64,
}

impl<'a> Draft<'a> {
    /// Nothing planned yet but what is booked.
    pub fn new(board: &'a Board, policy: &'a Policy) -> Self {
        let search_policy = Policy {
            late_permille: policy.late_permille.map(|late| late.saturating_mul(LATE_FIRST)),
            ..policy.clone()
        };
        let mut draft = Draft {
            board,
            policy,
            search_policy,
            routes: board.booked.clone(),
            costs: vec![RouteCost::default(); board.booked.len()],
            at: vec![None; board.visits().len()],
            able: board.visit_indices().map(|visit| able_duties(board, visit)).collect(),
            score: PlanScore::default(),
            before: Vec::new(),
        };
        draft.score.unserved_weight = draft.board.visit_indices().map(|visit| draft.weight(visit)).sum();
        (0..draft.routes.len()).for_each(|duty| draft.recount(duty));
        draft
    }

    pub fn score(&self) -> PlanScore {
        self.score
    }

    /// What the search goes by among plans that leave out the same weight: being late costs a good deal, the rest what
    /// the policy says.
    pub fn scalar(&self) -> i64 {
        let PlanScore { lateness_s, travel_s, balance_s, .. } = self.score;
        lateness_s.saturating_mul(i64::from(LATE_FIRST)) + self.policy.travel_cost(travel_s) + balance_s
    }

    pub fn duty_of(&self, visit: VisitIndex) -> Option<usize> {
        self.at[visit.0 as usize].map(|duty| duty as usize)
    }

    pub fn weight(&self, visit: VisitIndex) -> i64 {
        self.policy.weight(self.board.visit(visit).priority)
    }

    pub fn able(&self, visit: VisitIndex) -> &[u32] {
        &self.able[visit.0 as usize]
    }

    pub fn unserved(&self) -> Vec<VisitIndex> {
        self.board.visit_indices().filter(|visit| self.duty_of(*visit).is_none()).collect()
    }

    /// Puts a visit where it costs least among `duties`; false if it fits nowhere.
    pub fn insert(&mut self, visit: VisitIndex, duties: impl Iterator<Item = usize>) -> bool {
        let mut best: Option<((i64, i64, usize), usize, i64)> = None;
        for duty in duties {
            let Some(wanted) = self.wanted(visit, duty) else { continue };
            let ground = self.board.ground(duty);
            let Some((score, at)) = self.routes[duty].best_insertion(ground, wanted, &self.search_policy) else {
                continue;
            };
            let key = (score.total_s(), at.start, duty);
            if best.as_ref().is_none_or(|(kept, ..)| key < *kept) {
                best = Some((key, at.position, wanted.deadline));
            }
        }
        let Some(((.., duty), position, deadline)) = best else { return false };
        self.save(duty, self.routes[duty].clone());
        self.routes[duty].insert(self.board.ground(duty), visit, deadline, position);
        self.at[visit.0 as usize] = Some(duty as u32);
        self.score.unserved_weight -= self.weight(visit);
        self.recount(duty);
        true
    }

    /// Takes visits out of one duty; does nothing and says false if the others could not be done without them.
    #[must_use]
    pub fn remove(&mut self, duty: usize, visits: &[VisitIndex]) -> bool {
        let is_unwanted = |job: Job| matches!(job, Job::Visit(visit) if visits.contains(&visit));
        let before = self.routes[duty].clone();
        if !self.routes[duty].remove(self.board.ground(duty), is_unwanted) {
            self.routes[duty] = before;
            return false;
        }
        self.save(duty, before);
        for visit in visits {
            self.at[visit.0 as usize] = None;
            self.score.unserved_weight += self.weight(*visit);
        }
        self.recount(duty);
        true
    }

    pub fn visits_in(&self, duty: usize) -> impl Iterator<Item = VisitIndex> + '_ {
        self.routes[duty].stops.iter().filter_map(|stop| match stop.job {
            Job::Visit(visit) => Some(visit),
            Job::Commitment(_) => None,
        })
    }

    /// The visit as something wanted by the engineer of a duty that is able to take it.
    pub fn wanted(&self, visit: VisitIndex, duty: usize) -> Option<Wanted<'a>> {
        let (board, engineer) = (self.board, self.board.duties[duty].engineer);
        let visit = board.visit(visit);
        let deadline = if visit.certificates.is_empty() { i64::MAX } else { eligible(board, visit, engineer).ok()? };
        Wanted::new(board, visit, engineer, deadline)
    }

    /// From here on [`Draft::undo`] leads back to the present state.
    pub fn mark(&mut self) {
        self.before.clear();
    }

    /// The duties changed since the mark.
    pub fn touched(&self) -> impl Iterator<Item = usize> + '_ {
        self.before.iter().map(|(duty, _)| *duty as usize)
    }

    pub fn undo(&mut self) {
        let before = std::mem::take(&mut self.before);
        for (duty, _) in &before {
            self.take_off(*duty as usize);
        }
        for (duty, route) in before {
            self.put_back(duty as usize, route);
        }
    }

    /// Makes the draft the one whose routes differ from it in `changed`.
    pub fn restore(&mut self, changed: Vec<(usize, Route)>) {
        changed.iter().for_each(|(duty, _)| self.take_off(*duty));
        changed.into_iter().for_each(|(duty, route)| self.put_back(duty, route));
        self.mark();
    }

    fn take_off(&mut self, duty: usize) {
        let visits: Vec<VisitIndex> = self.visits_in(duty).collect();
        for visit in visits {
            self.at[visit.0 as usize] = None;
            self.score.unserved_weight += self.weight(visit);
        }
    }

    fn put_back(&mut self, duty: usize, route: Route) {
        self.routes[duty] = route;
        let visits: Vec<VisitIndex> = self.visits_in(duty).collect();
        for visit in visits {
            self.at[visit.0 as usize] = Some(duty as u32);
            self.score.unserved_weight -= self.weight(visit);
        }
        self.recount(duty);
    }

    fn save(&mut self, duty: usize, before: Route) {
        if !self.touched().any(|touched| touched == duty) {
            self.before.push((duty as u32, before));
        }
    }

    /// Brings the score up to date with one route.
    fn recount(&mut self, duty: usize) {
        let new = self.cost_of(duty);
        let old = std::mem::replace(&mut self.costs[duty], new);
        self.score.lateness_s += new.lateness_s - old.lateness_s;
        self.score.travel_s += new.travel_s - old.travel_s;
        self.score.balance_s += new.balance_s - old.balance_s;
    }

    fn cost_of(&self, duty: usize) -> RouteCost {
        let (route, board, policy) = (&self.routes[duty], self.board, self.policy);
        let mut balance_s = policy.load_cost(0, route.busy_s, board.duties[duty].capacity_s);
        for stop in &route.stops {
            let Job::Visit(index) = stop.job else { continue };
            let visit = board.visit(index);
            let first_start = visit.first_start(board.now()).unwrap_or(stop.start);
            balance_s += policy.wait_cost(visit.priority, stop.start - first_start);
            if visit.preferred.contains(&board.duties[duty].engineer) {
                balance_s -= i64::from(policy.preferred_s);
            }
        }
        RouteCost { lateness_s: route.late_cost(policy), travel_s: route.travel_s(), balance_s }
    }
}

/// The duties whose engineer may take a visit and in which it fits if nothing else is there and nobody has to drive.
fn able_duties(board: &Board, index: VisitIndex) -> Vec<u32> {
    let visit = board.visit(index);
    let mut able = Vec::new();
    for engineer in board.engineer_indices() {
        let Ok(deadline) = eligible(board, visit, engineer) else { continue };
        able.extend(board.duties_of(engineer).map(|duty| duty as u32).filter(|duty| {
            let duty = &board.duties[*duty as usize];
            duty.earliest_start(visit, duty.opens, deadline, &duty.blocked).is_some()
        }));
    }
    able.shrink_to_fit();
    able
}

/// By how much lateness counts for more in the search than in a single decision.
const LATE_FIRST: u32 = 20;
