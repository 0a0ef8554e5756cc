//! A route: what an engineer does in one duty, in order, with its times; and the test whether one visit more fits.
//!
//! Two passes keep the test short. Forwards, every stop starts as early as it can. Backwards, every stop knows the
//! latest start that still keeps all behind it feasible. A visit fits between two stops if and only if it can be
//! reached, done, and the next stop reached by its latest start. Commitments never move: they are anchors, and what
//! conflicts between them already is not made worse.

use crate::duty::Duty;
use crate::engineer::Engineer;
use crate::interval::{advance, retreat};
use crate::place::Place;
use crate::policy::{Policy, Score};
use crate::travel::Travel;
use crate::visit::{Priority, Visit, VisitIndex};

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
    pub place: Place,
    pub duration_s: i64,
    pub priority: Priority,
    /// When it should have ended by its SLA; `i64::MAX` without one.
    due: i64,
    /// By when it must have ended because of a certificate.
    deadline: i64,
    /// The drive to it; `None` where no road is known.
    pub drive_s: Option<i64>,
    pub arrive: i64,
    pub start: i64,
    pub end: i64,
    /// When the engineer can leave for the next stop; after `end` only where commitments overlap.
    depart: i64,
    /// The latest start that keeps everything behind feasible.
    latest: i64,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Route {
    pub stops: Vec<Stop>,
    /// The drive from the last stop to where the duty must end.
    home_s: Option<i64>,
    pub busy_s: i64,
    has_due: bool,
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
    late_cost: i64,
}

/// What a route's times depend on besides the route.
#[derive(Clone, Copy)]
pub(crate) struct Ground<'a> {
    pub duty: &'a Duty,
    pub travel: &'a Travel,
    pub visits: &'a [Visit],
}

/// A visit that wants a place, with what is the same for every place.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub visit: &'a Visit,
    /// By when it must have ended because of the engineer's certificates.
    pub deadline: i64,
    /// When it could start at the earliest if engineers were everywhere.
    pub first_start: i64,
    pub last_start: i64,
    pub is_preferred: bool,
}

impl Route {
    /// The route of what is booked during a duty.
    pub fn booked(duty: &Duty, engineer: &Engineer, travel: &Travel) -> Route {
        let mut route = Route::default();
        for (number, commitment) in (0..).zip(&engineer.commitments) {
            let (start, end) = (commitment.interval.start(), commitment.interval.end());
            if start < duty.closes && end > duty.opens {
                route.stops.push(Stop {
                    job: Job::Commitment(number),
                    place: commitment.place,
                    duration_s: end - start,
                    priority: commitment.priority,
                    due: i64::MAX,
                    deadline: i64::MAX,
                    drive_s: None,
                    arrive: start,
                    start,
                    end,
                    depart: end,
                    latest: start,
                });
            }
        }
        route.stops.sort_by_key(|stop| (stop.start, stop.end));
        let ground = Ground { duty, travel, visits: &[] };
        (0..=route.stops.len()).for_each(|position| route.measure(ground, position));
        // Commitments alone are never refused: they are what they are.
        let _ = route.refresh(ground);
        route
    }

    /// A route with nothing on it.
    pub fn unbooked(ground: Ground<'_>) -> Route {
        let mut route = Route::default();
        route.measure(ground, 0);
        route
    }

    /// The cheapest place for a visit: by the total of its score, then the earlier start, then the earlier position.
    pub fn best_insertion(
        &self,
        ground: Ground<'_>,
        wanted: Wanted<'_>,
        policy: &Policy,
    ) -> Option<(Score, Insertion)> {
        let mut best: Option<(Score, Insertion)> = None;
        for position in 0..=self.stops.len() {
            if self.leaves(ground.duty, position).1 > wanted.last_start {
                break;
            }
            let Some(insertion) = self.try_insert(ground, wanted, position, policy) else { continue };
            let score = self.score(ground.duty, wanted, &insertion, policy);
            let is_better =
                best.as_ref().is_none_or(|(kept, at)| (score.total_s(), insertion.start) < (kept.total_s(), at.start));
            if is_better {
                best = Some((score, insertion));
            }
        }
        best
    }

