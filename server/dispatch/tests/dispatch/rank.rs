//! Who is best, in examples; and that the search finds what a look at everybody finds.

use callout_dispatch::*;
use proptest::prelude::*;

use crate::boards::*;

fn best(engineers: Vec<Engineer>, visit: &Visit) -> Candidate {
    *rank(&board(engineers, vec![]), visit, &Policy::default()).best().unwrap()
}

#[test]
fn the_nearer_engineer_is_better_and_the_score_adds_up() {
    let best = best(vec![engineer(km(9.0, 0.0)), engineer(km(4.0, 0.0))], &visit(km(0.0, 0.0)));
    assert_eq!(best.engineer, EngineerIndex(1));
    assert!((695..=705).contains(&best.drive_s), "4 km × 1.4 at 8 m/s, not {}", best.drive_s);
    assert_eq!((best.arrive, best.start, best.end), (at(8.0) + best.drive_s, best.arrive, best.start + 3600));
    let Score { travel_s, load_s, urgency_s, preference_s, .. } = best.score;
    assert_eq!((travel_s, load_s, preference_s), (best.detour_s, 56, 0));
    assert_eq!(urgency_s, (best.start - MONDAY) * 30 / 1000, "waiting since midnight");
    assert_eq!(best.score.total_s(), travel_s + load_s + urgency_s);
}

#[test]
fn passing_by_is_better_than_living_near() {
    let mut passing = engineer(km(-20.0, 0.0));
    passing.commitments =
        vec![Commitment { place: km(20.0, 0.0), interval: hours(12.0, 13.0), priority: Priority::ORDINARY }];
    let best = best(vec![engineer(km(0.0, 6.0)), passing], &visit(km(0.0, 1.0)));
    assert_eq!(best.engineer, EngineerIndex(1));
    assert!(best.detour_s < 30 && best.drive_s > 3000);
    assert_eq!(best.position, 0);
}

#[test]
fn equal_engineers_are_ordered_by_index() {
    let anna = || engineer(km(2.0, 2.0));
    let ranking = rank(&board(vec![anna(), anna(), anna()], vec![]), &visit(km(0.0, 0.0)), &Policy::default());
    let order: Vec<u32> = ranking.candidates.iter().map(|candidate| candidate.engineer.0).collect();
    assert_eq!(order, [0, 1, 2]);
}

#[test]
fn load_sends_the_work_to_those_who_have_little() {
    let mut busy = engineer(km(1.0, 0.0));
    busy.commitments =
        vec![Commitment { place: km(1.0, 0.0), interval: hours(10.0, 16.0), priority: Priority::ORDINARY }];
    assert_eq!(best(vec![busy, engineer(km(-2.0, 0.0))], &visit(km(0.0, 0.0))).engineer, EngineerIndex(1));
}

#[test]
fn a_preferred_engineer_may_come_from_further_away() {
    let mut visit = visit(km(0.0, 0.0));
    visit.preferred = vec![EngineerIndex(1), EngineerIndex(77)];
    let near_and_far = || vec![engineer(km(1.0, 0.0)), engineer(km(5.0, 0.0))];
    assert_eq!(best(near_and_far(), &visit).engineer, EngineerIndex(1));
    visit.preferred.clear();
    assert_eq!(best(near_and_far(), &visit).engineer, EngineerIndex(0));
}

#[test]
fn the_more_urgent_visit_takes_the_engineer_who_is_free_sooner() {
    let booked = |mut engineer: Engineer| {
        let interval = hours(8.0, 12.0);
        engineer.commitments = vec![Commitment { place: engineer.home, interval, priority: Priority::ORDINARY }];
        engineer
    };
    let choices = || vec![booked(engineer(km(0.5, 0.0))), engineer(km(5.0, 0.0))];
    let mut visit = visit(km(0.0, 0.0));
    visit.priority = Priority::LEAST_URGENT;
    let policy = Policy { full_load_s: 0, ..Policy::default() };
    let chosen = |visit: &Visit| rank(&board(choices(), vec![]), visit, &policy).best().unwrap().engineer;
    assert_eq!(chosen(&visit), EngineerIndex(0), "it can wait until noon");
    visit.priority = Priority::MOST_URGENT;
    assert_eq!(chosen(&visit), EngineerIndex(1));
    visit.priority = Priority::LEAST_URGENT;
    visit.due = Some(at(10.0));
    assert_eq!(chosen(&visit), EngineerIndex(1), "or the SLA says that it cannot");
}

