//! The board: all that an answer may depend on, checked once.

use thiserror::Error;

use crate::atlas::Atlas;
use crate::duty::Duty;
use crate::engineer::{Engineer, EngineerIndex};
use crate::interval::{IntervalError, in_range};
use crate::nearby::Nearby;
use crate::policy::Policy;
use crate::route::{Ground, Job, Route};
use crate::travel::{Travel, TravelError};
use crate::visit::{Task, Visit, VisitIndex};

/// Engineers, the visits to plan, and how long drives take, as they are at `now`.
///
/// A board that exists is consistent: indices point at something, shifts do not overlap, numbers are in range. What
/// each engineer has booked already is laid out as routes and indexed by H3 cells when the board is built.
#[derive(Clone, Debug)]
pub struct Board {
    now: i64,
    travel: Travel,
    engineers: Vec<Engineer>,
    visits: Vec<Visit>,
    /// The visits as routes see them; on the atlas they come first, in the same order.
    pub(crate) tasks: Vec<Task>,
    pub(crate) atlas: Atlas,
    pub(crate) duties: Vec<Duty>,
    /// Of each engineer the first duty; one more entry marks the end of the last.
    first_duty: Vec<u32>,
    /// Where on the atlas the commitments of each engineer begin.
    first_commitment: Vec<u32>,
    /// What is booked, one route a duty.
    pub(crate) booked: Vec<Route>,
    pub(crate) nearby: Nearby,
    /// How fast the fastest engineer is usually, and how fast anybody ever.
    pub(crate) top_speed_mps: f64,
    pub(crate) swiftest_mps: f64,
    /// Whether any visit is part of a published plan.
    pub(crate) has_published: bool,
}

