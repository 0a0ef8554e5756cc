//! Visits that are tied to others or to several engineers: crews, who begin together, and visits that wait for others.
//!
//! Such a visit is put in at a moment that is then fixed, on every route that has a part in it. So a route stays all
//! that its other stops depend on, and the test of `route` remains the only one. The search takes these visits out and
//! puts them in again like all others, which is how they find better moments.

use super::draft::{Draft, Place};
use super::field::{Able, Field};
use crate::route::Wanted;
use crate::visit::Task;

/// What ties a visit of a field.
#[derive(Clone, Debug, Default)]
pub(super) struct Tie {
    /// The visits that must have ended before, and those that must not have begun, with the seconds between.
    before: Vec<(u32, i64)>,
    behind: Vec<(u32, i64)>,
    /// How many visits have to come before at least.
    pub depth: u32,
}

/// The places of a whole crew, and when it begins.
pub(super) struct Together {
    pub start: i64,
    pub places: Vec<Place>,
}

/// What ties each visit, by its number; most have no entry.
pub(super) fn ties(visits: &[crate::visit::Visit]) -> std::collections::BTreeMap<u32, Tie> {
    let mut ties: std::collections::BTreeMap<u32, Tie> = std::collections::BTreeMap::new();
    for (index, visit) in (0..).zip(visits) {
        if visit.crew_size > 1 {
            ties.entry(index).or_default();
        }
        for dependency in &visit.after {
            let gap_s = i64::from(dependency.gap_s);
            ties.entry(index).or_default().before.push((dependency.visit.0, gap_s));
            ties.entry(dependency.visit.0).or_default().behind.push((index, gap_s));
        }
    }
    // The board has made sure that there are no circles, so this comes to an end.
    let mut open: Vec<(u32, u32)> = ties.keys().map(|visit| (*visit, 0)).collect();
    while let Some((visit, depth)) = open.pop() {
        let Some(tie) = ties.get_mut(&visit) else { continue };
        if depth >= tie.depth {
            tie.depth = depth;
            open.extend(tie.behind.iter().map(|(next, _)| (*next, depth + 1)));
        }
    }
    ties
}

impl Draft<'_> {
    /// The cheapest places for a tied visit, all at one moment.
    pub fn cheapest_together(&self, visit: u32) -> Option<Together> {
        let field = self.field;
        let tie = field.ties.get(&visit)?;
        let task = &field.tasks[visit as usize];
        let (mut from, mut by) = (task.starts.first, task.starts.last);
        for (earlier, gap_s) in &tie.before {
            from = from.max(self.times_of(*earlier)?.1 + gap_s);
        }
        for (later, gap_s) in &tie.behind {
            if let Some((start, _)) = self.times_of(*later) {
                by = by.min(start - gap_s - task.duration_s);
            }
        }
        let bounded = Task { starts: task.starts.within(from, by)?, ..task.clone() };
        let able = &field.able[visit as usize];
        let mut moments: Vec<i64> = able.iter().filter_map(|able| self.start_with(&bounded, visit, *able)).collect();
        moments.sort_unstable();
        moments.dedup();
        let mut best: Option<(i64, Together)> = None;
        for start in thinned(moments) {
            let fixed = task.fixed_at(start);
            let Some((cost, places)) = self.crew_at(&fixed, visit) else { continue };
            if best.as_ref().is_none_or(|(kept, _)| cost < *kept) {
                best = Some((cost, Together { start, places }));
            }
        }
        best.map(|(_, together)| together)
    }

    /// Puts a tied visit where [`Draft::cheapest_together`] found its places.
    pub fn insert_together(&mut self, visit: u32, together: &Together) {
        let fixed = self.field.tasks[visit as usize].fixed_at(together.start);
        for place in &together.places {
            self.insert_task(visit, &fixed, *place);
        }
    }

    /// Takes out whatever waits for a visit that is not served. False as [`Draft::remove`] says.
    pub fn drop_orphans(&mut self) -> bool {
        let field = self.field;
        loop {
            let is_orphan = |visit: &&u32, tie: &Tie| {
                self.is_served(**visit) && tie.before.iter().any(|(earlier, _)| !self.is_served(*earlier))
            };
            let orphan = field.ties.iter().find(|(visit, tie)| is_orphan(visit, tie)).map(|(visit, _)| *visit);
            let Some(orphan) = orphan else { return true };
            if !self.remove_everywhere(orphan) {
                return false;
            }
        }
    }

    /// Takes a visit out of every route that has it. False as [`Draft::remove`] says.
    pub fn remove_everywhere(&mut self, visit: u32) -> bool {
        let holders: Vec<usize> =
            (0..self.routes.len()).filter(|duty| self.visits_in(*duty).any(|one| one == visit)).collect();
        holders.into_iter().all(|duty| self.remove(duty, &[visit]))
    }

    /// When a visit begins and ends; `None` if it is left out.
    fn times_of(&self, visit: u32) -> Option<(i64, i64)> {
        let duty = self.duty_of(visit).filter(|_| self.is_served(visit))?;
        let stop = self.routes[duty].stops.iter().find(|stop| stop.is_visit() && stop.node == visit)?;
        Some((stop.start, stop.end))
    }

    fn start_with(&self, task: &Task, visit: u32, able: Able) -> Option<i64> {
        let field = self.field;
        let wanted = wanted(field, task, visit, able);
        let (route, ground) = (&self.routes[able.duty as usize], field.ground(able.duty as usize));
        let (position, _) = self.cheapest_on(wanted, able, i64::MAX)?;
        Some(route.try_insert(ground, wanted, position, field.policy)?.start)
    }

    /// The cheapest engineers who can begin at the moment of `task`, as many as it takes.
    fn crew_at(&self, task: &Task, visit: u32) -> Option<(i64, Vec<Place>)> {
        let field = self.field;
        let pinned = field.board.visit(field.visits[visit as usize]).pinned_engineer;
        let mut found: Vec<(bool, i64, Place)> = Vec::new();
        for able in &field.able[visit as usize] {
            let Some((position, cost)) = self.cheapest_on(wanted(field, task, visit, *able), *able, i64::MAX) else {
                continue;
            };
            let is_other = pinned.is_some_and(|pinned| pinned != field.duties[able.duty as usize].engineer);
            found.push((is_other, cost, Place { able: *able, position }));
        }
        found.sort_unstable_by_key(|(is_other, cost, place)| (*is_other, *cost, place.able.duty));
        let crew = usize::from(field.crews[visit as usize]);
        let is_pinned_there = pinned.is_none() || found.first().is_some_and(|(is_other, ..)| !is_other);
        if found.len() < crew || !is_pinned_there {
            return None;
        }
        found.truncate(crew);
        Some((found.iter().map(|(_, cost, _)| cost).sum(), found.into_iter().map(|(.., place)| place).collect()))
    }
}

fn wanted<'a>(field: &'a Field<'_>, task: &'a Task, visit: u32, able: Able) -> Wanted<'a> {
    Wanted { task, ..field.wanted(visit, able) }
}

/// At most [`MOST_MOMENTS`] of them, the first and the last included.
fn thinned(moments: Vec<i64>) -> impl Iterator<Item = i64> {
    let count = moments.len().min(MOST_MOMENTS);
    let last = moments.len().saturating_sub(1);
    (0..count).map(move |number| moments[if count < 2 { 0 } else { number * last / (count - 1) }])
}

const MOST_MOMENTS: usize = 16;
