//! Whether one visit more fits into a route, where, and what that costs. There is no other test.

use std::ops::Range;

use super::{Detour, Ground, Insertion, Job, Route, Stop, Wanted};
use crate::duty::Duty;
use crate::policy::Policy;
use crate::rest::NEVER;
use crate::visit::Task;

/// How a visit would go between two stops.
struct Fit {
    start: i64,
    arrive: i64,
    /// When one would be at the next stop.
    reached: i64,
    /// When one sets out, and which rests are taken on the drive there.
    departs: i64,
    taken: Range<usize>,
}

impl Route {
    /// How far a visit before the stop at `position` would lead off the way: the drive there, and by how much all
    /// driving grows. `None` where no road is known.
    pub fn detour(&self, ground: Ground<'_>, wanted: Wanted<'_>, position: usize) -> Option<Detour> {
        let into_s = ground.drive_to(self.nodes[position], wanted);
        let onto_s = self.nodes.get(position + 1).map_or(0, |next| ground.drive_from(wanted, *next));
        let old_s = self.drives[position];
        let longer_s = into_s + onto_s - if old_s == NEVER { 0 } else { old_s };
        (into_s < NEVER && onto_s < NEVER).then_some(Detour { into_s, onto_s, longer_s })
    }

    /// Whether the van has room for it, whatever the time.
    pub fn has_room(&self, duty: &Duty, task: &Task) -> bool {
        task.load <= duty.room - self.load
    }

    /// Whether a visit fits before the stop at `position`, and what that would mean.
    pub fn try_insert(
        &self,
        ground: Ground<'_>,
        wanted: Wanted<'_>,
        position: usize,
        policy: &Policy,
    ) -> Option<Insertion> {
        if !self.has_room(ground.duty, wanted.task) {
            return None;
        }
        self.fit(ground, wanted, position, self.detour(ground, wanted, position)?, policy)
    }

    /// [`Route::try_insert`] when the drives are known and there is room.
    pub fn fit(
        &self,
        ground: Ground<'_>,
        wanted: Wanted<'_>,
        position: usize,
        Detour { into_s, onto_s, longer_s: detour_s }: Detour,
        policy: &Policy,
    ) -> Option<Insertion> {
        let (task, hours) = (wanted.task, &ground.duty.hours);
        let (traffic, rests) = (&hours.traffic, &hours.rests);
        let width = rests.len() + 1;
        let ready = &self.ready[position * width..][..width];
        let latest = &self.latest[position * width..][..width];
        let (soonest, last) = (ready.iter().min()?, latest.iter().max()?);
        let arrive = traffic.reach(*soonest, into_s);
        if arrive > *last {
            return None;
        }
        let mut best: Option<Fit> = None;
        if rests.is_empty() {
            let start = task.starts.first(arrive);
            let reached = traffic.reach(start + task.duration_s, onto_s);
            let is_in_time = start + task.duration_s <= wanted.deadline.min(NEVER) && reached <= *last;
            best = is_in_time.then_some(Fit { start, arrive, reached, departs: *soonest, taken: 0..0 });
        }
        // With rests to be taken, every place for them counts.
        let several = if rests.is_empty() { &[][..] } else { ready };
        for (before, departs) in several.iter().enumerate() {
            for between in before..width {
                let arrive = hours.reach(*departs, into_s, before..between);
                let start = task.starts.first(arrive);
                let end = start + task.duration_s;
                if end > wanted.deadline.min(NEVER) {
                    continue;
                }
                for (after, latest) in latest.iter().enumerate().skip(between) {
                    let reached = hours.reach(end, onto_s, between..after);
                    let is_better = best.as_ref().is_none_or(|best| (start, reached) < (best.start, best.reached));
                    if reached <= *latest && is_better {
                        best = Some(Fit { start, arrive, reached, departs: *departs, taken: before..between });
                    }
                }
            }
        }
        let Fit { start, arrive, reached, departs, taken } = best?;
        let drive_s = hours.at_the_wheel(departs, into_s, taken);
        let end = start + task.duration_s;
        let mut late_cost = if task.due < end { policy.late_cost(task.priority, task.late_s(end)) } else { 0 };
        if self.has_due && self.stops.get(position).is_some_and(|next| reached > next.arrive) {
            late_cost += self.added_late_cost(ground, position, reached, policy);
        }
        Some(Insertion { position, arrive, start, end, drive_s, detour_s, late_cost })
    }

