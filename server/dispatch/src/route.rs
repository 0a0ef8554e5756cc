//! A route: what an engineer does in one duty, in order, with its times; and the test whether one visit more fits.
//!
//! Two passes keep the test short. Forwards, every stop knows when it can be left at the earliest; backwards, when it
//! must have begun at the latest for all behind it to be possible; both for each number of rests already taken. A visit
//! fits between two stops if and only if it can be reached, done, and the next stop reached by its latest start.
//! Commitments never move: they are anchors, and what conflicts between them already is not made worse.

use crate::atlas::{Atlas, Drives};
use crate::board::Board;
use crate::duty::Duty;
use crate::engineer::Engineer;
use crate::place::Place;
use crate::policy::Policy;
use crate::rest::{NEVER, TOO_LATE};
use crate::travel::Travel;
use crate::visit::{Priority, Published, Starts, Task, VisitIndex};

mod insertion;
mod stretch;
mod tails;
mod times;

/// What is done at a stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Job {
    /// One of the engineer's commitments, by its position in [`crate::Engineer::commitments`].
    Commitment(u32),
    Visit(VisitIndex),
}

#[derive(Clone, Debug)]
pub(crate) struct Stop {
    pub job: Job,
    /// Where it is on the atlas.
    pub node: u32,
    pub duration_s: i64,
    load: i64,
    pub priority: Priority,
    /// When it should have ended by its SLA; [`NEVER`] without one.
    pub due: i64,
    starts: Starts,
    published: Option<Published>,
    /// By when it must have ended because of a certificate.
    deadline: i64,
    /// What speaks against it here whenever it takes place, in seconds-equivalents.
    bias_s: i64,
    /// Whether it is left as it is, although it is a visit.
    pub is_held: bool,
    pub arrive: i64,
    pub start: i64,
    pub end: i64,
}

#[derive(Debug, Default)]
pub(crate) struct Route {
    pub stops: Vec<Stop>,
    /// Where the duty begins, each stop, and where the duty ends if that is fixed: what most tests only look at.
    nodes: Vec<u32>,
    /// The drive to each stop, and then home, at the engineer's usual speed; [`NEVER`] where no road is known.
    drives: Vec<i64>,
    /// When the start, and then each stop, can be left at the earliest: a row for each, with an entry for each number
    /// of rests taken; [`NEVER`] if that cannot be.
    ready: Vec<i64>,
    /// When each stop, and then the end, must be begun at the latest, with so many rests taken before.
    latest: Vec<i64>,
    /// When the last work is done and the engineer where the duty ends.
    pub finish: i64,
    pub busy_s: i64,
    /// All drives, at the hours at which they are driven.
    pub travel_s: i64,
    load: i64,
    has_due: bool,
    /// Whether a commitment is on it, which nothing may move, or an appointment that keeps its time if it can.
    is_anchored: bool,
}

/// Where one visit more would go in a route, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Insertion {
    pub position: usize,
    pub arrive: i64,
    pub start: i64,
    pub end: i64,
    pub drive_s: i64,
    pub detour_s: i64,
    /// What is later than its SLA because of it, itself included, as a cost of the policy.
    pub late_cost: i64,
}

/// The drives to a visit and on from it, and by how much all driving grows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Detour {
    into_s: i64,
    onto_s: i64,
    pub longer_s: i64,
}

/// A drive from one stop to the next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Leg {
    pub from: Place,
    pub to: Option<Place>,
    /// When it can be begun at the earliest, and must be over at the latest.
    pub departs: i64,
    pub reached_by: i64,
}

/// What a route adds to the levels of a [`crate::PlanScore`].
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RouteCost {
    pub lateness_s: i64,
    pub travel_s: i64,
    pub balance_s: i64,
}

/// What a route's times depend on besides the route.
#[derive(Clone, Copy)]
pub(crate) struct Ground<'a> {
    pub duty: &'a Duty,
    pub atlas: &'a Atlas,
    pub travel: &'a Travel,
}

/// A visit that wants a place, with what is the same for every place.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub task: &'a Task,
    /// The drives there and on, if they have been worked out.
    pub drives: Option<Drives<'a>>,
    /// By when it must have ended because of the engineer's certificates.
    pub deadline: i64,
    /// What speaks against the engineer whenever it takes place, in seconds-equivalents.
    pub bias_s: i64,
}