#[test]
fn a_running_shift_continues_from_where_the_engineer_is() {
    let mut anna = engineer(km(30.0, 0.0));
    anna.position = Some(km(1.0, 0.0));
    let board = Board::new(at(10.0), Travel::Direct { detour: 1.4 }, vec![anna], vec![]).unwrap();
    let ranking = rank(&board, &visit(km(0.0, 0.0)), &Policy::default());
    assert!(ranking.best().unwrap().arrive < at(10.1));
}

#[test]
fn far_engineers_are_passed_over_and_those_looked_at_are_explained() {
    let mut engineers: Vec<Engineer> = (0..500).map(|n| engineer(km(f64::from(n), 0.0))).collect();
    engineers[2].shifts.clear();
    let board = board(engineers, vec![]);
    let policy = Policy { shortlist: 3, ..Policy::default() };
    let ranking = rank(&board, &visit(km(0.0, 0.0)), &policy);
    let order: Vec<u32> = ranking.candidates.iter().map(|candidate| candidate.engineer.0).collect();
    assert_eq!(order, [0, 1, 3]);
    assert!(ranking.passed_over > 450, "{}", ranking.passed_over);
    // Without a shift there is no leg, so the second engineer is met nowhere; asked for, there is an answer.
    assert_eq!(assess(&board, &visit(km(0.0, 0.0)), EngineerIndex(2), &policy), Err(Reason::Shift));
    let all = scan(&board, &visit(km(0.0, 0.0)), &policy);
    assert_eq!(all.refused_by_rule().get(Rule::Shift), 1);
    assert!(all.refused_by_rule().get(Rule::Window) > 100, "some live too far away for a day");
}

#[test]
fn nobody_at_all_is_an_answer_too() {
    let ranking = rank(&board(vec![], vec![]), &visit(km(0.0, 0.0)), &Policy::default());
    assert_eq!((ranking.candidates.len(), ranking.passed_over, ranking.main_refusal()), (0, 0, None));
}

/// The search and the look at everybody agree, and what they say of one engineer is what `assess` says.
fn assert_equal_to_a_scan(board: &Board, visit: &Visit, policy: &Policy) -> Result<(), TestCaseError> {
    let (found, all) = (rank(board, visit, policy), scan(board, visit, policy));
    prop_assert_eq!(&found.candidates, &all.candidates);
    prop_assert!(found.refused.iter().all(|refused| all.refused.contains(refused)));
    prop_assert_eq!(all.passed_over, 0);
    for candidate in &found.candidates {
        prop_assert_eq!(assess(board, visit, candidate.engineer, policy), Ok(*candidate));
    }
    Ok(())
}

fn somewhere() -> Sizes {
    Sizes { engineers: 40, visits: 0, days: 3, wide_km: 40.0, centre: (52.5, 13.4) }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn rank_finds_what_a_look_at_everybody_finds(
        board in any_board(40, 1),
        visit in any_visit(somewhere()),
        moved in prop::option::of(0usize..40),
        shortlist in 0usize..5,
    ) {
        // Half of the time the visit is where somebody lives, wherever on earth this board is.
        let home = |n: usize| board.engineers()[n % board.engineers().len()].home;
        let visit = Visit { place: moved.map_or(visit.place, home), ..visit };
        assert_equal_to_a_scan(&board, &visit, &Policy { shortlist, ..Policy::default() })?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 30, ..ProptestConfig::default() })]

    #[test]
    fn also_where_most_are_too_far_away(
        board in any_board(600, 1),
        visits in prop::collection::vec((any_visit(somewhere()), 0usize..600), 8),
        shortlist in 1usize..4,
    ) {
        let policy = Policy { shortlist, ..Policy::default() };
        for (visit, near) in visits {
            let place = board.engineers()[near % board.engineers().len()].home;
            let open = Visit { skills: vec![], pinned_engineer: None, pinned_start: None, place, ..visit };
            assert_equal_to_a_scan(&board, &open, &policy)?;
        }
    }
}
