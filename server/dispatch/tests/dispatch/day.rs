//! A day under way: what is agreed stays, what changes is absorbed.

use callout_dispatch::*;
use proptest::prelude::*;

use crate::boards::*;
use crate::checker::faults;

fn orders(plan: &Plan) -> Vec<Order> {
    let order = |route: &PlannedRoute| {
        let visits = route.stops.iter().filter_map(|stop| match stop.job {
            Job::Visit(visit) => Some(visit),
            Job::Commitment(_) => None,
        });
        Order { engineer: route.engineer, shift: route.shift, visits: visits.collect() }
    };
    plan.routes.iter().map(order).collect()
}

/// Who does what when.
fn appointments(plan: &Plan) -> Vec<(VisitIndex, EngineerIndex, i64)> {
    let of = |route: &PlannedRoute| {
        let engineer = route.engineer;
        let stops = route.stops.iter().filter_map(move |stop| match stop.job {
            Job::Visit(visit) => Some((visit, engineer, stop.start)),
            Job::Commitment(_) => None,
        });
        stops.collect::<Vec<_>>()
    };
    let mut all: Vec<_> = plan.routes.iter().flat_map(of).collect();
    all.sort();
    all
}

/// Three engineers and two visits for each, planned and published; the board then has `more` visits besides.
fn published(more: Vec<Visit>) -> (Vec<Engineer>, Vec<Visit>, Vec<Order>) {
    let engineers: Vec<Engineer> = (0..3).map(|n| engineer(km(20.0 * f64::from(n), 0.0))).collect();
    let mut visits: Vec<Visit> = (0..6).map(|n| visit(km(20.0 * f64::from(n % 3) + 1.0, 1.0))).collect();
    for (number, visit) in visits.iter_mut().enumerate() {
        let hour = if number < 3 { 9.0 } else { 13.0 };
        visit.windows = vec![window(hour, hour + 2.0)];
    }
    let plan = plan(&board(engineers.clone(), visits.clone()), &Policy::default(), Budget::rounds(200), 1);
    for (visit, engineer, start) in appointments(&plan) {
        visits[visit.0 as usize].published = Some(Published { engineer, start });
    }
    visits.extend(more);
    (engineers, visits, orders(&plan))
}

fn moved(board: &Board, plan: &Plan) -> usize {
    let is_moved = |(visit, engineer, start): &(VisitIndex, EngineerIndex, i64)| {
        board.visit(*visit).published.is_some_and(|p| p.engineer != *engineer || (p.start - start).abs() > 900)
    };
    appointments(plan).iter().filter(|one| is_moved(one)).count()
}

#[test]
fn a_visit_more_finds_a_place_and_moves_nobody() {
    let (engineers, visits, orders) = published(vec![visit(km(20.0, 2.0))]);
    let (board, policy) = (board(engineers, visits), Policy::default());
    let prepared = Prepared::new(&board, &policy);
    let mut day = Day::new(&prepared, &orders);
    assert_eq!(day.waiting(), [VisitIndex(6)]);
    let taken = day.take(VisitIndex(6)).unwrap();
    assert_eq!((taken.engineer, taken.moved), (EngineerIndex(1), 0));
    let plan = day.plan();
    assert_eq!((faults(&board, &plan), moved(&board, &plan)), (vec![], 0));
    assert_eq!(day.take(VisitIndex(6)), None, "it has a place");
    assert!(day.cancel(VisitIndex(6)) && !day.cancel(VisitIndex(6)));
    assert_eq!(day.waiting(), [VisitIndex(6)]);
}

#[test]
fn where_somebody_must_move_it_is_as_few_as_possible() {
    // It fits before anna's first visit if that waits, and anywhere with ben, who lives far away.
    let mut urgent = visit(km(1.0, 1.0));
    urgent.windows = vec![window(8.0, 9.4)];
    let (engineers, visits, orders) = published(vec![urgent]);
    let (board, policy) = (board(engineers, visits), Policy::default());
    let prepared = Prepared::new(&board, &policy);
    let mut day = Day::new(&prepared, &orders);
    let taken = day.take(VisitIndex(6)).unwrap();
    assert_eq!(taken.moved, 0);
    assert_eq!(moved(&board, &day.plan()), 0);
}

