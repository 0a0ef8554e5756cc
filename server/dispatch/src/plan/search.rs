//! Taking apart and putting together again: slack induction by string removals, after Christiaens and Vanden Berghe
//! (2020). In each round strings of neighbouring visits leave a few routes and are inserted again, in one of several
//! orders, where they cost least. Whether the result is kept, simulated annealing says; the best one is kept anyway.

use super::PlanScore;
use super::dice::Dice;
use super::draft::{Draft, TRAVEL_FIRST};
use super::field::{Able, Field};
use crate::route::Route;

/// The search of one field.
pub(super) struct Search<'a> {
    draft: Draft<'a>,
    dice: Dice,
    best: Best,
    /// What a visit left out costs for each unit of its weight, in the units of the draft's scalar.
    drop_cost: i64,
    /// What is warm and what is cold here, in the same units.
    hottest: f64,
    scalar: i64,
    /// Where the next look is spared.
    blink_in: usize,
    removed: Vec<u32>,
    order: Vec<(i64, u32)>,
    cut: Vec<usize>,
    /// For each duty the last question for which it counted as near, and the number of that question.
    asked: Vec<u64>,
    question: u64,
}

/// What a search of one field leads to: the routes it ended with, from which it can go on, and the best it met.
pub(super) struct Found {
    pub last: Vec<Route>,
    pub best: Vec<Route>,
}

impl<'a> Search<'a> {
    pub fn new(field: &'a Field<'a>, routes: Vec<Route>, dice: Dice, terms: Terms) -> Self {
        let mut draft = Draft::new(field, routes);
        let best = Best::new(&draft);
        let scalar = draft.scalar(terms.drop_cost);
        let Terms { drop_cost, hottest } = terms;
        let (removed, order, cut) = (Vec::new(), Vec::new(), Vec::new());
        let (asked, question) = (vec![0; draft.routes.len()], 0);
        Self { draft, dice, best, drop_cost, hottest, scalar, blink_in: BLINK, removed, order, cut, asked, question }
    }

    /// So many rounds; `progress` says, from 0 to 1, how far the whole search is after a share of them, and `None` that
    /// it must end.
    pub fn run(&mut self, rounds: u64, progress: impl Fn(f64) -> Option<f64>) {
        let field = self.draft.field;
        if field.tasks.is_empty() || self.draft.routes.is_empty() {
            return;
        }
        let mut heat = self.hottest;
        for round in 0..rounds {
            if round % LOOK_UP == 0 {
                let Some(progress) = progress(round as f64 / rounds as f64) else { return };
                heat = self.hottest * COLDEST.powf(progress);
            }
            self.draft.mark();
            if self.ruin() && self.recreate() {
                self.judge(heat);
            } else {
                self.draft.undo();
            }
            for _ in 0..TAILS {
                self.exchange_tails(heat);
            }
        }
    }

    /// Keeps what has been changed since the mark, or takes it back.
    fn judge(&mut self, heat: f64) {
        let scalar = self.draft.scalar(self.drop_cost);
        if (scalar as f64) < self.scalar as f64 - heat * self.dice.share().ln() {
            self.scalar = scalar;
            self.best.keep(&self.draft);
        } else {
            self.draft.undo();
        }
    }

    /// Lets two routes change what they do from a point on: what strings are too short for where routes are long.
    fn exchange_tails(&mut self, heat: f64) {
        let field = self.draft.field;
        let before = self.dice.below(field.tasks.len()) as u32;
        let near = &field.near[before as usize];
        let behind = near[self.dice.below(near.len().min(TAIL_NEAREST))];
        let (Some(one), Some(other)) = (self.draft.duty_of(before), self.draft.duty_of(behind)) else { return };
        if one == other {
            return;
        }
        let (route, that) = (&self.draft.routes[one], &self.draft.routes[other]);
        let (Some(at), Some(that_at)) = (route.position_of(before), that.position_of(behind)) else { return };
        let (ground, that_ground) = (field.ground(one), field.ground(other));
        let longer_s = route.tails_longer_s(ground, at + 1, (that, that_ground, that_at));
        let cost = field.policy.travel_cost(longer_s) * TRAVEL_FIRST;
        if cost as f64 >= -heat * self.dice.share().ln() {
            return;
        }
        self.draft.mark();
        if !self.draft.exchange_tails((one, at + 1), (other, that_at)) {
            self.draft.undo();
            return;
        }
        self.judge(heat);
    }

    pub fn finish(self) -> Found {
        Found { last: self.draft.routes, best: self.best.routes }
    }

