//! The times of a route without rests and commitments, brought up to date only as far as a change reaches: forwards
//! until a stop is left when it was left before, backwards until one must begin when it had to before. On a route of
//! fifty stops that is most of the work of a search.

use super::{Ground, Route, Stop};
use crate::rest::NEVER;

impl Route {
    /// Whether its times depend on nothing but the visits and the drives between them.
    pub(super) fn is_plain(&self, ground: Ground<'_>) -> bool {
        !self.is_anchored && ground.duty.hours.rests.is_empty()
    }

    /// All times; there is at least one stop.
    pub(super) fn refresh_plainly(&mut self, ground: Ground<'_>) -> bool {
        let count = self.stops.len();
        self.ready.clear();
        self.ready.resize(count + 1, ground.duty.hours.opens);
        self.latest.clear();
        self.latest.resize(count + 1, ground.duty.hours.closes);
        self.refresh_stretch(ground, 0, count)
    }

    /// The times after a stop has come in at `position`.
    pub(super) fn refresh_around(&mut self, ground: Ground<'_>, position: usize) -> bool {
        if self.stops.len() == 1 {
            return self.refresh(ground);
        }
        let stop = &self.stops[position];
        self.busy_s += stop.duration_s;
        self.load += stop.load;
        self.has_due |= stop.due < NEVER;
        self.ready.insert(position + 1, 0);
        self.latest.insert(position, 0);
        self.travel_s = self.drives.iter().filter(|drive_s| **drive_s < NEVER).sum();
        self.refresh_stretch(ground, position, position + 1)
    }

    /// Takes out the stops that are `unwanted`; false as [`Route::remove`] says.
    pub(super) fn remove_plainly(&mut self, ground: Ground<'_>, unwanted: impl Fn(&Stop) -> bool) -> bool {
        let count = self.stops.len();
        let (mut kept, mut is_gap) = (0, false);
        // The first and the last drive that is another one now.
        let mut changed: Option<(usize, usize)> = None;
        for position in 0..count {
            if unwanted(&self.stops[position]) {
                is_gap = true;
                continue;
            }
            if is_gap {
                changed = Some((changed.map_or(kept, |(first, _)| first), kept));
                is_gap = false;
            }
            self.stops.swap(kept, position);
            self.nodes[kept + 1] = self.nodes[position + 1];
            self.drives[kept] = self.drives[position];
            self.ready[kept + 1] = self.ready[position + 1];
            self.latest[kept] = self.latest[position];
            kept += 1;
        }
        if is_gap {
            changed = Some((changed.map_or(kept, |(first, _)| first), kept));
        }
        let Some((first, last)) = changed else { return true };
        self.stops.truncate(kept);
        self.nodes.drain(kept + 1..count + 1);
        self.drives.truncate(kept + 1);
        self.ready.truncate(kept + 1);
        self.latest[kept] = self.latest[count];
        self.latest.truncate(kept + 1);
        self.drives[kept] = 0;
        (first..=last).for_each(|position| self.measure_leg(ground, position));
        if last < kept {
            self.measure_leg(ground, kept);
        }
        if self.stops.is_empty() {
            return self.refresh(ground);
        }
        self.travel_s = self.drives.iter().filter(|drive_s| **drive_s < NEVER).sum();
        self.busy_s = self.stops.iter().map(|stop| stop.duration_s).sum();
        self.load = self.stops.iter().map(|stop| stop.load).sum();
        self.has_due = self.has_due && self.stops.iter().any(|stop| stop.due < NEVER);
        self.refresh_stretch(ground, first, last)
    }