/// Which part of the input makes no sense, and why.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum BoardError {
    #[error("now: {0}")]
    Now(IntervalError),
    #[error("travel: {0}")]
    Travel(TravelError),
    #[error("engineer {engineer}: speed {speed_mps} m/s is not between 0.1 and 300")]
    Speed { engineer: u32, speed_mps: f64 },
    #[error("engineer {engineer}: shifts {one} and {other} overlap")]
    ShiftsOverlap { engineer: u32, one: usize, other: usize },
    #[error("engineer {engineer}: {error}")]
    EngineerPlace { engineer: u32, error: TravelError },
    #[error("visit {visit}: {error}")]
    VisitPlace { visit: u32, error: TravelError },
    #[error("visit {visit}: {field}: {error}")]
    Instant { visit: u32, field: &'static str, error: IntervalError },
    #[error("visit {visit}: {field}: there is no engineer {engineer}")]
    NoSuchEngineer { visit: u32, field: &'static str, engineer: u32 },
    #[error("visit {visit}: after: there is no visit {after}")]
    NoSuchVisit { visit: u32, after: u32 },
    #[error("visit {visit}: after: it would come after itself")]
    Circle { visit: u32 },
    #[error("visit {visit}: crew_size: nobody is no crew")]
    NoCrew { visit: u32 },
    #[error("engineer {engineer}: breaks: a break takes at least a second")]
    EmptyBreak { engineer: u32 },
    #[error("more than {0} engineers or visits")]
    TooMany(usize),
}

impl Board {
    /// Nothing is planned to start before `now`.
    ///
    /// # Errors
    /// Names the first engineer or visit, and the field, that makes no sense.
    pub fn new(now: i64, travel: Travel, engineers: Vec<Engineer>, visits: Vec<Visit>) -> Result<Self, BoardError> {
        in_range(now).map_err(BoardError::Now)?;
        travel.check().map_err(BoardError::Travel)?;
        if engineers.len().max(visits.len()) > MOST {
            return Err(BoardError::TooMany(MOST));
        }
        for (index, engineer) in (0..).zip(&engineers) {
            check_engineer(index, engineer, &travel)?;
        }
        for (index, visit) in (0..).zip(&visits) {
            check_visit(index, visit, &travel, engineers.len())?;
        }
        check_order(&visits)?;
        Ok(Self::laid_out(now, travel, engineers, visits))
    }

    fn laid_out(now: i64, travel: Travel, engineers: Vec<Engineer>, visits: Vec<Visit>) -> Self {
        let mut atlas = Atlas::default();
        visits.iter().for_each(|visit| _ = atlas.add(visit.place));
        let mut duties: Vec<Duty> = Vec::new();
        let mut first_duty = vec![0];
        for (index, engineer) in (0..).zip(&engineers) {
            duties.extend(Duty::of(EngineerIndex(index), engineer, now));
            first_duty.push(duties.len() as u32);
        }
        duties.iter_mut().for_each(|duty| atlas.settle(duty));
        let mut first_commitment = Vec::with_capacity(engineers.len());
        for engineer in &engineers {
            first_commitment.push(atlas.places.len() as u32);
            engineer.commitments.iter().for_each(|commitment| _ = atlas.add(commitment.place));
        }
        let booked = |duty: &Duty| {
            let engineer = duty.engineer.0 as usize;
            let ground = Ground { duty, atlas: &atlas, travel: &travel };
            Route::booked(ground, &engineers[engineer], |number| first_commitment[engineer] + number)
        };
        let booked: Vec<Route> = duties.iter().map(booked).collect();
        let nearby = Nearby::of_routes(&travel, &atlas, &duties, &booked);
        let top_speed_mps = engineers.iter().map(|engineer| engineer.speed_mps).fold(0.1, f64::max);
        let swiftest_mps = engineers.iter().map(Engineer::top_speed_mps).fold(0.1, f64::max);
        let tasks = visits.iter().map(Task::of).collect();
        let has_published = visits.iter().any(|visit| visit.published.is_some());
        Self {
            has_published,
            now,
            travel,
            engineers,
            visits,
            tasks,
            atlas,
            duties,
            first_duty,
            first_commitment,
            booked,
            nearby,
            top_speed_mps,
            swiftest_mps,
        }
    }

    pub fn now(&self) -> i64 {
        self.now
    }

    pub fn travel(&self) -> &Travel {
        &self.travel
    }

    pub fn engineers(&self) -> &[Engineer] {
        &self.engineers
    }

    pub fn visits(&self) -> &[Visit] {
        &self.visits
    }

    pub fn engineer(&self, index: EngineerIndex) -> &Engineer {
        &self.engineers[index.0 as usize]
    }

    pub fn visit(&self, index: VisitIndex) -> &Visit {
        &self.visits[index.0 as usize]
    }

    /// The duties of one engineer, as positions in `duties` and in any list of routes beside it.
    pub(crate) fn duties_of(&self, engineer: EngineerIndex) -> std::ops::Range<usize> {
        let index = engineer.0 as usize;
        self.first_duty[index] as usize..self.first_duty[index + 1] as usize
    }

    /// Where something is on the atlas that an engineer does.
    pub(crate) fn node_of(&self, engineer: EngineerIndex, job: Job) -> u32 {
        match job {
            Job::Visit(visit) => visit.0,
            Job::Commitment(number) => self.first_commitment[engineer.0 as usize] + number,
        }
    }

    /// What it costs in lateness to leave a visit out: it is late for as long as anybody could have worked.
    pub(crate) fn missed_cost(&self, visit: VisitIndex, policy: &Policy) -> i64 {
        let end = self.duties.iter().map(|duty| duty.hours.closes).max().unwrap_or(self.now);
        let task = &self.tasks[visit.0 as usize];
        policy.late_cost(task.priority, task.late_s(end))
    }

    pub(crate) fn engineer_indices(&self) -> impl Iterator<Item = EngineerIndex> + use<> {
        (0..self.engineers.len() as u32).map(EngineerIndex)
    }

    pub(crate) fn visit_indices(&self) -> impl Iterator<Item = VisitIndex> + use<> {
        (0..self.visits.len() as u32).map(VisitIndex)
    }
}

fn check_engineer(index: u32, engineer: &Engineer, travel: &Travel) -> Result<(), BoardError> {
    if !(0.1..=300.0).contains(&engineer.speed_mps) {
        return Err(BoardError::Speed { engineer: index, speed_mps: engineer.speed_mps });
    }
    let shifts = engineer.shifts.iter().flat_map(|shift| [Some(shift.from), shift.to]);
    let commitments = engineer.commitments.iter().map(|commitment| Some(commitment.place));
    for place in shifts.chain(commitments).chain([Some(engineer.home), engineer.position]).flatten() {
        travel.check_place(place).map_err(|error| BoardError::EngineerPlace { engineer: index, error })?;
    }
    if engineer.shifts.iter().flat_map(|shift| &shift.breaks).any(|pause| pause.duration_s == 0) {
        return Err(BoardError::EmptyBreak { engineer: index });
    }
    let mut order: Vec<usize> = (0..engineer.shifts.len()).collect();
    order.sort_by_key(|&shift| engineer.shifts[shift].interval);
    for pair in order.windows(2) {
        if engineer.shifts[pair[0]].interval.overlaps(engineer.shifts[pair[1]].interval) {
            return Err(BoardError::ShiftsOverlap { engineer: index, one: pair[0], other: pair[1] });
        }
    }
    Ok(())
}

fn check_visit(index: u32, visit: &Visit, travel: &Travel, engineers: usize) -> Result<(), BoardError> {
    travel.check_place(visit.place).map_err(|error| BoardError::VisitPlace { visit: index, error })?;
    let published = visit.published.map(|published| published.start);
    for (field, instant) in [("due", visit.due), ("pinned_start", visit.pinned_start), ("published", published)] {
        let checked = instant.map_or(Ok(()), in_range);
        checked.map_err(|error| BoardError::Instant { visit: index, field, error })?;
    }
    if visit.crew_size == 0 {
        return Err(BoardError::NoCrew { visit: index });
    }
    let published = visit.published.map(|published| published.engineer);
    let named: [(&'static str, &[EngineerIndex]); 4] = [
        ("published", published.as_slice()),
        ("pinned_engineer", visit.pinned_engineer.as_slice()),
        ("barred", &visit.barred),
        ("preferred", &visit.preferred),
    ];
    for (field, list) in named {
        if let Some(unknown) = list.iter().find(|engineer| engineer.0 as usize >= engineers) {
            return Err(BoardError::NoSuchEngineer { visit: index, field, engineer: unknown.0 });
        }
    }
    Ok(())
}

/// Visits that wait for each other in a circle could never start.
fn check_order(visits: &[Visit]) -> Result<(), BoardError> {
    let mut waits_for: Vec<usize> = vec![0; visits.len()];
    let mut behind: Vec<Vec<u32>> = vec![Vec::new(); visits.len()];
    for (index, visit) in (0..).zip(visits) {
        for dependency in &visit.after {
            let list = behind.get_mut(dependency.visit.0 as usize);
            let list = list.ok_or(BoardError::NoSuchVisit { visit: index, after: dependency.visit.0 })?;
            list.push(index);
            waits_for[index as usize] += 1;
        }
    }
    let mut free: Vec<u32> = (0..visits.len() as u32).filter(|visit| waits_for[*visit as usize] == 0).collect();
    while let Some(first) = free.pop() {
        for &next in &behind[first as usize] {
            waits_for[next as usize] -= 1;
            if waits_for[next as usize] == 0 {
                free.push(next);
            }
        }
    }
    match (0..).zip(waits_for).find(|(_, left)| *left > 0) {
        Some((visit, _)) => Err(BoardError::Circle { visit }),
        None => Ok(()),
    }
}

/// Engineers or visits a board may hold.
const MOST: usize = 1_000_000;
