//! The part of a board that is searched at one time: its visits and duties numbered densely, with everything worked out
//! beforehand that the search asks for again and again.

use std::collections::{BTreeMap, HashMap};

use super::tied::{Tie, ties};
use crate::atlas::Atlas;
use crate::board::Board;
use crate::duty::{Duty, Hours};
use crate::place::Place;
use crate::policy::Policy;
use crate::rest::NEVER;
use crate::route::{Ground, Job, Route, Stop, Wanted};
use crate::rules::eligible;
use crate::travel::Travel;
use crate::visit::{Task, VisitIndex};

/// Some visits and duties of a board. Visits are numbered anew; so are duties, and the nodes of the atlas, on which the
/// visits come first.
pub(super) struct Field<'a> {
    pub board: &'a Board,
    pub policy: &'a Policy,
    /// What they are on the board.
    pub visits: Vec<VisitIndex>,
    pub duties: Vec<Duty>,
    /// Duties that are alike as long as nothing is on them: the first of each kind.
    pub twins: Vec<u32>,
    pub tasks: Vec<Task>,
    pub atlas: Atlas,
    pub weights: Vec<i64>,
    /// What it costs in lateness to leave each visit out.
    pub missed_s: Vec<i64>,
    /// The duties that could take each visit if nothing were planned. The largest table of a plan: 16 bytes for each
    /// pair.
    pub able: Vec<Vec<Able>>,
    /// How many engineers each visit takes.
    pub crews: Vec<u8>,
    /// What ties visits to others, or to several engineers. In a part of a board they stay where they are.
    pub ties: BTreeMap<u32, Tie>,
    /// The other visits near each one, the nearest first.
    pub near: Vec<Vec<u32>>,
}

/// A duty that could take a visit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Able {
    pub duty: u32,
    /// What speaks against it whenever it takes place, in seconds-equivalents.
    pub bias_s: i32,
    /// By when the visit must have ended because of a certificate.
    pub deadline: i64,
}

impl<'a> Field<'a> {
    /// All of a board, numbered as it is.
    pub fn whole(board: &'a Board, policy: &'a Policy) -> Self {
        let visits: Vec<VisitIndex> = board.visit_indices().collect();
        let mut field = Self {
            board,
            policy,
            duties: board.duties.clone(),
            twins: twins(&board.duties),
            tasks: board.tasks.clone(),
            atlas: board.atlas.clone(),
            weights: visits.iter().map(|visit| policy.weight(board.visit(*visit).priority)).collect(),
            missed_s: visits.iter().map(|visit| board.missed_cost(*visit, policy)).collect(),
            able: visits.iter().map(|visit| able(board, policy, &board.duties, *visit)).collect(),
            crews: board.visits().iter().map(|visit| visit.crew_size).collect(),
            ties: ties(board.visits()),
            near: Vec::new(),
            visits,
        };
        field.atlas.measure(board.travel());
        field
    }

    /// Some visits and duties of the whole; both lists are sorted, and none of the visits is tied.
    pub fn part(whole: &Field<'a>, visits: &[u32], duty_ids: &[u32]) -> Self {
        let tasks: Vec<Task> = visits.iter().map(|visit| whole.tasks[*visit as usize].clone()).collect();
        let mut duties: Vec<Duty> = duty_ids.iter().map(|duty| whole.duties[*duty as usize].clone()).collect();
        let mut atlas = Atlas::default();
        tasks.iter().for_each(|task| _ = atlas.add(task.place));
        duties.iter_mut().for_each(|duty| atlas.settle(duty));
        let mut number = vec![u32::MAX; whole.duties.len()];
        duty_ids.iter().zip(0..).for_each(|(duty, here)| number[*duty as usize] = here);
        let able = |visit: &u32| -> Vec<Able> {
            let here = whole.able[*visit as usize].iter().filter(|able| number[able.duty as usize] != u32::MAX);
            here.map(|able| Able { duty: number[able.duty as usize], ..*able }).collect()
        };
        Self {
            board: whole.board,
            policy: whole.policy,
            visits: visits.iter().map(|visit| whole.visits[*visit as usize]).collect(),
            twins: twins(&duties),
            duties,
            tasks,
            atlas,
            weights: visits.iter().map(|visit| whole.weights[*visit as usize]).collect(),
            missed_s: visits.iter().map(|visit| whole.missed_s[*visit as usize]).collect(),
            able: visits.iter().map(able).collect(),
            crews: vec![1; visits.len()],
            ties: BTreeMap::new(),
            near: Vec::new(),
        }
    }

