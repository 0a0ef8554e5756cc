//! Whole days: what a plan may never do, what it prefers, and that it can be repeated.

use callout_dispatch::*;
use proptest::prelude::*;

use crate::boards::*;
use crate::checker::faults;

const SOME: Budget = Budget::rounds(40);

fn planned(board: &Board) -> Plan {
    let plan = plan(board, &Policy::default(), SOME, 1);
    assert_eq!(faults(board, &plan), [""; 0]);
    plan
}

#[test]
fn neighbours_are_served_on_one_trip() {
    let engineers = vec![engineer(km(-10.0, 0.0)), engineer(km(10.0, 0.0))];
    let visits = [(9.0, 1.0), (-9.0, 0.0), (9.0, -1.0), (-9.0, 1.0)].map(|(east, north)| visit(km(east, north)));
    let plan = planned(&board(engineers, visits.to_vec()));
    let stops = |route: &PlannedRoute| route.stops.iter().map(|stop| stop.job).collect::<Vec<_>>();
    assert_eq!(plan.unserved, []);
    let mut west = stops(&plan.routes[0]);
    west.sort();
    assert_eq!(west, [Job::Visit(VisitIndex(1)), Job::Visit(VisitIndex(3))]);
}

#[test]
fn what_is_left_out_is_the_least_urgent_and_says_why() {
    let mut visits: Vec<Visit> = (0..10).map(|n| visit(km(0.0, f64::from(n) / 10.0))).collect();
    for (visit, priority) in visits.iter_mut().zip([5, 5, 1, 2, 1, 2, 3, 4, 3, 2]) {
        visit.priority = Priority::new(priority).unwrap();
    }
    let mut unskilled = engineer(km(0.0, 0.0));
    unskilled.shifts[0].interval = hours(8.0, 8.5);
    let plan = planned(&board(vec![engineer(km(0.0, 0.0)), unskilled], visits));
    let left_out: Vec<u32> = plan.unserved.iter().map(|unserved| unserved.visit.0).collect();
    assert_eq!(left_out, [0, 1, 7], "eight hours less the driving have room for seven");
    for unserved in &plan.unserved {
        assert_eq!(unserved.refused.iter().collect::<Vec<_>>(), [(Rule::Shift, 1), (Rule::DoubleBooking, 1)]);
        assert_eq!(unserved.main, Some(Rule::DoubleBooking));
    }
    assert_eq!(plan.score.unserved_weight, 1 + 1 + 2);
}

#[test]
fn the_sla_goes_before_the_shorter_way() {
    let mut visits = vec![visit(km(2.0, 0.0)), visit(km(30.0, 0.0))];
    visits[1].due = Some(at(10.5));
    let plan = planned(&board(vec![engineer(km(0.0, 0.0))], visits));
    assert_eq!(plan.routes[0].stops[0].job, Job::Visit(VisitIndex(1)), "first the far one, which is due");
    assert_eq!(plan.score.lateness_s, 0);
}

#[test]
fn the_rush_hour_is_planned_around() {
    // Half an hour away at the usual speed, an hour between eight and nine.
    let mut anna = engineer(km(0.0, 0.0));
    anna.traffic = Traffic::new(&[(at(8.0), 500), (at(9.0), 1000)]).unwrap();
    let far = visit(km(10.285, 0.0));
    let board = |visits: Vec<Visit>| board(vec![anna.clone()], visits);
    let plan = planned(&board(vec![far.clone()]));
    let stop = plan.routes[0].stops[0];
    assert!((3590..=3610).contains(&stop.drive_s.unwrap()), "{stop:?}");
    assert_eq!((stop.arrive, plan.routes[0].travel_s), (at(8.0) + stop.drive_s.unwrap(), stop.drive_s.unwrap()));
    assert_eq!(plan.score.travel_s, stop.drive_s.unwrap());

    let by_nine = Visit { windows: vec![window(8.0, 8.9)], ..far.clone() };
    assert_eq!(planned(&board(vec![by_nine])).unserved.len(), 1, "at the usual speed she would be there at half past");

    // Whoever lets the rush hour pass where he is drives half as long.
    let near = visit(km(0.1, 0.0));
    let plan = planned(&board(vec![far, near]));
    assert_eq!(plan.routes[0].stops[0].job, Job::Visit(VisitIndex(1)));
    assert!(plan.score.travel_s < 3000, "{:?}", plan.score);
}