#[test]
fn who_drops_out_is_replaced_and_the_others_keep_their_appointments() {
    let (mut engineers, visits, orders) = published(vec![]);
    engineers[0].time_off = vec![hours(0.0, 24.0)];
    let (board, policy) = (board(engineers, visits), Policy::default());
    let prepared = Prepared::new(&board, &policy);
    let mut day = Day::new(&prepared, &orders);
    let lost = day.waiting();
    assert_eq!(lost.len(), 2, "the two visits that anna had");
    assert_eq!(day.settle(500, 1), []);
    let plan = day.plan();
    assert_eq!(faults(&board, &plan), [""; 0]);
    assert_eq!(moved(&board, &plan), 2, "only the visits of who dropped out");
}

#[test]
fn what_overruns_pushes_as_little_as_it_must() {
    let (mut engineers, visits, orders) = published(vec![]);
    // The first visit of the second engineer takes until three instead of ten.
    engineers[1].commitments =
        vec![Commitment { place: km(21.0, 1.0), interval: hours(9.0, 15.5), priority: Priority::ORDINARY }];
    let (board, policy) = (board(engineers, visits), Policy::default());
    let prepared = Prepared::new(&board, &policy);
    let mut day = Day::new(&prepared, &orders);
    let without_place = day.waiting();
    assert!(!without_place.is_empty());
    day.settle(500, 1);
    let plan = day.plan();
    assert_eq!(faults(&board, &plan), [""; 0]);
    assert!(moved(&board, &plan) <= without_place.len());
}

#[test]
fn the_cheapest_window_that_can_be_kept_is_offered_first() {
    let mut anna = engineer(km(0.0, 0.0));
    anna.commitments =
        vec![Commitment { place: km(10.0, 0.0), interval: hours(9.0, 11.0), priority: Priority::ORDINARY }];
    let board = board(vec![anna], vec![]);
    let slots = [window(8.0, 8.5), window(9.0, 10.0), window(11.0, 12.0), window(14.0, 15.0)];
    let offers = offers(&board, &visit(km(10.0, 0.1)), &slots, &Policy::default(), 3);
    let windows: Vec<TimeWindow> = offers.iter().map(|offer| offer.window).collect();
    assert_eq!(windows, [slots[2], slots[3]], "there is no time before, and she is next door afterwards");
    assert!(offers[0].candidate.score.total_s() <= offers[1].candidate.score.total_s());
}

#[test]
fn a_day_without_engineers_leaves_everything_waiting() {
    let (board, policy) = (board(vec![], vec![visit(km(0.0, 0.0))]), Policy::default());
    let prepared = Prepared::new(&board, &policy);
    let mut day = Day::new(&prepared, &[]);
    assert_eq!(day.settle(100, 1), [VisitIndex(0)]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn whatever_changes_no_rule_is_broken(
        board in any_board(5, 20),
        changes in prop::collection::vec((any::<bool>(), 0u32..20), 0..12),
    ) {
        let policy = Policy::default();
        let first = plan(&board, &policy, Budget::rounds(30), 1);
        let prepared = Prepared::new(&board, &policy);
        let mut day = Day::new(&prepared, &orders(&first));
        prop_assert_eq!(faults(&board, &day.plan()), Vec::<String>::new());
        for (is_taken, visit) in changes {
            let visit = VisitIndex(visit % board.visits().len().max(1) as u32);
            if board.visits().is_empty() {
                break;
            }
            if is_taken { _ = day.take(visit) } else { _ = day.cancel(visit) }
        }
        let before = day.score();
        day.settle(20, 7);
        let plan = day.plan();
        prop_assert_eq!(faults(&board, &plan), Vec::<String>::new());
        prop_assert_eq!(plan.score, day.score());
        prop_assert!(day.score().unserved_weight <= before.unserved_weight);
    }
}
