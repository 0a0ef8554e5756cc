//! From a draft to a plan that can be read: routes with times, reasons for what was left out and for what was not.

use super::tied::ties;
use super::{Explanation, Plan, PlanScore, PlannedRoute, PlannedStop, Unserved};
use crate::board::Board;
use crate::place::Place;
use crate::policy::Policy;
use crate::rank::{Candidate, Question, Refused, assess_among, score};
use crate::relax::relaxations;
use crate::route::{Job, Route, Wanted};
use crate::rules::{RuleCounts, eligible};
use crate::visit::VisitIndex;

/// The plan that these routes are, one a duty of the board.
pub(super) fn report(board: &Board, policy: &Policy, mut routes: Vec<Route>) -> Plan {
    let mut at: Vec<Vec<usize>> = vec![Vec::new(); board.visits().len()];
    for (duty, route) in routes.iter().enumerate() {
        for stop in &route.stops {
            if let Job::Visit(visit) = stop.job {
                at[visit.0 as usize].push(duty);
            }
        }
    }
    let mut plan = Plan { score: plan_score(board, policy, &routes, &at), ..Plan::default() };
    let ties = ties(board.visits());
    for visit in board.visit_indices() {
        match at[visit.0 as usize].split_first() {
            Some((duty, others)) => {
                let is_tied = ties.contains_key(&visit.0);
                let explanation = explanation(board, policy, &mut routes, (visit, is_tied), *duty);
                let crew = others.iter().map(|duty| board.duties[*duty].engineer).collect();
                plan.explanations.extend(explanation.map(|explanation| Explanation { crew, ..explanation }));
            }
            None => {
                let waits_for = board.visit(visit).after.iter().map(|dependency| dependency.visit);
                let waits_for = waits_for.filter(|earlier| at[earlier.0 as usize].is_empty()).min();
                plan.unserved.push(unserved(board, policy, &routes, visit, waits_for));
            }
        }
    }
    // What would help is told of the heaviest: it takes a while, and nobody reads more.
    let mut heaviest: Vec<usize> = (0..plan.unserved.len()).collect();
    heaviest.sort_by_key(|number| std::cmp::Reverse(policy.weight(board.visit(plan.unserved[*number].visit).priority)));
    for number in heaviest.into_iter().take(policy.relaxed) {
        let visit = plan.unserved[number].visit;
        if !ties.contains_key(&visit.0) {
            plan.unserved[number].relaxations = relaxations(board, policy, &routes, board.visit(visit));
        }
    }
    let all = routes.iter().enumerate().filter(|(_, route)| !route.stops.is_empty());
    plan.routes = all.map(|(duty, route)| planned(board, route, duty)).collect();
    plan
}

/// What the levels of a plan come to.
fn plan_score(board: &Board, policy: &Policy, routes: &[Route], at: &[Vec<usize>]) -> PlanScore {
    let mut score = PlanScore::default();
    let left_out = board.visit_indices().zip(at).filter(|(_, at)| at.is_empty());
    for (visit, _) in left_out {
        score.unserved_weight += policy.weight(board.visit(visit).priority);
        score.lateness_s += board.missed_cost(visit, policy);
    }
    for (route, duty) in routes.iter().zip(&board.duties) {
        let cost = route.cost(duty, board, policy);
        score.lateness_s += cost.lateness_s;
        score.travel_s += cost.travel_s;
        score.balance_s += cost.balance_s;
    }
    score
}

fn planned(board: &Board, route: &Route, duty: usize) -> PlannedRoute {
    let driven = route.driven(board.ground(duty));
    let stops = route.stops.iter().zip(driven).map(|(stop, drive_s)| PlannedStop {
        job: stop.job,
        drive_s,
        arrive: stop.arrive,
        start: stop.start,
        end: stop.end,
    });
    let duty = &board.duties[duty];
    PlannedRoute {
        engineer: duty.engineer,
        shift: duty.shift as usize,
        stops: stops.collect(),
        travel_s: route.travel_s,
        finish: route.finish,
        overtime_s: (route.finish - duty.regular_end).max(0),
    }
}

