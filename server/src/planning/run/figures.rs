//! What the days come to as they are and as they would be, worked out by the engine on the same board.

use std::collections::BTreeMap;

use callout_dispatch::{Day, EngineerIndex, Order, Plan, PlanScore, Policy, Prepared, VisitIndex};
use serde::{Deserialize, Serialize};

use crate::planning::board::Board;

/// What a plan comes to. Lower is better, but for `served`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// What decides which plan is better: level by level, the first difference decides.
    pub levels: Levels,
    /// Visits that somebody has, of those that the plan is about.
    pub served: u32,
    /// Visits that nobody has, by their priority from 1 to 5.
    pub unserved_by_priority: BTreeMap<u8, u32>,
    /// All driving of these days, in seconds.
    pub driving_s: i64,
    /// Work after the end of a shift, in seconds.
    pub overtime_s: i64,
    /// Appointments that somebody has and that would be with another engineer, or begin at quite another time.
    pub appointments_changed: u32,
}

/// The levels by which plans are compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Levels {
    /// The sum of the weights of the visits that nobody has.
    pub unserved_weight: i64,
    /// What is late by its SLA, in seconds weighed by priority. What nobody has is late until the last shift ends.
    pub lateness_s: i64,
    /// Driving, overtime, and appointments that change, as the policy weighs them.
    pub travel_s: i64,
    /// Balance of load, waiting, preferences, skills and parts, in seconds of driving.
    pub balance_s: i64,
}

/// The days as they are.
pub struct Today<'a> {
    day: Day<'a>,
    pub plan: Plan,
}

impl<'a> Today<'a> {
    pub fn of(prepared: &'a Prepared<'a>, orders: &[Order]) -> Self {
        let day = Day::new(prepared, orders);
        let plan = day.plan();
        Self { day, plan }
    }

    /// The best of what was found, of today with what fits beside it, and of today as it is: a plan is never worse than
    /// none.
    pub fn or_better(mut self, found: Plan) -> Plan {
        self.day.settle(0, 0);
        let settled = self.day.plan();
        let best = |one: Plan, other: Plan| if other.score < one.score { other } else { one };
        best(best(found, settled), self.plan)
    }
}

impl Figures {
    pub fn of(board: &Board, plan: &Plan, policy: &Policy) -> Self {
        let mut unserved_by_priority: BTreeMap<u8, u32> = (1..=5).map(|priority| (priority, 0)).collect();
        for unserved in &plan.unserved {
            *unserved_by_priority.entry(board.engine.visit(unserved.visit).priority.get()).or_default() += 1;
        }
        let changed = plan.explanations.iter().filter(|one| {
            is_changed(board, one.visit, one.chosen.engineer, one.chosen.start, i64::from(policy.moved_tolerance_s))
        });
        let dropped = plan.unserved.iter().filter(|one| board.engine.visit(one.visit).published.is_some());
        let PlanScore { unserved_weight, lateness_s, travel_s, balance_s } = plan.score;
        Self {
            levels: Levels { unserved_weight, lateness_s, travel_s, balance_s },
            served: count(board.engine.visits().len() - plan.unserved.len()),
            unserved_by_priority,
            driving_s: plan.routes.iter().map(|route| route.travel_s).sum(),
            overtime_s: plan.routes.iter().map(|route| route.overtime_s).sum(),
            appointments_changed: count(changed.count() + dropped.count()),
        }
    }
}

fn is_changed(board: &Board, visit: VisitIndex, engineer: EngineerIndex, start: i64, tolerance_s: i64) -> bool {
    board
        .engine
        .visit(visit)
        .published
        .is_some_and(|published| published.engineer != engineer || (published.start - start).abs() > tolerance_s)
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
