//! What would have to give: examples, and that what is promised helps.

use callout_dispatch::*;
use proptest::prelude::*;

use crate::boards::*;

/// What is told of the only visit, which nobody can take.
fn relaxed(engineers: Vec<Engineer>, visit: Visit) -> Vec<Relaxation> {
    let plan = plan(&board(engineers, vec![visit]), &Policy::default(), Budget::rounds(0), 1);
    assert_eq!(plan.unserved.len(), 1, "somebody can take it as it is");
    plan.unserved[0].relaxations.clone()
}

fn booked(from: f64, to: f64) -> Commitment {
    Commitment { place: km(0.0, 0.0), interval: hours(from, to), priority: Priority::ORDINARY }
}

#[test]
fn a_window_half_an_hour_later_would_do() {
    let mut anna = engineer(km(0.0, 0.0));
    anna.commitments = vec![booked(8.0, 10.0)];
    let mut visit = visit(km(0.0, 0.0));
    visit.windows = vec![window(8.0, 9.5)];
    let relaxed = relaxed(vec![anna], visit);
    let later = Relaxation { change: Change::Later { by_s: 1800 }, engineer: EngineerIndex(0), start: at(10.0) };
    assert_eq!(relaxed, [later], "and no shift that ends later would help, nor anything earlier");
}

#[test]
fn a_shift_that_ends_later_or_a_window_that_opens_earlier_would_do() {
    let mut visit = visit(km(0.0, 0.0));
    visit.windows = vec![window(15.5, 15.75)];
    let relaxed = relaxed(vec![engineer(km(0.0, 0.0))], visit);
    let changes: Vec<Change> = relaxed.iter().map(|relaxation| relaxation.change).collect();
    assert_eq!(changes, [Change::Earlier { by_s: 1800 }, Change::Overtime { by_s: 1800 }]);
}

#[test]
fn somebody_with_less_skill_would_do_and_the_nearest_of_them_is_named() {
    let lift = SkillIndex(0);
    let skilled = |home, level| {
        let mut engineer = engineer(home);
        engineer.skills = vec![Skill { skill: lift, level }];
        engineer
    };
    let mut visit = visit(km(0.0, 0.0));
    visit.skills = vec![Skill { skill: lift, level: 3 }];
    visit.barred = vec![EngineerIndex(2)];
    let relaxed = relaxed(vec![skilled(km(9.0, 0.0), 2), skilled(km(1.0, 0.0), 1), skilled(km(0.0, 0.0), 3)], visit);
    let changes: Vec<(Change, u32)> = relaxed.iter().map(|one| (one.change, one.engineer.0)).collect();
    let skill = Change::Skill { skill: lift, needs: 3, has: Some(1) };
    assert_eq!(changes, [(Change::Barred, 2), (skill, 1)]);
}

#[test]
fn where_no_single_change_helps_nothing_is_promised() {
    let mut anna = engineer(km(0.0, 0.0));
    anna.shifts.clear();
    assert_eq!(relaxed(vec![anna], visit(km(0.0, 0.0))), []);
}

/// The same board with one thing changed as a relaxation says.
fn changed(board: &Board, relaxation: &Relaxation) -> Board {
    let (mut engineers, mut visit) = (board.engineers().to_vec(), board.visits()[0].clone());
    match relaxation.change {
        Change::Earlier { .. } | Change::Later { .. } => {
            visit.windows = vec![TimeWindow::new(relaxation.start, relaxation.start).unwrap()];
            visit.pinned_start = None;
        }
        Change::Overtime { by_s } => {
            for shift in &mut engineers[relaxation.engineer.0 as usize].shifts {
                shift.overtime_s += by_s as u32;
            }
        }
        Change::Skill { skill, .. } => visit.skills.retain(|needed| needed.skill != skill),
        Change::Certificate { certificate } => visit.certificates.retain(|needed| *needed != certificate),
        Change::Territory => visit.territory = None,
        Change::Barred => visit.barred.clear(),
        Change::Pinned => visit.pinned_engineer = None,
    }
    Board::new(board.now(), board.travel().clone(), engineers, vec![visit]).unwrap()
}

proptest! {
    #[test]
    fn what_is_promised_helps(board in any_board(5, 1)) {
        let policy = Policy::default();
        for unserved in plan(&board, &policy, Budget::rounds(0), 1).unserved {
            for relaxation in &unserved.relaxations {
                let board = changed(&board, relaxation);
                let candidate = assess(&board, &board.visits()[0], relaxation.engineer, &policy);
                prop_assert!(candidate.is_ok(), "{:?}: {:?}", relaxation, candidate);
            }
        }
    }
}