    /// Whether a visit fits before the stop at `position`, and what that would mean.
    pub fn try_insert(
        &self,
        ground: Ground<'_>,
        wanted: Wanted<'_>,
        position: usize,
        policy: &Policy,
    ) -> Option<Insertion> {
        let (duty, visit) = (ground.duty, wanted.visit);
        let next = self.stops.get(position);
        if next.is_some_and(|next| next.latest < wanted.first_start.saturating_add(i64::from(visit.duration_s))) {
            return None;
        }
        let (from, depart) = self.leaves(duty, position);
        let drive_s = ground.travel.seconds(from, visit.place, duty.speed_mps)?;
        let arrive = advance(depart, drive_s, &duty.blocked);
        let start = duty.earliest_start(visit, arrive, wanted.deadline, &duty.blocked)?;
        let end = start + i64::from(visit.duration_s);
        let (to, by, old_s) = match next {
            Some(next) => (Some(next.place), next.latest, next.drive_s),
            None => (duty.to, duty.closes, self.home_s),
        };
        let on_s = to.map_or(Some(0), |to| ground.travel.seconds(visit.place, to, duty.speed_mps))?;
        let reached = advance(end, on_s, &duty.blocked);
        if reached > by {
            return None;
        }
        let mut late_cost = policy.late_cost(visit.priority, visit.late_s(end));
        if self.has_due && next.is_some_and(|next| reached > next.arrive) {
            late_cost += self.added_late_cost(ground, position, reached, policy);
        }
        let detour_s = drive_s + on_s - old_s.unwrap_or(0);
        Some(Insertion { position, arrive, start, end, drive_s, detour_s, late_cost })
    }

    /// The insertion that would have led to the visit at `position`, for one that cannot be taken out again. What it
    /// does to the lateness of others is not in it.
    pub fn inserted(&self, ground: Ground<'_>, position: usize, policy: &Policy) -> Option<Insertion> {
        let Stop { arrive, start, end, priority, due, drive_s, .. } = *self.stops.get(position)?;
        let next = self.stops.get(position + 1);
        let seconds = |from, to| ground.travel.seconds(from, to, ground.duty.speed_mps);
        let (to, on_s) = next.map_or((ground.duty.to, self.home_s), |next| (Some(next.place), next.drive_s));
        let from = self.leaves(ground.duty, position).0;
        let straight_s = to.map_or(Some(0), |to| seconds(from, to)).unwrap_or(0);
        let late_cost = policy.late_cost(priority, end.saturating_sub(due).max(0));
        let drive_s = drive_s?;
        Some(Insertion { position, arrive, start, end, drive_s, detour_s: drive_s + on_s? - straight_s, late_cost })
    }

    pub fn score(&self, duty: &Duty, wanted: Wanted<'_>, insertion: &Insertion, policy: &Policy) -> Score {
        let visit = wanted.visit;
        let wait_s = insertion.start - wanted.first_start;
        Score {
            travel_s: policy.travel_cost(insertion.detour_s),
            load_s: policy.load_cost(self.busy_s, i64::from(visit.duration_s), duty.capacity_s),
            urgency_s: policy.wait_cost(visit.priority, wait_s) + insertion.late_cost,
            preference_s: if wanted.is_preferred { -i64::from(policy.preferred_s) } else { 0 },
        }
    }

    /// Puts a visit where [`Route::try_insert`] said that it fits.
    pub fn insert(&mut self, ground: Ground<'_>, index: VisitIndex, deadline: i64, position: usize) {
        let visit = &ground.visits[index.0 as usize];
        self.stops.insert(
            position,
            Stop {
                job: Job::Visit(index),
                place: visit.place,
                duration_s: i64::from(visit.duration_s),
                priority: visit.priority,
                due: visit.due.unwrap_or(i64::MAX),
                deadline,
                drive_s: None,
                arrive: 0,
                start: 0,
                end: 0,
                depart: 0,
                latest: 0,
            },
        );
        self.measure(ground, position);
        self.measure(ground, position + 1);
        let is_feasible = self.refresh(ground);
        debug_assert!(is_feasible, "a visit was inserted where it does not fit");
    }

    /// Takes out the stops that are `unwanted`. False if what is left cannot be done any more, as happens where a
    /// travel table knows a quicker way through a third place, or none without it; the route is then of no use.
    #[must_use]
    pub fn remove(&mut self, ground: Ground<'_>, unwanted: impl Fn(Job) -> bool) -> bool {
        let mut kept = Vec::with_capacity(self.stops.len());
        let mut after_a_gap = Vec::new();
        let mut is_gap = false;
        for stop in self.stops.drain(..) {
            if unwanted(stop.job) {
                is_gap = true;
                continue;
            }
            if std::mem::take(&mut is_gap) {
                after_a_gap.push(kept.len());
            }
            kept.push(stop);
        }
        self.stops = kept;
        if is_gap {
            after_a_gap.push(self.stops.len());
        }
        after_a_gap.into_iter().for_each(|position| self.measure(ground, position));
        self.refresh(ground)
    }