#[test]
fn every_assignment_names_who_else_could_have_come() {
    let mut visits: Vec<Visit> = (0..6).map(|n| visit(km(f64::from(n), 0.0))).collect();
    visits[3].barred = vec![EngineerIndex(2)];
    let board = board((0..3).map(|n| engineer(km(2.0 * f64::from(n), 2.0))).collect(), visits);
    let plan = planned(&board);
    assert_eq!(plan.explanations.len(), 6);
    for explanation in &plan.explanations {
        assert_eq!(explanation.able + explanation.refused.total(), 3);
        assert_eq!(explanation.alternatives.len() as u32, explanation.able - 1);
        assert_eq!(explanation.refusals.len() as u32, explanation.refused.total());
        let chosen = explanation.chosen;
        let route = plan.routes.iter().find(|route| route.engineer == chosen.engineer).unwrap();
        let stop = route.stops[chosen.position];
        assert_eq!((stop.job, stop.start), (Job::Visit(explanation.visit), chosen.start));
        let Score { travel_s, load_s, urgency_s, preference_s, skill_s, parts_s, change_s } = chosen.score;
        let parts = travel_s + load_s + urgency_s + preference_s + skill_s + parts_s + change_s;
        assert_eq!(chosen.score.total_s(), parts);
    }
    assert_eq!(plan.explanations[3].refused.get(Rule::Barred), 1);
    assert_eq!(plan.explanations[3].refusals[0].reason, Reason::Barred);
}

#[test]
fn a_plan_goes_around_what_is_booked() {
    let mut anna = engineer(km(0.0, 0.0));
    anna.commitments =
        vec![Commitment { place: km(5.0, 0.0), interval: hours(10.0, 12.0), priority: Priority::ORDINARY }];
    let plan = planned(&board(vec![anna], (0..4).map(|n| visit(km(f64::from(n), 0.0))).collect()));
    assert!(plan.routes[0].stops.iter().any(|stop| stop.job == Job::Commitment(0)));
    assert_eq!(plan.unserved, []);
}

fn booked(place: Place, from: f64, to: f64) -> Commitment {
    Commitment { place, interval: hours(from, to), priority: Priority::ORDINARY }
}

#[test]
fn behind_two_appointments_at_once_the_break_may_be_over_or_not() {
    let mut anna = engineer(km(0.0, 0.0));
    anna.speed_mps = 5.0;
    anna.shifts[0].interval = hours(8.0, 12.0);
    anna.shifts[0].breaks = vec![rest(at(9.0), at(12.0), 2400)];
    anna.commitments = vec![booked(km(0.0, -2.0), 10.0, 10.5), booked(km(0.0, 0.0), 10.0, 10.5)];
    let after = Visit { windows: vec![window(10.5, 11.0)], ..visit(km(0.5, 0.0)) };
    assert_eq!(planned(&board(vec![anna], vec![after])).unserved, []);
}

#[test]
fn an_appointment_that_was_missed_leaves_time_for_a_break_before_the_next() {
    let mut anna = engineer(km(0.0, 1.25));
    anna.speed_mps = 5.0;
    anna.shifts[0].breaks = vec![rest(at(12.0), at(15.0), 1200)];
    let hall = km(0.0, 0.0);
    anna.commitments = vec![booked(hall, 8.0, 9.5), booked(hall, 8.5, 9.0), booked(hall, 13.5, 15.0)];
    let windows = vec![window(15.0, 15.75)];
    let last = [Visit::new(km(0.0, 1.9), 0), Visit::new(km(-2.7, -0.6), 900)];
    let last = last.map(|visit| Visit { windows: windows.clone(), ..visit });
    assert_eq!(planned(&board(vec![anna], last.to_vec())).unserved, []);
}

#[test]
fn a_pinned_visit_happens_then_and_there() {
    let mut visits: Vec<Visit> = (0..4).map(|n| visit(km(f64::from(n), 0.0))).collect();
    visits[2].pinned_engineer = Some(EngineerIndex(1));
    visits[2].pinned_start = Some(at(13.25));
    let plan = planned(&board(vec![engineer(km(2.0, 0.0)), engineer(km(40.0, 0.0))], visits));
    let chosen = plan.explanations[2].chosen;
    assert_eq!((chosen.engineer, chosen.start), (EngineerIndex(1), at(13.25)));
}

#[test]
fn without_engineers_everything_is_left_out() {
    let plan = planned(&board(vec![], vec![visit(km(0.0, 0.0))]));
    assert_eq!((plan.unserved.len(), plan.unserved[0].main), (1, None));
}

