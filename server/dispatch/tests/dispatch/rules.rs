//! One hard rule after the other, each in its own little story.

use callout_dispatch::*;

use crate::boards::*;

const GAS: SkillIndex = SkillIndex(0);
const PERMIT: CertificateIndex = CertificateIndex(0);

#[test]
fn an_engineer_in_a_free_shift_is_accepted() {
    assert_eq!(refusal(engineer(km(0.0, 0.0)), &visit(km(3.0, 0.0))), None);
}

#[test]
fn a_visit_pinned_to_somebody_else_is_refused() {
    let mut visit = visit(km(3.0, 0.0));
    visit.pinned_engineer = Some(EngineerIndex(1));
    let engineers = vec![engineer(km(0.0, 0.0)), engineer(km(30.0, 0.0))];
    let ranking = rank(&board(engineers, vec![]), &visit, &Policy::default());
    assert_eq!(ranking.best().unwrap().engineer, EngineerIndex(1));
    let refused = Refused { engineer: EngineerIndex(0), reason: Reason::Pinned { to: EngineerIndex(1) } };
    assert_eq!(ranking.refused, [refused]);
}

#[test]
fn a_barred_engineer_is_refused() {
    let mut visit = visit(km(3.0, 0.0));
    visit.barred = vec![EngineerIndex(0)];
    assert_eq!(refusal(engineer(km(0.0, 0.0)), &visit), Some(Reason::Barred));
}

#[test]
fn territories_bind_those_who_have_some() {
    let mut visit = visit(km(3.0, 0.0));
    visit.territory = Some(TerritoryIndex(4));
    let mut anna = engineer(km(0.0, 0.0));
    assert_eq!(refusal(anna.clone(), &visit), None, "no territories: anywhere");
    anna.territories = vec![TerritoryIndex(3)];
    assert_eq!(refusal(anna.clone(), &visit), Some(Reason::Territory));
    anna.territories.push(TerritoryIndex(4));
    assert_eq!(refusal(anna, &visit), None);
}

#[test]
fn a_skill_must_be_there_at_its_level() {
    let mut visit = visit(km(3.0, 0.0));
    visit.skills = vec![Skill { skill: GAS, level: 2 }];
    let mut anna = engineer(km(0.0, 0.0));
    assert_eq!(refusal(anna.clone(), &visit), Some(Reason::Skill { skill: GAS, needs: 2, has: None }));
    anna.skills = vec![Skill { skill: GAS, level: 1 }];
    assert_eq!(refusal(anna.clone(), &visit), Some(Reason::Skill { skill: GAS, needs: 2, has: Some(1) }));
    anna.skills.push(Skill { skill: GAS, level: 3 });
    assert_eq!(refusal(anna, &visit), None, "a higher level includes the lower ones");
}

#[test]
fn a_certificate_must_last_until_the_end_of_the_visit() {
    let mut visit = visit(km(0.0, 0.0));
    visit.certificates = vec![PERMIT];
    visit.windows = vec![window(10.0, 12.0)];
    let mut anna = engineer(km(0.0, 0.0));
    let refused = |expires| Some(Reason::Certificate { certificate: PERMIT, expires });
    assert_eq!(refusal(anna.clone(), &visit), refused(None));
    let expires = |expires| vec![Certificate { certificate: PERMIT, expires }];
    anna.certificates = expires(Some(at(10.9)));
    assert_eq!(refusal(anna.clone(), &visit), refused(Some(at(10.9))));
    anna.certificates = expires(Some(at(11.0)));
    assert_eq!(refusal(anna.clone(), &visit), None);
    anna.certificates = expires(None);
    assert_eq!(refusal(anna.clone(), &visit), None);
    // Good until half past eleven, but not on site before eleven: the certificate is why the window does not help.
    anna.certificates = expires(Some(at(11.5)));
    anna.commitments =
        vec![Commitment { place: km(0.0, 0.0), interval: hours(9.0, 11.0), priority: Priority::ORDINARY }];
    assert_eq!(refusal(anna, &visit), Some(Reason::DoubleBooking));
}

#[test]
fn a_visit_must_fit_a_shift_and_clear_of_its_breaks() {
    let mut visit = visit(km(0.0, 0.0));
    visit.windows = vec![window(15.5, 18.0)];
    let mut anna = engineer(km(0.0, 0.0));
    assert_eq!(refusal(anna.clone(), &visit), Some(Reason::Shift), "it would end after the shift");
    visit.windows = vec![window(11.0, 12.0)];
    assert_eq!(refusal(anna.clone(), &visit), None);
    anna.shifts[0].breaks = vec![Break::fixed(hours(11.5, 12.5)).unwrap()];
    assert_eq!(refusal(anna.clone(), &visit), Some(Reason::Shift), "it would run into the break");
    anna.shifts.clear();
    assert_eq!(refusal(anna, &visit), Some(Reason::Shift));
}

