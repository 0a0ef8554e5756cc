//! A day that is under way: what is agreed stays as far as it can, and what changes is absorbed.
//!
//! The board says what is so now: what has been done, what is being driven to and what is pinned are commitments; an
//! engineer who dropped out has no shift any more; a visit that overruns is a longer commitment. The rest of the plan is
//! laid on it again as it was, whatever does not fit any more finds another place, and moving an appointment that people
//! know of costs as much as so many seconds of travel.

use super::dice::Dice;
use super::draft::{Draft, Place};
use super::epochs::drop_cost;
use super::field::Field;
use super::report::report;
use super::search::{Search, Terms};
use super::{Plan, PlanScore};
use crate::board::Board;
use crate::engineer::EngineerIndex;
use crate::policy::Policy;
use crate::rest::NEVER;
use crate::route::Job;
use crate::visit::VisitIndex;

/// A board with everything worked out that a day asks for again and again.
pub struct Prepared<'a> {
    field: Field<'a>,
}

/// What an engineer is to do in a shift, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    pub engineer: EngineerIndex,
    /// Which of the engineer's shifts.
    pub shift: usize,
    pub visits: Vec<VisitIndex>,
}

/// A plan that can be changed.
pub struct Day<'a> {
    draft: Draft<'a>,
}

/// Where a visit went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    pub engineer: EngineerIndex,
    pub shift: usize,
    pub start: i64,
    /// How many published appointments of that engineer start at another time because of it.
    pub moved: usize,
}

impl<'a> Prepared<'a> {
    pub fn new(board: &'a Board, policy: &'a Policy) -> Self {
        let mut field = Field::whole(board, policy);
        field.meet_neighbours();
        Self { field }
    }
}

impl<'a> Day<'a> {
    /// Lays the orders on the board, around what is booked. Visits that do not fit where they were are left waiting, as
    /// are those in no order.
    pub fn new(prepared: &'a Prepared<'a>, orders: &[Order]) -> Self {
        let board = prepared.field.board;
        let mut day = Self { draft: Draft::new(&prepared.field, board.booked.clone()) };
        for order in orders {
            let mut duties = board.duties_of(order.engineer);
            let Some(duty) = duties.find(|duty| board.duties[*duty].shift as usize == order.shift) else { continue };
            let mut from = 0;
            for visit in &order.visits {
                from = day.lay(visit.0, duty, from).unwrap_or(from);
            }
        }
        day.draft.mark();
        day
    }

    /// Gives a visit of the board a place without taking anything out: where the fewest published appointments move,
    /// and then where it costs least. `None`, and nothing changed, if it fits nowhere or has a place already.
    pub fn take(&mut self, visit: VisitIndex) -> Option<Taken> {
        let (draft, number) = (&mut self.draft, visit.0);
        let field = draft.field;
        if draft.is_served(number) || field.ties.contains_key(&number) {
            return None;
        }
        let mut places: Vec<(i64, Place)> = Vec::new();
        for able in &field.able[number as usize] {
            draft.places_on(number, *able, |cost, position| places.push((cost, Place { able: *able, position })));
        }
        places.sort_unstable_by_key(|(cost, place)| (*cost, place.able.duty, place.position));
        let mut best: Option<(usize, Place)> = None;
        for (_, place) in places {
            let moved = if field.board.has_published { moved_by(draft, number, place) } else { 0 };
            if best.is_none_or(|(kept, _)| moved < kept) {
                best = Some((moved, place));
            }
            if moved == 0 {
                break;
            }
        }
        let (moved, place) = best?;
        draft.mark();
        draft.insert(number, place);
        draft.mark();
        let duty = place.able.duty as usize;
        let stop = draft.routes[duty].stops.iter().find(|stop| stop.job == Job::Visit(visit))?;
        let (engineer, shift) = (field.duties[duty].engineer, field.duties[duty].shift as usize);
        Some(Taken { engineer, shift, start: stop.start, moved })
    }

    /// Takes a visit out; false if it has no place.
    pub fn cancel(&mut self, visit: VisitIndex) -> bool {
        if !self.draft.is_served(visit.0) {
            return false;
        }
        self.draft.mark();
        let is_out = self.draft.remove_everywhere(visit.0) && self.draft.drop_orphans();
        if !is_out {
            self.draft.undo();
        }
        self.draft.mark();
        is_out
    }

    /// Finds places for all that wait, as [`Day::take`] does; and where that does not suffice, by so many rounds of
    /// search around them, which may move other visits. Returns what is still left out.
    pub fn settle(&mut self, rounds: u64, seed: u64) -> Vec<VisitIndex> {
        for visit in self.waiting() {
            self.take(visit);
        }
        if !self.draft.waiting().is_empty() && rounds > 0 {
            let field = self.draft.field;
            let terms = Terms { hottest: 1.0, drop_cost: drop_cost(&self.draft) };
            let mut search = Search::new(field, self.draft.routes.clone(), Dice::of(seed, 0, 0), terms);
            search.run(rounds, Some);
            let found = search.finish().best;
            self.draft = Draft::new(field, found);
        }
        self.waiting()
    }

    /// The visits without a place, by index.
    pub fn waiting(&self) -> Vec<VisitIndex> {
        let mut waiting: Vec<VisitIndex> = self.draft.waiting().iter().map(|visit| VisitIndex(*visit)).collect();
        waiting.sort_unstable();
        waiting
    }

    pub fn score(&self) -> PlanScore {
        self.draft.score()
    }

    /// The day as a plan, with its reasons; that takes longer than any of the changes.
    pub fn plan(&self) -> Plan {
        report(self.draft.field.board, self.draft.field.policy, self.draft.routes.clone())
    }

    /// Puts a visit into a route behind `from`; says behind where the next one belongs.
    fn lay(&mut self, visit: u32, duty: usize, from: usize) -> Option<usize> {
        let draft = &mut self.draft;
        let field = draft.field;
        let able = field.able[visit as usize].iter().find(|able| able.duty == duty as u32)?;
        if draft.is_served(visit) || field.ties.contains_key(&visit) {
            return None;
        }
        let (wanted, ground) = (field.wanted(visit, *able), field.ground(duty));
        let route = &draft.routes[duty];
        let position = (from..=route.stops.len())
            .filter(|position| route.try_insert(ground, wanted, *position, field.policy).is_some())
            .min_by_key(|position| route.detour(ground, wanted, *position).map_or(NEVER, |detour| detour.longer_s))?;
        draft.insert(visit, Place { able: *able, position });
        Some(position + 1)
    }
}

/// How many published appointments of a route start at another time if a visit is put in.
fn moved_by(draft: &mut Draft<'_>, visit: u32, place: Place) -> usize {
    let duty = place.able.duty as usize;
    let count = |draft: &Draft<'_>| {
        let (field, engineer) = (draft.field, draft.field.duties[duty].engineer);
        let moved = |stop: &&crate::route::Stop| match stop.job {
            Job::Visit(index) if stop.node != visit => {
                field.policy.change_cost(field.board.visit(index), engineer, stop.start) > 0
            }
            _ => false,
        };
        draft.routes[duty].stops.iter().filter(moved).count()
    };
    let before = count(draft);
    draft.mark();
    draft.insert(visit, place);
    let after = count(draft);
    draft.undo();
    after.saturating_sub(before)
}