    /// The legs driven: from where, when at the earliest, and where to; the last one is open where the duty may end
    /// anywhere.
    pub fn legs<'a>(&'a self, duty: &'a Duty) -> impl Iterator<Item = (Place, i64, Option<Place>)> + 'a {
        (0..=self.stops.len()).map(|position| {
            let to = self.stops.get(position).map_or(duty.to, |next| Some(next.place));
            let (from, departs) = self.leaves(duty, position);
            (from, departs, to)
        })
    }

    pub fn travel_s(&self) -> i64 {
        let drives: i64 = self.stops.iter().filter_map(|stop| stop.drive_s).sum();
        drives + self.home_s.unwrap_or(0)
    }

    /// From where and when the engineer can leave for the stop at `position`, or for what is put before it.
    fn leaves(&self, duty: &Duty, position: usize) -> (Place, i64) {
        match position.checked_sub(1).map(|before| &self.stops[before]) {
            Some(stop) => (stop.place, stop.depart),
            None => (duty.from, duty.opens),
        }
    }

    /// Looks up the drive to the stop at `position`, or home after the last one.
    fn measure(&mut self, ground: Ground<'_>, position: usize) {
        let from = self.leaves(ground.duty, position).0;
        let drive_s = |to| ground.travel.seconds(from, to, ground.duty.speed_mps);
        match self.stops.get(position).map(|stop| stop.place) {
            Some(place) => self.stops[position].drive_s = drive_s(place),
            None => self.home_s = ground.duty.to.map_or(Some(0), drive_s),
        }
    }

    /// Forwards the earliest times, backwards the latest starts. False if the visits on it cannot all be done.
    fn refresh(&mut self, ground: Ground<'_>) -> bool {
        let Ground { duty, visits, .. } = ground;
        let mut depart = duty.opens;
        let mut is_after_a_visit = false;
        self.busy_s = 0;
        self.has_due = false;
        for stop in &mut self.stops {
            let is_visit = matches!(stop.job, Job::Visit(_));
            if stop.drive_s.is_none() && (is_visit || is_after_a_visit) {
                return false;
            }
            is_after_a_visit = is_visit;
            stop.arrive = stop.drive_s.map_or(stop.start, |drive_s| advance(depart, drive_s, &duty.blocked));
            if let Job::Visit(index) = stop.job {
                let Some(start) = earliest(duty, &visits[index.0 as usize], stop) else { return false };
                stop.start = start;
                stop.end = start + stop.duration_s;
            }
            depart = depart.max(stop.end);
            stop.depart = depart;
            self.busy_s += stop.duration_s;
            self.has_due |= stop.due != i64::MAX;
        }
        if self.home_s.is_none() && is_after_a_visit {
            return false;
        }
        let leave_by = |reach_by, drive_s: Option<i64>| retreat(reach_by, drive_s.unwrap_or(0), &duty.blocked);
        let mut by = leave_by(duty.closes, self.home_s);
        for stop in self.stops.iter_mut().rev() {
            stop.latest = match stop.job {
                Job::Commitment(_) => stop.start,
                Job::Visit(index) => match duty.latest_start(&visits[index.0 as usize], by, stop.deadline) {
                    Some(latest) if latest >= stop.start => latest,
                    _ => return false,
                },
            };
            by = leave_by(stop.latest, stop.drive_s);
        }
        true
    }

    /// What everything on the route that is late costs.
    pub fn late_cost(&self, policy: &Policy) -> i64 {
        let late_s = |stop: &Stop| stop.end.saturating_sub(stop.due).max(0);
        self.stops.iter().map(|stop| policy.late_cost(stop.priority, late_s(stop))).sum()
    }

    /// What it costs in lateness that the stop at `position` is only reached at `reached`.
    fn added_late_cost(&self, ground: Ground<'_>, position: usize, reached: i64, policy: &Policy) -> i64 {
        let (mut reached, mut cost) = (reached, 0);
        for (stop, next) in self.stops[position..].iter().zip(self.stops[position + 1..].iter().map(Some).chain([None]))
        {
            let Job::Visit(index) = stop.job else { break };
            let pushed = Stop { arrive: reached, ..stop.clone() };
            let Some(start) = earliest(ground.duty, &ground.visits[index.0 as usize], &pushed) else { break };
            let end = start + stop.duration_s;
            if end == stop.end {
                break;
            }
            let late = |end: i64| policy.late_cost(stop.priority, end.saturating_sub(stop.due).max(0));
            cost += late(end) - late(stop.end);
            let Some(drive_s) = next.and_then(|next| next.drive_s) else { break };
            reached = advance(end, drive_s, &ground.duty.blocked);
        }
        cost
    }
}

/// When the visit of a stop starts that is reached at its `arrive`.
fn earliest(duty: &Duty, visit: &Visit, stop: &Stop) -> Option<i64> {
    duty.earliest_start(visit, stop.arrive, stop.deadline, &duty.blocked)
}
