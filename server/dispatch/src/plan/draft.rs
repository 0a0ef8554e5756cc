//! A plan in the making: the routes of a field, what is left out, what it costs, and how to take a step back.

use super::PlanScore;
use super::field::{Able, Field};
use crate::route::{Route, RouteCost, Stop, Wanted};
use crate::visit::Task;

pub(super) struct Draft<'a> {
    pub field: &'a Field<'a>,
    pub routes: Vec<Route>,
    costs: Vec<RouteCost>,
    /// A duty each visit is in; [`NOWHERE`] if it is left out.
    at: Vec<u32>,
    /// On how many routes each visit is.
    held: Vec<u8>,
    /// The visits left out, in no order, and where each stands among them.
    waiting: Vec<u32>,
    waits_at: Vec<u32>,
    score: PlanScore,
    /// The routes as they were at the mark, of which the first `changed` are in use.
    journal: Vec<Saved>,
    changed: usize,
    /// Which visits have left a duty since the mark, or come to it, in this order.
    pub(super) steps: Vec<Step>,
    /// Whether the score knows of all changes.
    is_counted: bool,
}

/// A route as it was, and what it cost.
struct Saved {
    duty: u32,
    route: Route,
    cost: RouteCost,
}

#[derive(Clone, Copy)]
pub(super) enum Step {
    Left { visit: u32, duty: u32 },
    Came { visit: u32 },
}

/// Where a visit would go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub able: Able,
    pub position: usize,
}

impl<'a> Draft<'a> {
    /// A draft that begins with these routes, one a duty of the field.
    pub fn new(field: &'a Field<'a>, routes: Vec<Route>) -> Self {
        let visits = field.tasks.len();
        let mut draft = Draft {
            field,
            costs: vec![RouteCost::default(); routes.len()],
            at: vec![NOWHERE; visits],
            held: vec![0; visits],
            waiting: (0..visits as u32).collect(),
            waits_at: (0..visits as u32).collect(),
            score: PlanScore {
                unserved_weight: field.weights.iter().sum(),
                lateness_s: field.missed_s.iter().sum(),
                ..PlanScore::default()
            },
            journal: Vec::new(),
            changed: 0,
            steps: Vec::new(),
            is_counted: true,
            routes,
        };
        for duty in 0..draft.routes.len() {
            draft.claim(duty);
            draft.charge(duty, draft.cost_of(duty));
        }
        draft
    }

    /// As it was at the mark, or at the last look at [`Draft::scalar`].
    pub fn score(&self) -> PlanScore {
        debug_assert!(self.is_counted, "something has changed since it was counted");
        self.score
    }

    pub fn duty_of(&self, visit: u32) -> Option<usize> {
        let duty = self.at[visit as usize];
        (duty != NOWHERE).then_some(duty as usize)
    }

    pub fn waiting(&self) -> &[u32] {
        &self.waiting
    }

    /// Whether everybody is there whom a visit takes.
    pub fn is_served(&self, visit: u32) -> bool {
        self.held[visit as usize] == self.field.crews[visit as usize]
    }

    /// The cheapest place for a visit among some duties.
    pub fn cheapest(&self, visit: u32, among: impl Iterator<Item = Able>) -> Option<Place> {
        let field = self.field;
        let mut best: Option<Place> = None;
        let mut limit = i64::MAX;
        let mut seen: Option<Able> = None;
        for able in among {
            if self.routes[able.duty as usize].stops.is_empty() {
                if seen.is_some_and(|seen| field.is_twin(seen, able)) {
                    continue;
                }
                seen = Some(able);
            }
            if let Some((position, cost)) = self.cheapest_on(field.wanted(visit, able), able, limit) {
                limit = cost;
                best = Some(Place { able, position });
            }
        }
        best
    }

    /// The cheapest position on one route, for less than `limit`, and what it costs.
    pub fn cheapest_on(&self, wanted: Wanted<'_>, able: Able, limit: i64) -> Option<(usize, i64)> {
        let (field, route) = (self.field, &self.routes[able.duty as usize]);
        let ground = field.ground(able.duty as usize);
        let rates = (i64::from(field.policy.travel_permille) * TRAVEL_FIRST, LATE_FIRST);
        if route.has_room(ground.duty, wanted.task) {
            route.cheapest(ground, wanted, field.policy, rates, limit)
        } else {
            None
        }
    }

    /// Every position on one route where a visit fits, with what it costs there.
    pub fn places_on(&self, visit: u32, able: Able, mut each: impl FnMut(i64, usize)) {
        let (field, route) = (self.field, &self.routes[able.duty as usize]);
        let (ground, wanted) = (field.ground(able.duty as usize), field.wanted(visit, able));
        for position in 0..=route.stops.len() {
            if let Some(found) = route.try_insert(ground, wanted, position, field.policy) {
                let travel = field.policy.travel_cost(found.detour_s) * TRAVEL_FIRST;
                each(travel + wanted.bias_s + found.late_cost * LATE_FIRST, position);
            }
        }
    }

    /// Puts a visit where [`Draft::cheapest`] found a place.
    pub fn insert(&mut self, visit: u32, place: Place) {
        self.insert_task(visit, &self.field.tasks[visit as usize], place);
    }

    /// Puts a visit in its place as `task` says.
    pub fn insert_task(&mut self, visit: u32, task: &Task, place: Place) {
        let duty = place.able.duty as usize;
        self.save(duty);
        let field = self.field;
        let wanted = Wanted { task, ..field.wanted(visit, place.able) };
        self.routes[duty].insert(field.ground(duty), field.visits[visit as usize], wanted, visit, place.position);
        self.serve(visit, duty as u32);
        self.steps.push(Step::Came { visit });
    }