    /// The cheapest position for a visit, for less than `limit`, and what it costs there: the detour, a second of which
    /// costs `rate` thousandths, and being late, a second-equivalent of which costs `late_rate`.
    ///
    /// This is where a plan spends its time. The cheap questions come first: whether it is too early or too late for
    /// the visit here at all, then how far it is, and only then whether it fits.
    pub fn cheapest(
        &self,
        ground: Ground<'_>,
        wanted: Wanted<'_>,
        policy: &Policy,
        (rate, late_rate): (i64, i64),
        mut limit: i64,
    ) -> Option<(usize, i64)> {
        let width = ground.duty.hours.rests.len() + 1;
        let (first_end, last_start) = (wanted.task.starts.first + wanted.task.duration_s, wanted.task.starts.last);
        let mut best = None;
        // Both times only grow along a route, so what is too early on a plain one need not be gone through.
        let skipped = if self.is_plain(ground) { self.latest.partition_point(|latest| *latest < first_end) } else { 0 };
        for (position, (ready, latest)) in
            self.ready.chunks_exact(width).zip(self.latest.chunks_exact(width)).enumerate().skip(skipped)
        {
            let (soonest, last) = match (ready, latest) {
                ([ready], [latest]) => (*ready, *latest),
                _ => (ready.iter().copied().min()?, latest.iter().copied().max()?),
            };
            if soonest > last_start {
                break;
            }
            if last < first_end {
                continue;
            }
            let Some(detour) = self.detour(ground, wanted, position) else { continue };
            let cost = detour.longer_s * rate / 1000 + wanted.bias_s;
            if cost >= limit || ground.duty.hours.traffic.reach(soonest, detour.into_s) > last {
                continue;
            }
            let Some(found) = self.fit(ground, wanted, position, detour, policy) else { continue };
            let cost = cost + found.late_cost * late_rate;
            if cost < limit {
                limit = cost;
                best = Some((position, cost));
            }
        }
        best
    }

    /// Whether nothing that can only start by `last_start` fits at this position or behind it.
    pub fn is_past(&self, ground: Ground<'_>, position: usize, last_start: i64) -> bool {
        let width = ground.duty.hours.rests.len() + 1;
        self.ready[position * width..][..width].iter().all(|ready| *ready > last_start)
    }

    /// The insertion that would have led to the visit at `position`, for one that cannot be taken out again. What it
    /// does to the lateness of others is not in it.
    pub fn inserted(&self, ground: Ground<'_>, position: usize, policy: &Policy) -> Option<Insertion> {
        let Stop { arrive, start, end, priority, due, .. } = *self.stops.get(position)?;
        let (into_s, on_s) = (self.drives[position], self.drives[position + 1]);
        let next = self.nodes.get(position + 2);
        let straight_s = next.map_or(0, |next| ground.drive(self.nodes[position], *next));
        let straight_s = if straight_s == NEVER { 0 } else { straight_s };
        let late_cost = policy.late_cost(priority, (end - due).max(0));
        let detour_s = into_s + on_s - straight_s;
        let drive_s = self.driven(ground).nth(position)??;
        (on_s < NEVER).then_some(Insertion { position, arrive, start, end, drive_s, detour_s, late_cost })
    }

    /// What it costs in lateness that the stop at `position` is only reached at `reached`.
    fn added_late_cost(&self, ground: Ground<'_>, position: usize, reached: i64, policy: &Policy) -> i64 {
        let (mut reached, mut cost) = (reached, 0);
        for (at, stop) in self.stops.iter().enumerate().skip(position) {
            let start = stop.first_start(reached);
            let end = start + stop.duration_s;
            if matches!(stop.job, Job::Commitment(_)) || start >= NEVER || end <= stop.end {
                break;
            }
            let late = |end: i64| policy.late_cost(stop.priority, (end - stop.due).max(0));
            cost += late(end) - late(stop.end);
            let Some(next) = self.stops.get(at + 1).filter(|_| self.drives[at + 1] < NEVER) else { break };
            let hours = &ground.duty.hours;
            reached = hours.traffic.reach(end, self.drives[at + 1]);
            if !hours.rests.is_empty() {
                // A rest that lies between them stays there: how long the way took so far, it takes again.
                reached = reached.max(end + next.arrive - stop.end);
            }
        }
        cost
    }
}
