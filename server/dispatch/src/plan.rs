//! Several days at once: every visit of the board gets an engineer and a time, or a reason why not.
//!
//! The steps: [`construct`] inserts visit by visit, urgent ones first; [`search`] takes strings of neighbouring visits
//! out and puts them back better, as often as the budget says, in [`epochs`] that each divide a large board into parts;
//! [`report`] explains the result. What is better is decided level by level: see [`PlanScore`].

mod construct;
mod day;
mod divide;
mod draft;
mod epochs;
mod field;
mod report;
mod search;
mod tails;
mod tied;

mod dice;

use crate::board::Board;
use crate::engineer::EngineerIndex;
use crate::policy::Policy;
use crate::rank::{Candidate, Refused};
use crate::relax::Relaxation;
use crate::route::Job;
use crate::rules::{Rule, RuleCounts};
use crate::visit::VisitIndex;

pub use day::{Day, Order, Prepared, Taken};

/// Plans all visits of the board into the shifts of its engineers, around what they have booked.
///
/// No hard rule is ever broken: what does not fit is left out and says why. The same arguments give the same plan, with
/// any number of threads.
pub fn plan(board: &Board, policy: &Policy, budget: Budget, seed: u64) -> Plan {
    plan_while(board, policy, budget, seed, &|| 0.0)
}

/// [`plan`] under the eye of a clock: `spent` says which share of the time has been used. At 1 the search ends with what
/// it has; on the way there it cools down as if the rounds were used up as fast as the time. Always 0 means that time
/// does not matter.
pub fn plan_while(board: &Board, policy: &Policy, budget: Budget, seed: u64, spent: &(dyn Fn() -> f64 + Sync)) -> Plan {
    report::report(board, policy, epochs::search(board, policy, budget, seed, spent))
}

/// How hard to search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// How often a part of the plan is taken apart and put together again. 0 gives the first plan found.
    pub rounds: u64,
    /// On how many threads; the plan does not depend on it.
    pub threads: usize,
    /// A board of more visits is searched in parts of about so many at a time.
    pub part: usize,
}

impl Budget {
    /// The search asks how much of the time is spent each time so many rounds are done: who counts knows how far it is.
    pub const ROUNDS_A_LOOK: u64 = search::LOOK_UP;

    /// So many rounds on one thread, in parts of 400 visits.
    pub const fn rounds(rounds: u64) -> Self {
        Self { rounds, threads: 1, part: 400 }
    }
}

/// Who does what when, what is left out, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The shifts that have something to do, by engineer and shift.
    pub routes: Vec<PlannedRoute>,
    /// The visits left out, by index.
    pub unserved: Vec<Unserved>,
    /// One for each visit that is served, by index.
    pub explanations: Vec<Explanation>,
    pub score: PlanScore,
}

/// How good a plan is, lower is better, the first difference decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct PlanScore {
    /// The sum of the weights of the visits left out.
    pub unserved_weight: i64,
    /// What is late by its SLA, in seconds-equivalents of the policy. What is left out is late by the end of the last
    /// shift.
    pub lateness_s: i64,
    /// Driving in seconds, the way home included where a shift asks for it; overtime, and what of a published plan changes,
    /// as the policy weighs them: an appointment is not moved for a few minutes of driving.
    pub travel_s: i64,
    /// Balance of load, waiting by priority, preference, skills and parts, in seconds-equivalents of the policy.
    pub balance_s: i64,
}

/// One shift of one engineer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedRoute {
    pub engineer: EngineerIndex,
    /// Which of the engineer's shifts.
    pub shift: usize,
    pub stops: Vec<PlannedStop>,
    /// Driving in seconds at the hours at which it is driven, the way home included where the shift asks for it.
    pub travel_s: i64,
    /// When the last work is done and the engineer is where the shift ends, and by how much that is overtime.
    pub finish: i64,
    pub overtime_s: i64,
}

/// One stop, with the drive to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannedStop {
    pub job: Job,
    /// How long the drive takes at its hour. `None` only before a commitment to which the travel table knows no road.
    pub drive_s: Option<i64>,
    pub arrive: i64,
    pub start: i64,
    pub end: i64,
}

/// Why a visit went where it went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    pub visit: VisitIndex,
    /// Where it is in the plan, and what it costs there beside everything else that is planned.
    pub chosen: Candidate,
    /// The others of its crew, if it takes more than one.
    pub crew: Vec<EngineerIndex>,
    /// The best other engineers who could take it beside everything else that is planned.
    pub alternatives: Vec<Candidate>,
    /// How many engineers could take it, the chosen one included.
    pub able: u32,
    /// How many could not, by the first rule that refused them.
    pub refused: RuleCounts,
    /// Those who could not, the nearest homes first, at most as many as the policy lists.
    pub refusals: Vec<Refused>,
}

/// Why a visit is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unserved {
    pub visit: VisitIndex,
    /// How many engineers could take it: 0, unless it takes a crew that does not come together, or waits for another.
    pub able: u32,
    /// How many engineers each rule refused; with those who could they are all engineers of the board.
    pub refused: RuleCounts,
    /// The rule that stopped those who came furthest; `None` if there are no engineers.
    pub main: Option<Rule>,
    /// A visit that would have to come before and is left out too.
    pub waits_for: Option<VisitIndex>,
    /// What would have to give, beside everything else that is planned: the least change of each kind, the smallest
    /// first. Only of the heaviest visits, as many as the policy says, and of none that is tied to others.
    pub relaxations: Vec<Relaxation>,
}