    /// Takes strings out of the routes around a visit.
    fn ruin(&mut self) -> bool {
        self.removed.clear();
        self.cut.clear();
        let field = self.draft.field;
        let stops = field.tasks.len() - self.draft.waiting().len();
        let busy = self.draft.routes.iter().filter(|route| !route.stops.is_empty()).count().max(1);
        let longest = (stops as f64 / busy as f64).min(LONGEST_STRING);
        let most_strings = 4.0 * MEAN_REMOVED / (1.0 + longest) - 1.0;
        let strings = (self.dice.share() * most_strings + 1.0) as usize;
        let waiting = self.draft.waiting();
        // Where somebody waits for a place, one is made more often.
        let is_for_one = !waiting.is_empty() && self.dice.once_in(3);
        let centre = if is_for_one {
            waiting[self.dice.below(waiting.len())]
        } else {
            self.dice.below(field.tasks.len()) as u32
        };
        if is_for_one && !self.make_room(centre, longest) {
            return false;
        }
        for &visit in &field.near[centre as usize] {
            if self.cut.len() >= strings.max(1) {
                break;
            }
            let Some(duty) = self.draft.duty_of(visit).filter(|duty| !self.cut.contains(duty)) else { continue };
            if !self.cut_string(duty, visit, longest) {
                return false;
            }
        }
        true
    }

    /// Takes a string out of a route that could take this visit: those around it may all belong to others.
    fn make_room(&mut self, waiting: u32, longest: f64) -> bool {
        let field = self.draft.field;
        let able = &field.able[waiting as usize];
        if able.is_empty() {
            return true;
        }
        let is_able = |duty: usize| able.binary_search_by_key(&(duty as u32), |able| able.duty).is_ok();
        let near = field.near[waiting as usize].iter().copied();
        let near = near.filter(|visit| self.draft.duty_of(*visit).is_some_and(is_able)).take(NEAREST);
        let near: Vec<u32> = near.collect();
        let visit = if near.is_empty() {
            let duty = able[self.dice.below(able.len())].duty as usize;
            let row: Vec<u32> = self.draft.visits_in(duty).collect();
            if row.is_empty() {
                return true;
            }
            row[self.dice.below(row.len())]
        } else {
            near[self.dice.below(near.len())]
        };
        self.draft.duty_of(visit).is_none_or(|duty| self.cut_string(duty, visit, longest))
    }

    /// Takes a string around a visit out of its route.
    fn cut_string(&mut self, duty: usize, visit: u32, longest: f64) -> bool {
        let field = self.draft.field;
        let from = self.removed.len();
        self.string_around(duty, visit, longest);
        self.cut.push(duty);
        let string = self.removed[from..].to_vec();
        if !self.draft.remove(duty, &string) {
            return false;
        }
        // The rest of a crew goes home as well.
        let mut tied = string.into_iter().filter(|visit| field.ties.contains_key(visit));
        tied.all(|visit| self.draft.remove_everywhere(visit))
    }

    /// Some visits in a row, the given one among them; sometimes with a piece left standing in the middle.
    fn string_around(&mut self, duty: usize, visit: u32, longest: f64) {
        let row: Vec<u32> = self.draft.visits_in(duty).collect();
        let most = (row.len() as f64).min(longest).max(1.0);
        let length = ((self.dice.share() * most) as usize + 1).min(row.len());
        let mut kept = 0;
        if length > 1 && self.dice.once_in(2) {
            kept = 1;
            while length + kept < row.len() && !self.dice.once_in(100) {
                kept += 1;
            }
            kept = kept.min(row.len() - length);
        }
        let span = length + kept;
        let middle = row.iter().position(|other| *other == visit).unwrap_or(0);
        let first_start = (middle + 1).saturating_sub(span);
        let last_start = middle.min(row.len() - span);
        let start = first_start + self.dice.below(last_start - first_start + 1);
        let gap = if kept > 0 { 1 + self.dice.below(length - 1) } else { length };
        self.removed.extend_from_slice(&row[start..start + gap]);
        self.removed.extend_from_slice(&row[start + gap + kept..start + span]);
    }

