//! The times of a route: what follows from its stops, their order and the drives between them.

use super::{Ground, Job, Route, Stop};
use crate::rest::{NEVER, TOO_LATE};

impl Route {
    /// Everything that follows from the stops and the drives. False if the visits on it cannot all be done.
    pub(super) fn refresh(&mut self, ground: Ground<'_>) -> bool {
        self.travel_s = self.drives.iter().filter(|drive_s| **drive_s < NEVER).sum();
        self.busy_s = self.stops.iter().map(|stop| stop.duration_s).sum();
        self.load = self.stops.iter().map(|stop| stop.load).sum();
        self.has_due = self.stops.iter().any(|stop| stop.due < NEVER);
        let is_anchor = |stop: &Stop| matches!(stop.job, Job::Commitment(_)) || stop.promised(ground.duty).is_some();
        self.is_anchored = self.stops.iter().any(is_anchor);
        if self.is_plain(ground) && !self.stops.is_empty() {
            return self.refresh_plainly(ground);
        }
        self.look_ahead(ground) && self.look_back(ground) && self.settle_times(ground)
    }

    /// When each stop can be left at the earliest.
    pub(super) fn look_ahead(&mut self, ground: Ground<'_>) -> bool {
        let hours = &ground.duty.hours;
        let width = hours.rests.len() + 1;
        self.ready.clear();
        self.ready.resize((self.stops.len() + 1) * width, NEVER);
        self.ready[0] = hours.opens;
        for (position, stop) in self.stops.iter().enumerate() {
            let (before, here) = self.ready[position * width..][..2 * width].split_at_mut(width);
            for (taken, departs) in before.iter().enumerate().filter(|(_, departs)| **departs < NEVER) {
                for (after, ready) in here.iter_mut().enumerate().skip(taken) {
                    let start = stop.first_start(hours.reach(*departs, self.drives[position], taken..after));
                    *ready = (*ready).min((start + stop.duration_s).min(NEVER));
                }
            }
            // Whoever leaves after the last moment of the next rest has missed it.
            for (ready, next) in here.iter_mut().zip(&hours.rests) {
                if *ready > next.latest {
                    *ready = NEVER;
                }
            }
            if here.iter().all(|departs| *departs == NEVER) {
                if matches!(stop.job, Job::Visit(_)) {
                    return false;
                }
                // It is booked, so somebody means to be there all the same; by then the rests before it are over.
                for (taken, departs) in before.iter().enumerate().filter(|(_, departs)| **departs < NEVER) {
                    let departs = stop.end.max(*departs);
                    let begun = hours.rests.iter().take_while(|rest| rest.latest < departs).count();
                    let ready = &mut here[taken.max(begun)];
                    *ready = departs.min(*ready);
                }
            }
        }
        true
    }

    /// When each stop must have begun at the latest.
    pub(super) fn look_back(&mut self, ground: Ground<'_>) -> bool {
        let hours = &ground.duty.hours;
        let width = hours.rests.len() + 1;
        let end = self.stops.len() * width;
        self.latest.clear();
        self.latest.resize(end + width, TOO_LATE);
        (0..width).for_each(|taken| self.latest[end + taken] = hours.done_by(taken));
        for (position, stop) in self.stops.iter().enumerate().rev() {
            let onto_s = self.drives[position + 1];
            let (here, next) = self.latest[position * width..][..2 * width].split_at_mut(width);
            let ready = &self.ready[(position + 1) * width..][..width];
            for taken in (0..width).filter(|taken| ready[*taken] < NEVER) {
                let by = (taken..width).map(|after| hours.leave(next[after], onto_s, taken..after)).max();
                let by = by.unwrap_or(TOO_LATE).min(stop.deadline);
                // A commitment may be left later than it ends: by somebody who was still elsewhere then.
                if by >= ready[taken] {
                    here[taken] = stop.starts.last(by - stop.duration_s);
                }
            }
            if here.iter().all(|latest| *latest == TOO_LATE) {
                if matches!(stop.job, Job::Visit(_)) {
                    return false;
                }
                // Nobody gets from it to what comes next in time. What is planned behind that has to be possible still.
                let onward = self.ready.get((position + 2) * width..(position + 3) * width);
                let goes_on = |taken: usize| onward.is_none_or(|onward| next[rested(onward, taken)] > TOO_LATE);
                let is_possible = (0..width).any(|taken| ready[taken] < NEVER && goes_on(taken));
                if !is_possible && self.stops[position..].iter().any(|stop| matches!(stop.job, Job::Visit(_))) {
                    return false;
                }
                for taken in (0..width).filter(|taken| ready[*taken] < NEVER && (goes_on(*taken) || !is_possible)) {
                    here[taken] = stop.start;
                }
            }
        }
        true
    }

