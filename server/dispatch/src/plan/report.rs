//! From a draft to a plan that can be read: routes with times, reasons for what was left out and for what was not.

use super::draft::Draft;
use super::{Explanation, Plan, PlannedRoute, PlannedStop, Unserved};
use crate::board::Board;
use crate::engineer::EngineerIndex;
use crate::place::Place;
use crate::rank::{Candidate, Refused, assess_among};
use crate::route::{Job, Route, Stop};
use crate::rules::RuleCounts;
use crate::visit::VisitIndex;

pub(super) fn report(mut draft: Draft<'_>) -> Plan {
    let unserved = draft.unserved().into_iter().map(|visit| unserved(&draft, visit)).collect();
    let served: Vec<VisitIndex> = draft.board.visit_indices().filter(|visit| draft.duty_of(*visit).is_some()).collect();
    let explanations = served.into_iter().filter_map(|visit| explanation(&mut draft, visit)).collect();
    let routes = draft.routes.iter().zip(&draft.board.duties).filter(|(route, _)| !route.stops.is_empty());
    let routes = routes.map(|(route, duty)| planned(route, duty.engineer, duty.shift as usize)).collect();
    Plan { routes, unserved, explanations, score: draft.score() }
}

fn planned(route: &Route, engineer: EngineerIndex, shift: usize) -> PlannedRoute {
    let stop = |stop: &Stop| {
        let Stop { job, drive_s, arrive, start, end, .. } = *stop;
        PlannedStop { job, drive_s, arrive, start, end }
    };
    PlannedRoute { engineer, shift, stops: route.stops.iter().map(stop).collect(), travel_s: route.travel_s() }
}

fn unserved(draft: &Draft<'_>, visit: VisitIndex) -> Unserved {
    let (_, refused) = everybody(draft, visit);
    let refused = counts(&refused);
    Unserved { visit, refused, main: refused.main() }
}

/// Takes the visit out, asks everybody, and puts it back where it was.
fn explanation(draft: &mut Draft<'_>, visit: VisitIndex) -> Option<Explanation> {
    let duty = draft.duty_of(visit)?;
    let position = draft.routes[duty].stops.iter().position(|stop| stop.job == Job::Visit(visit))?;
    let wanted = draft.wanted(visit, duty)?;
    draft.mark();
    let is_out = draft.remove(duty, &[visit]);
    let (mut able, mut refusals) = everybody(draft, visit);
    let (board, policy) = (draft.board, draft.policy);
    let (route, on_duty) = (&draft.routes[duty], &board.duties[duty]);
    let own = assess_among(board, &draft.routes, board.visit(visit), on_duty.engineer, policy);
    let insertion = if is_out {
        route.try_insert(board.ground(duty), wanted, position, policy)?
    } else {
        route.inserted(board.ground(duty), position, policy)?
    };
    let score = route.score(on_duty, wanted, &insertion, policy);
    draft.undo();
    let engineer = on_duty.engineer;
    let chosen = Candidate::new(engineer, on_duty.shift, score, insertion);
    // Who has a visit that cannot be taken out seems to have no room for it a second time.
    if own.is_err() {
        refusals.retain(|refused| refused.engineer != engineer);
        able.push(chosen);
    }
    let count = able.len() as u32;
    able.retain(|candidate| candidate.engineer != engineer);
    able.sort_by_key(|candidate| (candidate.score.total_s(), candidate.engineer));
    able.truncate(policy.shortlist);
    let refused = counts(&refusals);
    nearest_first(board, board.visit(visit).place, &mut refusals);
    refusals.truncate(policy.refusals);
    Some(Explanation { visit, chosen, alternatives: able, able: count, refused, refusals })
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

fn everybody(draft: &Draft<'_>, visit: VisitIndex) -> (Vec<Candidate>, Vec<Refused>) {
    let (mut able, mut refused) = (Vec::new(), Vec::new());
    let visit = draft.board.visit(visit);
    for engineer in draft.board.engineer_indices() {
        match assess_among(draft.board, &draft.routes, visit, engineer, draft.policy) {
            Ok(candidate) => able.push(candidate),
            Err(reason) => refused.push(Refused { engineer, reason }),
        }
    }
    (able, refused)
}
