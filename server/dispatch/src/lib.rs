//! Who should go, and when: [`rank`] orders the engineers for one visit, [`plan`] fills the days of many.
//!
//! Everything is an argument: the [`Board`] says who and what there is, the [`Policy`] what it is worth, the [`Budget`]
//! and a seed how hard to search. There is no I/O, no clock and no randomness of its own, so the same arguments give
//! the same answer. The rules of [`Rule`] are hard in every path; the rest is a [`Score`] in seconds-equivalents.

mod interval;
mod place;
mod traffic;
mod travel;

mod board;
mod engineer;
mod visit;

mod atlas;
mod duty;
mod policy;
mod rest;
mod route;
mod rules;

mod nearby;
mod offer;
mod plan;
mod rank;
mod relax;

pub use board::{Board, BoardError};
pub use engineer::{
    Break, Certificate, CertificateIndex, Commitment, Engineer, EngineerIndex, PartIndex, Parts, Shift, Skill,
    SkillIndex, TerritoryIndex,
};
pub use interval::{Interval, IntervalError, TimeWindow};
pub use offer::{Offer, offers};
pub use place::{Place, PlaceError};
pub use plan::{
    Budget, Day, Explanation, Order, Plan, PlanScore, PlannedRoute, PlannedStop, Prepared, Taken, Unserved, plan,
    plan_while,
};
pub use policy::{Policy, Score};
pub use rank::{Candidate, Ranking, Refused, assess, rank, scan};
pub use relax::{Change, Relaxation};
pub use route::Job;
pub use rules::{Reason, Rule, RuleCounts};
pub use traffic::{Traffic, TrafficError};
pub use travel::{Travel, TravelError, TravelTable};
pub use visit::{Dependency, Priority, Published, Visit, VisitIndex};