    /// Chooses among what is possible: everything as early as can be, but what has been promised not before its time, if
    /// the others can wait for it; and a rest rather sooner than later.
    pub(super) fn settle_times(&mut self, ground: Ground<'_>) -> bool {
        let hours = &ground.duty.hours;
        let width = hours.rests.len() + 1;
        let (mut taken, mut departs) = (0, hours.opens);
        for (position, stop) in self.stops.iter_mut().enumerate() {
            let latest = &self.latest[position * width..][..width];
            let mut chosen: Option<(i64, i64, usize)> = None;
            for (after, latest) in latest.iter().enumerate().skip(taken) {
                let arrive = hours.reach(departs, self.drives[position], taken..after);
                let (first, promised) = (stop.first_start(arrive), stop.promised(ground.duty));
                let kept = promised.map(|promised| stop.first_start(arrive.max(promised)));
                let start = kept.filter(|start| start <= latest).unwrap_or(first);
                if start <= *latest && chosen.is_none_or(|(kept, ..)| start <= kept) {
                    chosen = Some((start, arrive, after));
                }
            }
            match chosen {
                Some((start, arrive, after)) => {
                    (stop.start, stop.arrive, taken) = (start, arrive, after);
                    stop.end = start + stop.duration_s;
                    departs = stop.end;
                }
                None if matches!(stop.job, Job::Visit(_)) => return false,
                None => {
                    let drive_s = self.drives[position];
                    stop.arrive = if drive_s < NEVER { hours.traffic.reach(departs, drive_s) } else { stop.start };
                    departs = departs.max(stop.end);
                    taken = rested(&self.ready[(position + 1) * width..][..width], taken);
                }
            }
        }
        let home =
            (taken..width).map(|after| (after, hours.reach(departs, self.drives[self.stops.len()], taken..after)));
        let in_time =
            home.filter(|(after, reached)| *reached <= hours.done_by(*after)).map(|(_, reached)| reached).min();
        let is_last_a_visit = self.stops.last().is_some_and(|stop| matches!(stop.job, Job::Visit(_)));
        self.finish = in_time.unwrap_or(departs);
        self.settle_travel(ground);
        in_time.is_some() || !is_last_a_visit
    }

    /// How long the drive to each stop takes, and then the one home, at the hour at which it is driven; `None` where no
    /// road is known.
    pub fn driven(&self, ground: Ground<'_>) -> impl Iterator<Item = Option<i64>> {
        let hours = &ground.duty.hours;
        let width = hours.rests.len() + 1;
        let (mut departs, mut taken) = (hours.opens, 0);
        self.drives.iter().enumerate().map(move |(position, drive_s)| {
            let drive_s = Some(*drive_s).filter(|drive_s| *drive_s < NEVER);
            if hours.traffic.is_even() {
                return drive_s;
            }
            let (from, stop) = (departs, self.stops.get(position));
            departs = stop.map_or(from, |stop| from.max(stop.end));
            let is_in_time = |stop: &Stop, after: usize| {
                stop.arrive <= stop.start && stop.start <= self.latest[position * width + after]
            };
            let is_way = |after: usize| {
                stop.is_none_or(|stop| is_in_time(stop, after))
                    && hours.reach(from, drive_s.unwrap_or(NEVER), taken..after)
                        == stop.map_or(self.finish, |stop| stop.arrive)
            };
            match (taken..width).find(|after| is_way(*after)) {
                Some(after) => drive_s
                    .map(|drive_s| hours.at_the_wheel(from, drive_s, std::mem::replace(&mut taken, after)..after)),
                // Nobody says how one comes from one commitment to the next, but it goes on from there.
                None => {
                    if stop.is_some() {
                        taken = rested(&self.ready[(position + 1) * width..][..width], taken);
                    }
                    drive_s
                }
            }
        })
    }

    /// How long all drives take at their hours, where that differs from what they take at the usual speed.
    pub(super) fn settle_travel(&mut self, ground: Ground<'_>) {
        if !ground.duty.hours.traffic.is_even() {
            self.travel_s = self.driven(ground).flatten().sum();
        }
    }
}

/// How many rests are behind a commitment that is not reached in time: at least as many as before, with which it can be
/// left.
fn rested(ready: &[i64], taken: usize) -> usize {
    (taken..ready.len()).find(|taken| ready[*taken] < NEVER).unwrap_or(taken)
}