#[test]
fn time_off_is_told_apart_from_having_no_shift() {
    let mut anna = engineer(km(0.0, 0.0));
    anna.time_off = vec![hours(0.0, 24.0)];
    assert_eq!(refusal(anna.clone(), &visit(km(0.0, 0.0))), Some(Reason::TimeOff));
    anna.time_off = vec![hours(0.0, 12.0)];
    let ranking = rank(&board(vec![anna], vec![]), &visit(km(0.0, 0.0)), &Policy::default());
    assert_eq!(ranking.best().unwrap().start, at(12.0));
}

#[test]
fn nobody_can_be_there_before_having_driven_there() {
    let mut visit = visit(km(60.0, 0.0));
    visit.windows = vec![window(8.0, 9.0)];
    assert_eq!(refusal(engineer(km(0.0, 0.0)), &visit), Some(Reason::Window), "60 km take three hours");
    visit.windows = vec![window(0.0, 1.0)];
    assert_eq!(refusal(engineer(km(0.0, 0.0)), &visit), Some(Reason::Shift));
    visit.windows = vec![window(-5.0, -1.0)];
    assert_eq!(refusal(engineer(km(0.0, 0.0)), &visit), Some(Reason::Window), "that is over");
}

#[test]
fn who_must_be_back_by_the_end_of_the_shift_is() {
    let mut visit = visit(km(20.0, 0.0));
    visit.windows = vec![window(14.5, 15.0)];
    let mut anna = engineer(km(0.0, 0.0));
    assert_eq!(refusal(anna.clone(), &visit), None);
    anna.shifts[0].to = Some(anna.home);
    assert_eq!(refusal(anna, &visit), Some(Reason::Window));
}

#[test]
fn an_engineer_is_in_one_place_at_a_time() {
    let mut visit = visit(km(10.0, 0.0));
    let mut anna = engineer(km(0.0, 0.0));
    let booked = |from, to| Commitment { place: km(0.0, 0.0), interval: hours(from, to), priority: Priority::ORDINARY };
    anna.commitments = vec![booked(8.0, 16.0)];
    assert_eq!(refusal(anna.clone(), &visit), Some(Reason::DoubleBooking));
    // An hour is free, but the way there and back takes the most part of another.
    anna.commitments = vec![booked(13.0, 16.0), booked(8.0, 12.0)];
    assert_eq!(refusal(anna.clone(), &visit), Some(Reason::DoubleBooking));
    visit.duration_s = 600;
    assert_eq!(refusal(anna.clone(), &visit), Some(Reason::DoubleBooking), "29 minutes there, 10, 29 back");
    visit.place = km(5.0, 0.0);
    assert_eq!(refusal(anna, &visit), None);
}

#[test]
fn bookings_that_overlap_already_leave_no_room_between_them() {
    let mut anna = engineer(km(0.0, 0.0));
    let booked = |from, to| Commitment { place: km(0.0, 0.0), interval: hours(from, to), priority: Priority::ORDINARY };
    anna.commitments = vec![booked(8.0, 14.0), booked(9.0, 10.0)];
    let ranking = rank(&board(vec![anna], vec![]), &visit(km(0.0, 0.0)), &Policy::default());
    assert_eq!(ranking.best().unwrap().start, at(14.0), "the short one does not end the long one");
}

#[test]
fn a_table_with_a_hole_is_a_road_that_nobody_takes() {
    let table = TravelTable::new(2, vec![0, TravelTable::NO_ROAD, 60, 0]).unwrap();
    let home = km(0.0, 0.0).with_row(0);
    let travel = Travel::Table { table, detour: 1.4 };
    let board = Board::new(MONDAY, travel, vec![engineer(home)], vec![]).unwrap();
    let refused = assess(&board, &visit(km(1.0, 0.0).with_row(1)), EngineerIndex(0), &Policy::default());
    assert_eq!(refused.err(), Some(Reason::Window));
}

#[test]
fn a_board_that_makes_no_sense_says_what_is_wrong() {
    let new = |engineer, visits| Board::new(MONDAY, Travel::Direct { detour: 1.4 }, vec![engineer], visits).err();
    let mut anna = engineer(km(0.0, 0.0));
    anna.speed_mps = f64::NAN;
    assert_eq!(new(anna, vec![]).unwrap().to_string(), "engineer 0: speed NaN m/s is not between 0.1 and 300",);
    let mut anna = engineer(km(0.0, 0.0));
    anna.shifts.push(Shift::open(hours(15.0, 20.0), km(0.0, 0.0)));
    assert_eq!(new(anna, vec![]), Some(BoardError::ShiftsOverlap { engineer: 0, one: 0, other: 1 }));
    let mut stray = visit(km(0.0, 0.0));
    stray.barred = vec![EngineerIndex(9)];
    let unknown = BoardError::NoSuchEngineer { visit: 0, field: "barred", engineer: 9 };
    assert_eq!(new(engineer(km(0.0, 0.0)), vec![stray]), Some(unknown));
    let mut never = visit(km(0.0, 0.0));
    never.due = Some(i64::MIN);
    assert_eq!(
        new(engineer(km(0.0, 0.0)), vec![never]).unwrap().to_string(),
        format!("visit 0: due: instant {} is outside of the years this engine calculates with", i64::MIN),
    );
}