    /// Takes over the route of a duty from the board's numbering; what it needs is put on the atlas.
    pub fn adopt(&mut self, route: &Route, duty: usize) -> Route {
        let board = self.board;
        let numbers = &self.visits;
        let atlas = &mut self.atlas;
        let node = |stop: &Stop| match stop.job {
            Job::Visit(visit) if numbers.binary_search(&visit).is_ok() => {
                (numbers.binary_search(&visit).unwrap_or_default() as u32, false)
            }
            // A commitment, or a visit that is not ours to move.
            _ => (atlas.add(board.atlas.places[stop.node as usize]), true),
        };
        route.moved_to(&self.duties[duty], node)
    }

    /// Works out the drives. Nothing may be put on the atlas afterwards.
    pub fn measure(&mut self) {
        self.atlas.measure(self.board.travel());
    }

    /// Finds out who is near whom.
    pub fn meet_neighbours(&mut self) {
        // Without anybody who drives, nobody is near.
        let visits = if self.duties.is_empty() { 0 } else { self.tasks.len() as u32 };
        self.near = (0..visits).map(|visit| self.nearest(visit)).collect();
    }

    fn nearest(&self, of: u32) -> Vec<u32> {
        let mut among: Vec<(i64, u32)> =
            (0..self.tasks.len() as u32).map(|other| (self.apart_s(of, other), other)).collect();
        let kept = KEPT.min(among.len());
        if kept < among.len() {
            among.select_nth_unstable(kept);
            among.truncate(kept);
        }
        among.sort_unstable();
        among.into_iter().map(|(_, visit)| visit).collect()
    }

    /// How far one visit is from another for the purpose of steering.
    pub fn apart_s(&self, from: u32, to: u32) -> i64 {
        self.atlas.seconds(self.travel(), 0, from, to)
    }

    pub fn travel(&self) -> &'a Travel {
        self.board.travel()
    }

    pub fn ground(&self, duty: usize) -> Ground<'_> {
        Ground { duty: &self.duties[duty], atlas: &self.atlas, travel: self.travel() }
    }

    pub fn wanted(&self, visit: u32, able: Able) -> Wanted<'_> {
        Wanted {
            task: &self.tasks[visit as usize],
            drives: self.atlas.drives(self.duties[able.duty as usize].pace, visit),
            deadline: able.deadline,
            bias_s: i64::from(able.bias_s),
        }
    }

    /// Whether a duty could take a visit, and on which terms.
    pub fn able_on(&self, visit: u32, duty: usize) -> Option<Able> {
        let able = &self.able[visit as usize];
        able.binary_search_by_key(&(duty as u32), |able| able.duty).ok().map(|place| able[place])
    }

    /// Whether it makes no difference which of two duties takes a visit, if both have nothing to do.
    pub fn is_twin(&self, one: Able, other: Able) -> bool {
        let kind = |able: Able| (self.twins[able.duty as usize], able.bias_s, able.deadline);
        kind(one) == kind(other)
    }
}

fn able(board: &Board, policy: &Policy, duties: &[Duty], index: VisitIndex) -> Vec<Able> {
    let (visit, task) = (board.visit(index), &board.tasks[index.0 as usize]);
    let mut able = Vec::new();
    if task.starts.first(board.now()) >= NEVER {
        return able;
    }
    let mut known = None;
    for (number, duty) in (0..).zip(duties) {
        let engineer = duty.engineer;
        let (of, may) = match known {
            Some((of, may)) if of == engineer => (of, may),
            _ => (engineer, eligible(board, visit, engineer).ok()),
        };
        known = Some((of, may));
        let Some(deadline) = may else { continue };
        if duty.hours.has_room(task, deadline) {
            let bias_s = policy.liking(visit, engineer, board.engineer(engineer)).total_s();
            let bias_s = bias_s.clamp(-i64::from(MOST_BIAS_S), i64::from(MOST_BIAS_S)) as i32;
            able.push(Able { duty: number, bias_s, deadline: deadline.min(NEVER) });
        }
    }
    able
}

/// For each duty the first that has the same hours, room and places. Engineers who differ in what they may do are not
/// alike for every visit; whoever uses this compares that.
fn twins(duties: &[Duty]) -> Vec<u32> {
    let mut first: HashMap<Kind, u32> = HashMap::new();
    let kind = |duty: &Duty| -> Kind {
        let bits = |place: Place| (place.latitude_deg().to_bits(), place.longitude_deg().to_bits(), place.row());
        let hours = (duty.hours.clone(), duty.regular_end, duty.room, duty.capacity_s, duty.forecast_s);
        (hours, duty.speed_mps.to_bits(), bits(duty.from), duty.to.map(bits))
    };
    (0..).zip(duties).map(|(number, duty)| *first.entry(kind(duty)).or_insert(number)).collect()
}

type PlaceBits = (u64, u64, Option<u32>);
type Kind = ((Hours, i64, i64, i64, i64), u64, PlaceBits, Option<PlaceBits>);

/// How many neighbours a visit has.
const KEPT: usize = 100;
const MOST_BIAS_S: i32 = 1 << 28;
