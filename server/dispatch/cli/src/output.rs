//! The plan as JSON, in the names of the input.

use std::collections::BTreeMap;

use callout_dispatch::{Board, Change, Job, Plan, PlannedRoute, Priority, Relaxation, RuleCounts, Unserved};
use serde::Serialize;

use crate::board::Names;
use crate::input::Input;

#[derive(Debug, Serialize)]
pub struct Output<'a> {
    /// The shifts that have something to do.
    pub routes: Vec<RouteOutput<'a>>,
    pub unserved: Vec<UnservedOutput<'a>>,
    pub score: ScoreOutput,
}

#[derive(Debug, Serialize)]
pub struct RouteOutput<'a> {
    pub engineer: &'a str,
    /// Which of the engineer's shifts, from 0.
    pub shift: usize,
    pub stops: Vec<StopOutput<'a>>,
    pub travel_s: i64,
    pub finish: i64,
    pub overtime_s: i64,
}

#[derive(Debug, Serialize)]
pub struct StopOutput<'a> {
    /// Null: a commitment.
    pub visit: Option<&'a str>,
    pub commitment: Option<u32>,
    /// The drive to it; null if no road is known between two commitments.
    pub travel_s: Option<i64>,
    pub arrive: i64,
    pub wait_s: i64,
    pub start: i64,
    pub depart: i64,
}

#[derive(Debug, Serialize)]
pub struct UnservedOutput<'a> {
    pub visit: &'a str,
    /// How many engineers each rule refused.
    pub refused: BTreeMap<&'static str, u32>,
    pub main: Option<&'static str>,
    pub waits_for: Option<&'a str>,
    /// What would have to give, the smallest change first; of the heaviest visits only.
    pub would_help: Vec<ChangeOutput<'a>>,
}

/// With this changed, this engineer could come.
#[derive(Debug, Serialize)]
pub struct ChangeOutput<'a> {
    /// `earlier`, `later`, `overtime`, `skill`, `certificate`, `territory`, `barred` or `pinned`.
    pub change: &'static str,
    /// By how much, if it is about time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_s: Option<i64>,
    /// Which skill or certificate, if it is about one; and the level that would do, 0 for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<u8>,
    pub engineer: &'a str,
    pub start: i64,
}

/// By level, the first first.
#[derive(Debug, Serialize)]
pub struct ScoreOutput {
    pub unserved_weight: i64,
    /// How many visits of each priority are left out.
    pub unserved_by_priority: BTreeMap<u8, u32>,
    pub lateness_s: i64,
    pub travel_s: i64,
    pub balance_s: i64,
}

pub fn output<'a>(input: &'a Input, board: &Board, names: &Names, plan: &Plan) -> Output<'a> {
    let mut unserved_by_priority: BTreeMap<u8, u32> = BTreeMap::new();
    for left in &plan.unserved {
        let priority: Priority = board.visit(left.visit).priority;
        *unserved_by_priority.entry(priority.get()).or_default() += 1;
    }
    let score = plan.score;
    Output {
        routes: plan.routes.iter().map(|route| route_output(input, route)).collect(),
        unserved: plan.unserved.iter().map(|left| unserved_output(input, names, left)).collect(),
        score: ScoreOutput {
            unserved_weight: score.unserved_weight,
            unserved_by_priority,
            lateness_s: score.lateness_s,
            travel_s: score.travel_s,
            balance_s: score.balance_s,
        },
    }
}

fn route_output<'a>(input: &'a Input, route: &PlannedRoute) -> RouteOutput<'a> {
    let stops = route.stops.iter().map(|stop| {
        let (visit, commitment) = match stop.job {
            Job::Visit(visit) => (Some(input.visits[visit.0 as usize].id.as_str()), None),
            Job::Commitment(number) => (None, Some(number)),
        };
        StopOutput {
            visit,
            commitment,
            travel_s: stop.drive_s,
            arrive: stop.arrive,
            wait_s: (stop.start - stop.arrive).max(0),
            start: stop.start,
            depart: stop.end,
        }
    });
    RouteOutput {
        engineer: &input.engineers[route.engineer.0 as usize].id,
        shift: route.shift,
        stops: stops.collect(),
        travel_s: route.travel_s,
        finish: route.finish,
        overtime_s: route.overtime_s,
    }
}

fn unserved_output<'a>(input: &'a Input, names: &Names, left: &Unserved) -> UnservedOutput<'a> {
    let name = |visit: callout_dispatch::VisitIndex| input.visits[visit.0 as usize].id.as_str();
    UnservedOutput {
        visit: name(left.visit),
        refused: by_rule(&left.refused),
        main: left.main.map(callout_dispatch::Rule::as_str),
        waits_for: left.waits_for.map(name),
        would_help: left.relaxations.iter().map(|one| change_output(input, names, one)).collect(),
    }
}

fn change_output<'a>(input: &'a Input, names: &Names, relaxation: &Relaxation) -> ChangeOutput<'a> {
    let (change, by_s, of, level) = match relaxation.change {
        Change::Earlier { by_s } => ("earlier", Some(by_s), None, None),
        Change::Later { by_s } => ("later", Some(by_s), None, None),
        Change::Overtime { by_s } => ("overtime", Some(by_s), None, None),
        Change::Skill { skill, has, .. } => {
            ("skill", None, names.skills.get(usize::from(skill.0)).cloned(), Some(has.unwrap_or(0)))
        }
        Change::Certificate { certificate } => {
            ("certificate", None, names.certificates.get(usize::from(certificate.0)).cloned(), None)
        }
        Change::Territory => ("territory", None, None, None),
        Change::Barred => ("barred", None, None, None),
        Change::Pinned => ("pinned", None, None, None),
    };
    let engineer = &input.engineers[relaxation.engineer.0 as usize].id;
    ChangeOutput { change, by_s, of, level, engineer, start: relaxation.start }
}

fn by_rule(counts: &RuleCounts) -> BTreeMap<&'static str, u32> {
    counts.iter().map(|(rule, count)| (rule.as_str(), count)).collect()
}