    /// Takes visits out of one duty. False if the others could not be done without them, as happens where a table knows
    /// a quicker way through a third place: then nothing is left but [`Draft::undo`].
    #[must_use]
    pub fn remove(&mut self, duty: usize, visits: &[u32]) -> bool {
        self.save(duty);
        let field = self.field;
        let is_unwanted = |stop: &Stop| stop.is_visit() && visits.contains(&stop.node);
        let is_feasible = self.routes[duty].remove(field.ground(duty), is_unwanted);
        for &visit in visits {
            self.leave(visit);
            self.steps.push(Step::Left { visit, duty: duty as u32 });
        }
        is_feasible
    }

    pub fn visits_in(&self, duty: usize) -> impl Iterator<Item = u32> + '_ {
        visits_of(&self.routes[duty])
    }

    /// From here on [`Draft::undo`] leads back to the present state.
    pub fn mark(&mut self) {
        self.count();
        self.changed = 0;
        self.steps.clear();
    }

    /// The duties changed since the mark.
    pub fn touched(&self) -> impl Iterator<Item = usize> + '_ {
        self.journal[..self.changed].iter().map(|saved| saved.duty as usize)
    }

    pub fn undo(&mut self) {
        while let Some(step) = self.steps.pop() {
            match step {
                Step::Left { visit, duty } => self.serve(visit, duty),
                Step::Came { visit } => self.leave(visit),
            }
        }
        for entry in 0..self.changed {
            let Saved { duty, route, cost } = &mut self.journal[entry];
            let (duty, cost) = (*duty as usize, *cost);
            std::mem::swap(&mut self.routes[duty], route);
            self.charge(duty, cost);
        }
        self.changed = 0;
        self.is_counted = true;
    }

    /// What the search goes by. Strictly by level would leave it stuck; so a level outweighs the next, and only the
    /// best plan is kept strictly.
    pub fn scalar(&mut self, drop_cost: i64) -> i64 {
        self.count();
        let PlanScore { unserved_weight, lateness_s, travel_s, balance_s } = self.score;
        unserved_weight.saturating_mul(drop_cost)
            + lateness_s.saturating_mul(LATE_FIRST)
            + self.field.policy.travel_cost(travel_s) * TRAVEL_FIRST
            + balance_s
    }

    /// Everything on a route is served by it.
    fn claim(&mut self, duty: usize) {
        for entry in 0..self.routes[duty].stops.len() {
            let stop = &self.routes[duty].stops[entry];
            if stop.is_visit() {
                self.serve(stop.node, duty as u32);
            }
        }
    }

    pub(super) fn serve(&mut self, visit: u32, duty: u32) {
        self.at[visit as usize] = duty;
        self.held[visit as usize] += 1;
        if self.is_served(visit) {
            self.score.unserved_weight -= self.field.weights[visit as usize];
            self.score.lateness_s -= self.field.missed_s[visit as usize];
            let place = self.waits_at[visit as usize] as usize;
            self.waiting.swap_remove(place);
            if let Some(moved) = self.waiting.get(place) {
                self.waits_at[*moved as usize] = place as u32;
            }
        }
    }

    pub(super) fn leave(&mut self, visit: u32) {
        if self.is_served(visit) {
            self.score.unserved_weight += self.field.weights[visit as usize];
            self.score.lateness_s += self.field.missed_s[visit as usize];
            self.waits_at[visit as usize] = self.waiting.len() as u32;
            self.waiting.push(visit);
        }
        self.held[visit as usize] -= 1;
        if self.held[visit as usize] == 0 {
            self.at[visit as usize] = NOWHERE;
        }
    }

    /// Keeps a route as it is at the mark.
    pub(super) fn save(&mut self, duty: usize) {
        self.is_counted = false;
        if self.touched().any(|touched| touched == duty) {
            return;
        }
        let cost = self.costs[duty];
        match self.journal.get_mut(self.changed) {
            Some(saved) => {
                (saved.duty, saved.cost) = (duty as u32, cost);
                saved.route.clone_from(&self.routes[duty]);
            }
            None => self.journal.push(Saved { duty: duty as u32, route: self.routes[duty].clone(), cost }),
        }
        self.changed += 1;
    }

    /// Brings the score up to date with the routes changed since the mark.
    fn count(&mut self) {
        if !self.is_counted {
            for entry in 0..self.changed {
                let duty = self.journal[entry].duty as usize;
                self.charge(duty, self.cost_of(duty));
            }
            self.is_counted = true;
        }
    }

    fn charge(&mut self, duty: usize, new: RouteCost) {
        let old = std::mem::replace(&mut self.costs[duty], new);
        self.score.lateness_s += new.lateness_s - old.lateness_s;
        self.score.travel_s += new.travel_s - old.travel_s;
        self.score.balance_s += new.balance_s - old.balance_s;
    }

    fn cost_of(&self, duty: usize) -> RouteCost {
        self.routes[duty].cost(&self.field.duties[duty], self.field.board, self.field.policy)
    }
}

pub(super) fn visits_of(route: &Route) -> impl Iterator<Item = u32> + '_ {
    route.stops.iter().filter(|stop| stop.is_visit()).map(|stop| stop.node)
}

const NOWHERE: u32 = u32::MAX;
/// By how much lateness counts for more in the search than in a single decision, and travel for more than balance.
const LATE_FIRST: i64 = 20 * TRAVEL_FIRST;
pub(super) const TRAVEL_FIRST: i64 = 32;
