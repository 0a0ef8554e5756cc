//! The search of a whole board, in epochs: a large board is divided into parts of neighbouring routes, each is searched
//! by itself, and the next epoch divides it otherwise. The parts of an epoch have nothing in common, so it does not
//! matter how many threads search them, and the best of each together are the best plan of the epoch.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::construct::insert_all;
use super::dice::Dice;
use super::divide::{Part, divide};
use super::draft::{Draft, TRAVEL_FIRST};
use super::field::Field;
use super::search::{Found, Search, Terms};
use super::{Budget, PlanScore};
use crate::board::Board;
use crate::policy::Policy;
use crate::route::Route;

/// The best routes found, one a duty of the board.
pub(super) fn search(
    board: &Board,
    policy: &Policy,
    budget: Budget,
    seed: u64,
    spent: &(dyn Fn() -> f64 + Sync),
) -> Vec<Route> {
    if board.duties.is_empty() || board.visits().is_empty() {
        return board.booked.clone();
    }
    let mut whole = Field::whole(board, policy);
    let mut draft = Draft::new(&whole, board.booked.clone());
    insert_all(&mut draft);
    if budget.rounds == 0 || spent() >= 1.0 {
        return draft.routes;
    }
    let terms = terms(&draft);
    let first = draft.routes;
    let best = if board.visits().len() <= budget.part.max(1) {
        whole.meet_neighbours();
        let mut search = Search::new(&whole, first, Dice::of(seed, 0, 0), terms);
        search.run(budget.rounds, |share| {
            let spent = spent();
            (spent < 1.0).then(|| share.max(spent))
        });
        search.finish().best
    } else {
        let epochs = Epochs { whole: &whole, budget, seed, spent, terms };
        epochs.run(first)
    };
    let mut draft = Draft::new(&whole, best);
    insert_all(&mut draft);
    draft.routes
}

struct Epochs<'a> {
    whole: &'a Field<'a>,
    budget: Budget,
    seed: u64,
    spent: &'a (dyn Fn() -> f64 + Sync),
    terms: Terms,
}

impl Epochs<'_> {
    fn run(&self, first: Vec<Route>) -> Vec<Route> {
        let score = Draft::new(self.whole, first.clone()).score();
        let (mut current, mut best, mut best_score) = (first.clone(), first, score);
        let (mut epoch, mut used) = (0, 0);
        while used < self.budget.rounds && (self.spent)() < 1.0 {
            let mut dice = Dice::of(self.seed, epoch, u64::MAX);
            let parts = divide(self.whole, &current, self.budget.part, &mut dice);
            let rounds = (self.whole.tasks.len() as u64 * ROUNDS_A_VISIT).min(self.budget.rounds - used);
            let share = |used: u64| used as f64 / self.budget.rounds as f64;
            let found = self.search_parts(&parts, &current, epoch, rounds, (share(used), share(used + rounds)));
            let mut union = current.clone();
            for (part, found) in parts.iter().zip(found) {
                for ((duty, last), best) in part.duties.iter().zip(found.last).zip(found.best) {
                    current[*duty as usize] = self.on_board(last, *duty);
                    union[*duty as usize] = self.on_board(best, *duty);
                }
            }
            let (union, score) = self.settle_tied(union);
            if score < best_score {
                (best, best_score) = (union, score);
            }
            current = self.settle_tied(current).0;
            (epoch, used) = (epoch + 1, used + rounds);
        }
        best
    }

    /// Searches every part for its share of the rounds, while the whole goes from one share of the budget to another.
    fn search_parts(
        &self,
        parts: &[Part],
        current: &[Route],
        epoch: u64,
        rounds: u64,
        (from, to): (f64, f64),
    ) -> Vec<Found> {
        let next = AtomicUsize::new(0);
        let found: Mutex<Vec<Option<Found>>> = Mutex::new(parts.iter().map(|_| None).collect());
        let work = || {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(part) = parts.get(number) else { return };
                let mut field = Field::part(self.whole, &part.visits, &part.duties);
                let routes: Vec<Route> =
                    part.duties.iter().enumerate().map(|(n, duty)| field.adopt(&current[*duty as usize], n)).collect();
                field.measure();
                field.meet_neighbours();
                let dice = Dice::of(self.seed, epoch, number as u64);
                let mut search = Search::new(&field, routes, dice, self.terms);
                let share = (rounds as f64 * part.visits.len() as f64 / self.whole.tasks.len() as f64).ceil();
                search.run(share as u64, |share| {
                    let spent = (self.spent)();
                    (spent < 1.0).then(|| spent.max(from + (to - from) * share))
                });
                if let Ok(mut found) = found.lock() {
                    found[number] = Some(search.finish());
                }
            }
        };
        std::thread::scope(|scope| {
            (1..self.budget.threads.min(parts.len())).for_each(|_| _ = scope.spawn(work));
            work();
        });
        found.into_inner().unwrap_or_default().into_iter().flatten().collect()
    }

    /// Gives the tied visits, which no part may move, better places if there are any.
    fn settle_tied(&self, routes: Vec<Route>) -> (Vec<Route>, PlanScore) {
        let mut draft = Draft::new(self.whole, routes);
        for &visit in self.whole.ties.keys() {
            let before = draft.scalar(self.terms.drop_cost);
            draft.mark();
            let is_out = draft.remove_everywhere(visit);
            if let Some(together) = draft.cheapest_together(visit).filter(|_| is_out) {
                draft.insert_together(visit, &together);
            }
            if !is_out || !draft.drop_orphans() || draft.scalar(self.terms.drop_cost) > before {
                draft.undo();
            }
        }
        draft.mark();
        let score = draft.score();
        (draft.routes, score)
    }

    fn on_board(&self, route: Route, duty: u32) -> Route {
        let duty = &self.whole.duties[duty as usize];
        route.moved_to(duty, |stop| (self.whole.board.node_of(duty.engineer, stop.job), false))
    }
}

/// How hot it is at first, and what it costs to leave a visit out, by how long drives are here.
fn terms(draft: &Draft<'_>) -> Terms {
    let field = draft.field;
    let served = field.tasks.len() - draft.waiting().len();
    let mean_s = draft.score().travel_s as f64 / (served.max(1) as f64);
    let hottest = mean_s.max(1.0) * HOTTEST * TRAVEL_FIRST as f64;
    Terms { hottest, drop_cost: drop_cost(draft) }
}

/// What it costs to leave out a unit of weight, in the units of a draft's scalar.
pub(super) fn drop_cost(draft: &Draft<'_>) -> i64 {
    let served = draft.field.tasks.len() - draft.waiting().len();
    let mean_s = draft.score().travel_s as f64 / (served.max(1) as f64);
    (mean_s.max(60.0) * DROP * TRAVEL_FIRST as f64) as i64
}

/// How hot it is at first, in drives between two visits.
const HOTTEST: f64 = 1.0;
/// What a unit of weight left out costs, in drives between two visits.
const DROP: f64 = 50.0;
/// Rounds of an epoch for each visit.
const ROUNDS_A_VISIT: u64 = 20;