impl Route {
    /// The route of what is booked during a duty; `node` says where on the atlas a commitment is.
    pub fn booked(ground: Ground<'_>, engineer: &Engineer, node: impl Fn(u32) -> u32) -> Route {
        let hours = &ground.duty.hours;
        let mut route = Route::default();
        for (number, commitment) in (0..).zip(&engineer.commitments) {
            let (start, end) = (commitment.interval.start(), commitment.interval.end());
            if start < hours.closes && end > hours.opens {
                route.stops.push(Stop {
                    job: Job::Commitment(number),
                    node: node(number),
                    duration_s: end - start,
                    load: 0,
                    priority: commitment.priority,
                    due: NEVER,
                    starts: Starts::at(start),
                    published: None,
                    deadline: NEVER,
                    bias_s: 0,
                    is_held: false,
                    arrive: start,
                    start,
                    end,
                });
            }
        }
        route.stops.sort_by_key(|stop| (stop.start, stop.end));
        route.measure(ground);
        // Commitments alone are never refused: they are what they are.
        let _ = route.refresh(ground);
        route
    }

    /// A route with nothing on it.
    pub fn unbooked(ground: Ground<'_>) -> Route {
        let mut route = Route::default();
        route.measure(ground);
        let _ = route.refresh(ground);
        route
    }

    /// The same stops at other hours; `None` if they cannot be done then.
    pub fn again(&self, ground: Ground<'_>) -> Option<Route> {
        let mut route = self.clone();
        let is_feasible = route.refresh(ground) || !route.stops.iter().any(|stop| matches!(stop.job, Job::Visit(_)));
        is_feasible.then_some(route)
    }

    /// When the route would be finished with a visit more, where it fits.
    pub fn finish_with(&self, ground: Ground<'_>, wanted: Wanted<'_>, position: usize) -> Option<i64> {
        let mut route = self.clone();
        let stop = Stop::of(VisitIndex(u32::MAX), ground.duty.from_node, wanted);
        let Detour { into_s, onto_s, .. } = self.detour(ground, wanted, position)?;
        route.stops.insert(position, stop);
        route.nodes.insert(position + 1, ground.duty.from_node);
        route.drives[position] = into_s;
        route.drives.insert(position + 1, onto_s);
        route.refresh(ground).then_some(route.finish)
    }

    /// Puts a visit where [`Route::try_insert`] said that it fits.
    pub fn insert(&mut self, ground: Ground<'_>, visit: VisitIndex, wanted: Wanted<'_>, node: u32, position: usize) {
        let stop = Stop::of(visit, node, wanted);
        self.is_anchored |= stop.promised(ground.duty).is_some();
        self.stops.insert(position, stop);
        self.nodes.insert(position + 1, node);
        self.drives.insert(position, 0);
        self.measure_leg(ground, position);
        self.measure_leg(ground, position + 1);
        let is_feasible =
            if self.is_plain(ground) { self.refresh_around(ground, position) } else { self.refresh(ground) };
        debug_assert!(is_feasible, "a visit was inserted where it does not fit");
    }

    /// Takes out the stops that are `unwanted`. False if what is left cannot be done any more, as happens where a
    /// travel table knows a quicker way through a third place, or none without it; the route is then of no use.
    #[must_use]
    pub fn remove(&mut self, ground: Ground<'_>, unwanted: impl Fn(&Stop) -> bool) -> bool {
        if self.is_plain(ground) {
            return self.remove_plainly(ground, unwanted);
        }
        self.stops.retain(|stop| !unwanted(stop));
        self.measure(ground);
        self.refresh(ground)
    }

    /// The legs driven; the last one is open where the duty may end anywhere.
    pub fn legs<'a>(&'a self, ground: Ground<'a>) -> impl Iterator<Item = Leg> + 'a {
        let places = &ground.atlas.places;
        let width = ground.duty.hours.rests.len() + 1;
        (0..=self.stops.len()).map(move |position| {
            let place = |node: u32| places[node as usize];
            let ready = self.ready[position * width..][..width].iter().copied().min();
            let latest = self.latest[position * width..][..width].iter().copied().max();
            Leg {
                from: place(self.nodes[position]),
                to: self.nodes.get(position + 1).copied().map(place),
                departs: ready.unwrap_or(NEVER),
                reached_by: latest.unwrap_or(TOO_LATE),
            }
        })
    }

    /// The same route with its places numbered otherwise; `node` also says which visits are to be left as they are.
    pub fn moved_to(&self, duty: &Duty, mut node: impl FnMut(&Stop) -> (u32, bool)) -> Route {
        let mut route = self.clone();
        route.stops.iter_mut().for_each(|stop| (stop.node, stop.is_held) = node(stop));
        route.nodes.clear();
        route.nodes.push(duty.from_node);
        route.nodes.extend(route.stops.iter().map(|stop| stop.node));
        route.nodes.extend(duty.to_node);
        route
    }