    /// Puts in again what has been taken out, and what else now finds a place.
    fn recreate(&mut self) -> bool {
        let field = self.draft.field;
        let absent = self.absent();
        let centre = self.removed.first().copied().unwrap_or(0);
        let by = self.dice.below(12);
        let first = if absent.is_empty() { 0 } else { self.dice.below(4) };
        self.order.clear();
        for &visit in self.removed.iter().chain(&absent) {
            let task = &field.tasks[visit as usize];
            let key = match by {
                0..=3 => self.dice.below(1 << 30) as i64,
                4 | 5 => -task.duration_s,
                6 | 7 => -field.apart_s(centre, visit),
                8 => field.apart_s(centre, visit),
                9 => task.starts.last - task.starts.first,
                10 => task.starts.first,
                _ => -task.starts.last,
            };
            self.order.push((key, visit));
        }
        self.order.sort_unstable();
        match first {
            1 => self.order.sort_by_key(|(_, visit)| -field.weights[*visit as usize]),
            // What is worth most for the time that it takes.
            2 => self.order.sort_by_key(|(_, visit)| {
                let takes_s = field.tasks[*visit as usize].duration_s + ABOUT_A_DRIVE_S;
                -(field.weights[*visit as usize] << 20) / takes_s
            }),
            3 => self.order.sort_by_key(|(_, visit)| !absent.contains(visit)),
            _ => {}
        }
        if !field.ties.is_empty() {
            // What others wait for goes first.
            self.order.sort_by_key(|(_, visit)| field.ties.get(visit).map_or(0, |tie| tie.depth));
        }
        for entry in 0..self.order.len() {
            let visit = self.order[entry].1;
            if field.ties.contains_key(&visit) {
                if let Some(together) = self.draft.cheapest_together(visit) {
                    self.draft.insert_together(visit, &together);
                }
                continue;
            }
            let is_absent = absent.contains(&visit);
            let place = if is_absent {
                // Elsewhere nothing has changed since it was found not to fit.
                let touched = &self.cut;
                let able = field.able[visit as usize].iter().copied();
                self.draft.cheapest(visit, able.filter(|able| touched.contains(&(able.duty as usize))))
            } else {
                // A detour from far away is hardly ever the least, so most of the time only those who are near are asked.
                let is_everywhere = self.dice.once_in(EVERYWHERE);
                self.ask_near(visit);
                let (asked, question, routes) = (&self.asked, self.question, &self.draft.routes);
                let is_far = |able: &Able| {
                    let duty = able.duty as usize;
                    !is_everywhere && asked[duty] != question && !routes[duty].stops.is_empty()
                };
                let blink = &mut self.blink_in;
                let dice = &mut self.dice;
                let able = field.able[visit as usize].iter().copied();
                let near = able.clone().filter(|able: &Able| {
                    if is_far(able) {
                        return false;
                    }
                    *blink -= 1;
                    if *blink == 0 {
                        *blink = 1 + dice.below(2 * BLINK);
                        return false;
                    }
                    true
                });
                self.draft.cheapest(visit, near).or_else(|| self.draft.cheapest(visit, able.filter(is_far)))
            };
            if let Some(place) = place {
                self.draft.insert(visit, place);
            }
        }
        field.ties.is_empty() || self.draft.drop_orphans()
    }

    /// Marks the duties that pass near a visit, and those that have just lost something.
    fn ask_near(&mut self, visit: u32) {
        self.question += 1;
        let near = &self.draft.field.near[visit as usize];
        let passing = near.iter().take(PASSING).filter_map(|other| self.draft.duty_of(*other));
        for duty in passing.chain(self.cut.iter().copied()) {
            self.asked[duty] = self.question;
        }
    }

    /// Some of those without a place, who may find one where others have left.
    fn absent(&mut self) -> Vec<u32> {
        let removed = &self.removed;
        let mut absent: Vec<u32> =
            self.draft.waiting().iter().copied().filter(|visit| !removed.contains(visit)).collect();
        if absent.len() > MOST_ABSENT {
            for place in 0..MOST_ABSENT {
                let other = place + self.dice.below(absent.len() - place);
                absent.swap(place, other);
            }
            absent.truncate(MOST_ABSENT);
        }
        absent
    }
}

/// What a search goes by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub drop_cost: i64,
    pub hottest: f64,
}

/// The best plan met, as copies of its routes; copied only where it changed since the last one.
struct Best {
    score: PlanScore,
    routes: Vec<Route>,
    /// Whether the draft's route may differ from the copy.
    is_stale: Vec<bool>,
}

impl Best {
    fn new(draft: &Draft<'_>) -> Self {
        Self { score: draft.score(), routes: draft.routes.clone(), is_stale: vec![false; draft.routes.len()] }
    }

    fn keep(&mut self, draft: &Draft<'_>) {
        draft.touched().for_each(|duty| self.is_stale[duty] = true);
        if draft.score() < self.score {
            self.score = draft.score();
            for (duty, is_stale) in self.is_stale.iter_mut().enumerate() {
                if std::mem::take(is_stale) {
                    self.routes[duty].clone_from(&draft.routes[duty]);
                }
            }
        }
    }
}

/// Rounds between two looks at the clock.
pub(super) const LOOK_UP: u64 = 64;
/// How cold the end is, measured by the beginning.
const COLDEST: f64 = 0.005;
/// How many visits leave their routes in a round, on average, and how long a string is at most.
const MEAN_REMOVED: f64 = 10.0;
const LONGEST_STRING: f64 = 10.0;
/// Among how many of the nearest a place is made for a visit without one.
const NEAREST: usize = 12;
/// So that a visit of no length is not worth everything.
const ABOUT_A_DRIVE_S: i64 = 300;
/// Visits without a place that are tried again in a round.
const MOST_ABSENT: usize = 20;
/// Whose duties are asked first whether they have a place for a visit: so many of the nearest visits'. Once in how many
/// times all are.
const PASSING: usize = 40;
const EVERYWHERE: usize = 16;
/// How many exchanges of tails are looked at in a round, and among how many of the nearest a partner is sought.
const TAILS: usize = 4;
const TAIL_NEAREST: usize = 20;
/// Once in how many times a possible duty is overlooked.
const BLINK: usize = 60;