fn unserved(
    board: &Board,
    policy: &Policy,
    routes: &[Route],
    visit: VisitIndex,
    waits_for: Option<VisitIndex>,
) -> Unserved {
    let (able, refused) = everybody(board, policy, routes, &Question::new(board, board.visit(visit)));
    let refused = counts(&refused);
    let able = able.len() as u32;
    Unserved { visit, able, refused, main: refused.main(), waits_for, relaxations: Vec::new() }
}

/// Takes the visit out, asks everybody, and puts it back where it was.
fn explanation(
    board: &Board,
    policy: &Policy,
    routes: &mut [Route],
    (index, is_tied): (VisitIndex, bool),
    duty: usize,
) -> Option<Explanation> {
    let (visit, ground) = (board.visit(index), board.ground(duty));
    let on_duty = &board.duties[duty];
    let engineer = on_duty.engineer;
    let position = routes[duty].stops.iter().position(|stop| stop.job == Job::Visit(index))?;
    let deadline = eligible(board, visit, engineer).ok()?;
    let mut question = Question::new(board, visit);
    if is_tied {
        // Others depend on the moment: who could have come instead could have come then.
        question.task = question.task.fixed_at(routes[duty].stops[position].start);
    }
    let whole = routes[duty].clone();
    let is_out = routes[duty].remove(ground, |stop| stop.job == Job::Visit(index));
    let wanted = Wanted { task: &question.task, drives: None, deadline, bias_s: 0 };
    let insertion = is_out.then(|| routes[duty].try_insert(ground, wanted, position, policy)).flatten();
    // Where a table knows a quicker way through a third place, the others may be late without the visit, or have room
    // for their rests only with it.
    let insertion = insertion.or_else(|| {
        routes[duty].clone_from(&whole);
        whole.inserted(ground, position, policy)
    });
    let (mut able, mut refusals) = everybody(board, policy, routes, &question);
    let liking = policy.liking(visit, engineer, board.engineer(engineer));
    let chosen = insertion.map(|insertion| {
        let score = score(board, &routes[duty], duty, &question, liking, &insertion, policy);
        Candidate::new(engineer, on_duty.shift, score, insertion)
    });
    routes[duty] = whole;
    let chosen = chosen?;
    // Who has a visit that cannot be taken out seems to have no room for it a second time.
    if refusals.iter().any(|refused| refused.engineer == engineer) {
        refusals.retain(|refused| refused.engineer != engineer);
        able.push(chosen);
    }
    let count = able.len() as u32;
    able.retain(|candidate| candidate.engineer != engineer);
    able.sort_by_key(|candidate| (candidate.score.total_s(), candidate.engineer));
    able.truncate(policy.shortlist);
    let refused = counts(&refusals);
    nearest_first(board, visit.place, &mut refusals);
    refusals.truncate(policy.refusals);
    Some(Explanation { visit: index, chosen, crew: Vec::new(), alternatives: able, able: count, refused, refusals })
}

/// Puts those who live nearest first; equally near ones stay in their order.
fn nearest_first(board: &Board, place: Place, refusals: &mut [Refused]) {
    refusals.sort_by_cached_key(|refused| board.engineer(refused.engineer).home.distance_m(place) as i64);
}

fn counts(refusals: &[Refused]) -> RuleCounts {
    let mut counts = RuleCounts::default();
    refusals.iter().for_each(|refused| counts.add(refused.reason.rule()));
    counts
}

fn everybody(
    board: &Board,
    policy: &Policy,
    routes: &[Route],
    question: &Question<'_>,
) -> (Vec<Candidate>, Vec<Refused>) {
    let (mut able, mut refused) = (Vec::new(), Vec::new());
    for engineer in board.engineer_indices() {
        match assess_among(board, routes, question, engineer, policy) {
            Ok(candidate) => able.push(candidate),
            Err(reason) => refused.push(Refused { engineer, reason }),
        }
    }
    (able, refused)
}