    /// The times after the drives from the `first` to the `last` have changed; a drive bears the number of the stop to
    /// which it leads. False if the visits cannot all be done.
    fn refresh_stretch(&mut self, ground: Ground<'_>, first: usize, last: usize) -> bool {
        let count = self.stops.len();
        let traffic = &ground.duty.hours.traffic;
        let mut departs = self.ready[first];
        for position in first..count {
            let stop = &mut self.stops[position];
            stop.arrive = traffic.reach(departs, self.drives[position]);
            stop.start = stop.first_start(stop.arrive);
            if stop.start >= NEVER {
                return false;
            }
            stop.end = stop.start + stop.duration_s;
            departs = stop.end;
            let ready = std::mem::replace(&mut self.ready[position + 1], departs);
            if position >= last && ready == departs {
                break;
            }
        }
        self.finish = traffic.reach(self.ready[count], self.drives[count]);
        if self.finish > ground.duty.hours.closes {
            return false;
        }
        let mut next = self.latest[last];
        for position in (0..last).rev() {
            let stop = &self.stops[position];
            let by = traffic.leave(next, self.drives[position + 1]).min(stop.deadline);
            next = stop.starts.last(by - stop.duration_s);
            if next < stop.start {
                return false;
            }
            let latest = std::mem::replace(&mut self.latest[position], next);
            if position < first && latest == next {
                break;
            }
        }
        self.settle_travel(ground);
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::board::Board;
    use crate::engineer::{Engineer, Shift};
    use crate::interval::{Interval, TimeWindow};
    use crate::place::Place;
    use crate::policy::Policy;
    use crate::route::Wanted;
    use crate::traffic::Traffic;
    use crate::traffic::tests::any_traffic;
    use crate::travel::Travel;
    use crate::visit::{Visit, VisitIndex};

    fn any_visit() -> impl Strategy<Value = Visit> {
        let place = (0..30i32, 0..30i32).prop_map(|(north, east)| (f64::from(north) / 100.0, f64::from(east) / 100.0));
        let windows = prop::collection::vec((0..30_000i64, 0..9000i64), 0..3);
        (place, 0..2400u32, windows, any::<bool>()).prop_map(|((lat, lng), duration_s, windows, is_due)| {
            let mut visit = Visit::new(Place::new(lat, lng).unwrap(), duration_s);
            visit.windows =
                windows.into_iter().map(|(from, wide)| TimeWindow::new(from, from + wide).unwrap()).collect();
            visit.due = is_due.then_some(20_000);
            visit.load = duration_s % 7;
            visit
        })
    }

    proptest! {
        #[test]
        fn following_a_change_leads_to_what_measuring_all_anew_does(
            visits in prop::collection::vec(any_visit(), 1..25),
            steps in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0u32..4), 1..60),
            is_open in any::<bool>(),
            traffic in prop_oneof![Just(Traffic::EVEN), any_traffic(36_000)],
        ) {
            let home = Place::new(0.15, 0.15).unwrap();
            let mut engineer = Engineer::new(home);
            engineer.traffic = traffic;
            let hours = Interval::new(0, 36_000).unwrap();
            engineer.shifts = vec![if is_open { Shift::open(hours, home) } else { Shift::round_trip(hours, home) }];
            let board = Board::new(0, Travel::Direct { detour: 1.4 }, vec![engineer], visits).unwrap();
            let (ground, policy) = (board.ground(0), Policy::default());
            let mut route = Route::unbooked(ground);
            for (which, place, kind) in steps {
                let visit = VisitIndex(which.index(board.visits().len()) as u32);
                let is_there = route.position_of(visit.0).is_some();
                if kind == 0 || is_there {
                    let modulus = 2 + kind;
                    prop_assert!(route.remove(ground, |stop| stop.node == visit.0 || stop.node % modulus == 1));
                } else {
                    let task = &board.tasks[visit.0 as usize];
                    let wanted = Wanted { task, drives: None, deadline: NEVER, bias_s: 0 };
                    let position = place.index(route.stops.len() + 1);
                    if route.try_insert(ground, wanted, position, &policy).is_some() {
                        route.insert(ground, visit, wanted, visit.0, position);
                    }
                }
                let mut anew = route.clone();
                prop_assert!(anew.refresh(ground));
                prop_assert_eq!(times(&route), times(&anew), "measured in one go");
                prop_assert!(anew.look_ahead(ground) && anew.look_back(ground) && anew.settle_times(ground));
                prop_assert_eq!(times(&route), times(&anew), "as with rests");
            }
        }
    }

    type Times = (Vec<(i64, i64, i64)>, [Vec<i64>; 3], [i64; 4], bool);

    fn times(route: &Route) -> Times {
        let stops = route.stops.iter().map(|stop| (stop.arrive, stop.start, stop.end)).collect();
        let lists = [route.drives.clone(), route.ready.clone(), route.latest.clone()];
        (stops, lists, [route.finish, route.travel_s, route.busy_s, route.load], route.has_due)
    }
}