proptest! {
    #[test]
    fn no_plan_of_a_crowded_shift_breaks_a_hard_rule(board in crowded_board(), seed in 0u64..1000) {
        let plan = plan(&board, &Policy::default(), Budget::rounds(30), seed);
        prop_assert_eq!(faults(&board, &plan), Vec::<String>::new());
        prop_assert_eq!(plan.explanations.len() + plan.unserved.len(), board.visits().len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn no_plan_breaks_a_hard_rule(board in any_board(6, 30), seed in 0u64..1000) {
        let policy = Policy::default();
        let first = plan(&board, &policy, Budget::rounds(0), seed);
        let better = plan(&board, &policy, Budget::rounds(60), seed);
        prop_assert_eq!(faults(&board, &first), Vec::<String>::new());
        prop_assert_eq!(faults(&board, &better), Vec::<String>::new());
        prop_assert!(better.score <= first.score, "{:?} after {:?}", better.score, first.score);
        prop_assert_eq!(&plan(&board, &policy, Budget::rounds(60), seed), &better, "repeated");
        let in_parts = Budget { part: 6, ..Budget::rounds(2000) };
        let parted = plan(&board, &policy, in_parts, seed);
        prop_assert_eq!(faults(&board, &parted), Vec::<String>::new());
        prop_assert!(parted.score <= first.score, "{:?} after {:?}", parted.score, first.score);
        prop_assert_eq!(&plan(&board, &policy, Budget { threads: 2, ..in_parts }, seed), &parted, "on two threads");
        for unserved in &better.unserved {
            let all = unserved.refused.total() + unserved.able;
            prop_assert_eq!(all as usize, board.engineers().len());
            let visit = board.visit(unserved.visit);
            let is_waited_for = board.visits().iter().flat_map(|v| &v.after).any(|d| d.visit == unserved.visit);
            let is_tied = visit.crew_size > 1 || !visit.after.is_empty() || is_waited_for;
            prop_assert!(is_tied || unserved.able == 0, "somebody could have come");
        }
        let weight = |unserved: &Unserved| {
            i64::from(policy.unserved_weight[usize::from(board.visit(unserved.visit).priority.get()) - 1])
        };
        prop_assert_eq!(better.score.unserved_weight, better.unserved.iter().map(weight).sum::<i64>());
        prop_assert_eq!(better.explanations.len() + better.unserved.len(), board.visits().len());
        for explanation in &better.explanations {
            prop_assert_eq!((explanation.able + explanation.refused.total()) as usize, board.engineers().len());
        }
        let driven: i64 = better.routes.iter().map(|route| route.travel_s).sum();
        prop_assert!(better.score.travel_s >= driven, "a shift with nothing to do may still have a way home");
    }
}

#[test]
fn an_appointment_moves_for_half_an_hour_of_driving_and_not_for_a_few_minutes() {
    for (away_km, goes_to) in [(2.0, 0), (20.0, 1)] {
        let mut wanted = visit(km(away_km, 0.0));
        wanted.published = Some(Published { engineer: EngineerIndex(0), start: at(12.0) });
        let crew = vec![engineer(km(0.0, 0.0)), engineer(km(away_km, 0.0))];
        let plan = planned(&board(crew, vec![wanted]));
        assert_eq!(plan.routes[0].engineer, EngineerIndex(goes_to), "{away_km} km");
    }
}

#[test]
fn what_is_promised_keeps_its_time_unless_others_need_it() {
    let mut visits: Vec<Visit> = (0..2).map(|n| visit(km(f64::from(n), 0.0))).collect();
    visits[1].published = Some(Published { engineer: EngineerIndex(0), start: at(12.0) });
    let crew = || vec![engineer(km(0.0, 0.0))];
    let start = |plan: &Plan, visit: u32| {
        let mut stops = plan.routes[0].stops.iter();
        stops.find(|stop| stop.job == Job::Visit(VisitIndex(visit))).map(|stop| stop.start)
    };
    let plan = planned(&board(crew(), visits.clone()));
    assert_eq!(start(&plan, 1), Some(at(12.0)), "though there is nothing to do since ten");
    assert!(start(&plan, 0).is_some_and(|start| start < at(9.0)));

    // Three more hours of work, for which there is room only if it comes sooner or later.
    visits[0].duration_s = 7 * 3600 - 1200;
    let plan = planned(&board(crew(), visits));
    assert_eq!(plan.unserved, []);
    assert_ne!(start(&plan, 1), Some(at(12.0)));
}