    /// What the route costs by the policy.
    pub fn cost(&self, duty: &Duty, board: &Board, policy: &Policy) -> RouteCost {
        let mut cost = RouteCost { travel_s: self.travel_s, ..RouteCost::default() };
        let mut has_visit = false;
        for stop in &self.stops {
            if stop.due < stop.end {
                cost.lateness_s += policy.late_cost(stop.priority, stop.end - stop.due);
            }
            let Job::Visit(index) = stop.job else { continue };
            has_visit = true;
            let wait_s = stop.start - stop.starts.first(board.now());
            cost.balance_s += policy.wait_cost(stop.priority, wait_s) + stop.bias_s;
            if board.has_published {
                cost.travel_s += policy.change_cost(board.visit(index), duty.engineer, stop.start);
            }
        }
        // Overtime that is booked already is nothing that a plan could do about.
        if has_visit {
            cost.travel_s += policy.overtime_cost((self.finish - duty.regular_end).max(0));
        }
        cost.balance_s += policy.load_cost(0, self.busy_s + duty.forecast_s, duty.capacity_s);
        cost
    }

    /// Looks up all drives.
    fn measure(&mut self, ground: Ground<'_>) {
        self.nodes.clear();
        self.nodes.push(ground.duty.from_node);
        self.nodes.extend(self.stops.iter().map(|stop| stop.node));
        self.nodes.extend(ground.duty.to_node);
        self.drives.clear();
        self.drives.resize(self.stops.len() + 1, 0);
        (0..=self.stops.len()).for_each(|position| self.measure_leg(ground, position));
    }

    /// Looks up the drive to the stop at `position`, or home after the last one.
    fn measure_leg(&mut self, ground: Ground<'_>, position: usize) {
        let next = self.nodes.get(position + 1);
        self.drives[position] = next.map_or(0, |next| ground.drive(self.nodes[position], *next));
    }
}

impl Clone for Route {
    fn clone(&self) -> Self {
        let mut copy = Self::default();
        copy.clone_from(self);
        copy
    }

    /// Into the room that is there: a search copies routes more often than anything else.
    fn clone_from(&mut self, from: &Self) {
        self.stops.clone_from(&from.stops);
        self.nodes.clone_from(&from.nodes);
        self.drives.clone_from(&from.drives);
        self.ready.clone_from(&from.ready);
        self.latest.clone_from(&from.latest);
        let Self { finish, busy_s, travel_s, load, has_due, is_anchored, .. } = *from;
        (self.finish, self.busy_s, self.travel_s, self.load) = (finish, busy_s, travel_s, load);
        (self.has_due, self.is_anchored) = (has_due, is_anchored);
    }
}

impl Stop {
    /// A visit on a route whose times are still to be found.
    fn of(visit: VisitIndex, node: u32, wanted: Wanted<'_>) -> Stop {
        let Task { duration_s, load, ref starts, priority, due, published, .. } = *wanted.task;
        Stop {
            job: Job::Visit(visit),
            node,
            duration_s,
            load,
            priority,
            due,
            starts: starts.clone(),
            published,
            deadline: wanted.deadline,
            bias_s: wanted.bias_s,
            is_held: false,
            arrive: 0,
            start: 0,
            end: 0,
        }
    }

    /// Whether it is a visit that may be taken out.
    pub fn is_visit(&self) -> bool {
        matches!(self.job, Job::Visit(_)) && !self.is_held
    }

    /// When this engineer is expected there, if it is published that it is he who comes.
    fn promised(&self, duty: &Duty) -> Option<i64> {
        self.published.filter(|published| published.engineer == duty.engineer).map(|published| published.start)
    }

    fn first_start(&self, arrive: i64) -> i64 {
        let start = self.starts.first(arrive);
        if start + self.duration_s > self.deadline { NEVER } else { start }
    }
}

impl Ground<'_> {
    pub fn drive(&self, from: u32, to: u32) -> i64 {
        self.atlas.seconds(self.travel, self.duty.pace, from, to)
    }

    fn drive_to(&self, from: u32, wanted: Wanted<'_>) -> i64 {
        match wanted.drives {
            Some(drives) => drives.from(from),
            None => self.between(self.atlas.places[from as usize], wanted.task.place),
        }
    }

    fn drive_from(&self, wanted: Wanted<'_>, to: u32) -> i64 {
        match wanted.drives {
            Some(drives) => drives.to(to),
            None => self.between(wanted.task.place, self.atlas.places[to as usize]),
        }
    }

    fn between(&self, from: Place, to: Place) -> i64 {
        self.travel.seconds(from, to, self.duty.speed_mps).unwrap_or(NEVER)
    }
}
