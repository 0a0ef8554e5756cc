//! Several days at once: every visit of the board gets an engineer and a time, or a reason why not.
//!
//! The steps: [`construct`] inserts visit by visit, urgent ones first; [`improve`] takes strings of neighbouring visits
//! out and puts them back better, as often as the budget says; [`report`] explains the result. What is better is
//! decided level by level: see [`PlanScore`].

mod construct;
mod draft;
mod improve;
mod report;

mod dice;
mod neighbours;

use crate::board::Board;
use crate::engineer::EngineerIndex;
use crate::policy::Policy;
use crate::rank::{Candidate, Refused};
use crate::route::Job;
use crate::rules::{Rule, RuleCounts};
use crate::visit::VisitIndex;
use draft::Draft;

/// Plans all visits of the board into the shifts of its engineers, around what they have booked.
///
/// No hard rule is ever broken: what does not fit is left out and says why. The same arguments give the same plan.
pub fn plan(board: &Board, policy: &Policy, budget: Budget, seed: u64) -> Plan {
    let mut draft = Draft::new(board, policy);
    construct::insert_all(&mut draft);
    improve::improve(&mut draft, budget.rounds, seed);
    construct::insert_all(&mut draft);
    report::report(draft)
}

/// How hard to search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// How often a part of the plan is taken apart and put together again. 0 gives the first plan found.
    pub rounds: u32,
}

/// Who does what when, what is left out, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// What is late by its SLA, in seconds-equivalents of the policy.
    pub lateness_s: i64,
    /// Driving in seconds, the way home included where a shift asks for it.
    pub travel_s: i64,
    /// Balance of load, waiting by priority, preference; in seconds-equivalents of the policy.
    pub balance_s: i64,
}

/// One shift of one engineer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedRoute {
    pub engineer: EngineerIndex,
    /// Which of the engineer's shifts.
    pub shift: usize,
    pub stops: Vec<PlannedStop>,
    /// Driving in seconds, the way home included where the shift asks for it.
    pub travel_s: i64,
}

/// One stop, with the drive to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannedStop {
    pub job: Job,
    /// `None` only before a commitment to which the travel table knows no road.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unserved {
    pub visit: VisitIndex,
    /// How many engineers each rule refused; together they are all engineers of the board.
    pub refused: RuleCounts,
    /// The rule that stopped those who came furthest; `None` if there are no engineers.
    pub main: Option<Rule>,
}
