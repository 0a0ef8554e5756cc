use proptest::prelude::*;

use super::*;

const NOW: ServerTime = ServerTime(1_800_000_000_000);
const MINUTE: i64 = 60_000;

fn on_shift() -> Standing {
    Standing { shifts: vec![span(-8 * 60, 60)], ..Standing::default() }
}

fn span(start_min: i64, end_min: i64) -> Span {
    Span { start: ServerTime(NOW.0 + start_min * MINUTE), end: ServerTime(NOW.0 + end_min * MINUTE) }
}

/// A fix this many seconds before now.
fn fix(seconds_ago: i64, lat: f64, lon: f64) -> Fix {
    let device_time = DeviceTime(NOW.0 - seconds_ago * 1_000);
    Fix { device_time, lat, lon, accuracy_m: Some(10.0), heading_deg: None, speed_mps: None }
}

fn verdicts(fixes: &[Fix], standing: &Standing) -> Vec<Result<(), Reason>> {
    judge(fixes, Skew(0), NOW, standing).into_iter().map(|verdict| verdict.map(|_| ())).collect()
}

#[test]
fn a_drive_is_believed() {
    let drive: Vec<Fix> = (0..50_i32).map(|n| fix(i64::from(30 * n), 40.7 + f64::from(n) * 0.004, -74.0)).collect();
    assert!(verdicts(&drive, &on_shift()).iter().all(Result::is_ok));
}

#[test]
fn each_bad_fix_is_refused_for_its_reason() {
    let cases = [
        (fix(-180, 40.7, -74.0), Reason::Future),
        (fix(15 * 24 * 3_600, 40.7, -74.0), Reason::Stale),
        (fix(9 * 3_600, 40.7, -74.0), Reason::OffShift),
        (fix(10, 0.0, 0.0), Reason::NoFix),
        (fix(10, -0.0, 0.0), Reason::NoFix),
        (fix(10, 90.01, 0.0), Reason::OutOfRange),
        (fix(10, 40.0, -180.5), Reason::OutOfRange),
        (fix(10, f64::NAN, 0.0), Reason::OutOfRange),
        (Fix { accuracy_m: Some(-1.0), ..fix(10, 40.7, -74.0) }, Reason::Implausible),
        (Fix { heading_deg: Some(361.0), ..fix(10, 40.7, -74.0) }, Reason::Implausible),
        (Fix { speed_mps: Some(f64::INFINITY), ..fix(10, 40.7, -74.0) }, Reason::Implausible),
        (Fix { speed_mps: Some(260.0), ..fix(10, 40.7, -74.0) }, Reason::TooFast),
    ];
    for (bad, reason) in cases {
        assert_eq!(verdicts(&[bad], &on_shift()), [Err(reason)], "{bad:?}");
    }
    assert_eq!(verdicts(&[fix(10, 40.7, -74.0), fix(10, 40.8, -74.0)], &on_shift()), [Ok(()), Err(Reason::Duplicate)]);
}

#[test]
fn a_fix_two_minutes_ahead_is_still_believed() {
    assert_eq!(verdicts(&[fix(-120, 40.7, -74.0)], &on_shift()), [Ok(())]);
    assert_eq!(verdicts(&[fix(-121, 40.7, -74.0)], &on_shift()), [Err(Reason::Future)]);
}

#[test]
fn five_minutes_around_a_shift_belong_to_it_and_time_off_does_not() {
    let standing = Standing { shifts: vec![span(-60, -10)], time_off: vec![span(-40, -20)], ..Standing::default() };
    let at = |minutes_ago: i64| verdicts(&[fix(minutes_ago * 60, 40.7, -74.0)], &standing).pop().unwrap();
    assert_eq!(at(66), Err(Reason::OffShift));
    assert_eq!(at(65), Ok(()));
    assert_eq!(at(36), Ok(()));
    assert_eq!(at(30), Err(Reason::OffShift));
    assert_eq!(at(24), Ok(()));
    assert_eq!(at(5), Ok(()));
    assert_eq!(at(4), Err(Reason::OffShift));
}

#[test]
fn a_clock_years_off_is_corrected() {
    let year = 365 * 24 * 60 * MINUTE;
    let ahead = Fix { device_time: DeviceTime(NOW.0 + year - 5_000), ..fix(0, 40.7, -74.0) };
    assert_eq!(judge(&[ahead], Skew(year), NOW, &on_shift()), [Ok(ServerTime(NOW.0 - 5_000))]);
}

#[test]
fn one_jump_is_refused_and_the_drive_goes_on() {
    let fixes = [fix(90, 40.70, -74.0), fix(60, 48.85, 2.35), fix(30, 40.71, -74.0), fix(0, 40.72, -74.0)];
    assert_eq!(verdicts(&fixes, &on_shift()), [Ok(()), Err(Reason::TooFast), Ok(()), Ok(())]);
}

#[test]
fn a_bad_fix_that_was_believed_does_not_freeze_the_map() {
    let paris = Known { at: ServerTime(NOW.0 - 120_000), lat: 48.85, lon: 2.35, accuracy_m: None };
    let mut standing = Standing { believed: Some(paris), ..on_shift() };
    let home = [fix(90, 40.70, -74.0), fix(60, 40.701, -74.0), fix(30, 40.702, -74.0), fix(0, 40.703, -74.0)];
    assert_eq!(verdicts(&home, &standing), [Err(Reason::TooFast), Err(Reason::TooFast), Ok(()), Ok(())]);
    // The same, one fix a batch: what was doubted before is remembered.
    let known = |fix: &Fix| Known { at: ServerTime(fix.device_time.0), lat: fix.lat, lon: fix.lon, accuracy_m: None };
    standing.doubted = vec![known(&home[0]), known(&home[1])];
    assert_eq!(verdicts(&home[2..3], &standing), [Ok(())]);
}

#[test]
fn back_fill_is_compared_with_what_came_after_it() {
    let believed = Known { at: NOW, lat: 40.7, lon: -74.0, accuracy_m: None };
    let standing = Standing { believed: Some(believed), ..on_shift() };
    let older = [fix(30, 40.69, -74.0), fix(60, 10.0, 10.0), fix(90, 40.68, -74.0)];
    assert_eq!(verdicts(&older, &standing), [Ok(()), Err(Reason::TooFast), Ok(())]);
}

fn any_float() -> impl Strategy<Value = f64> {
    prop_oneof![-200.0..200.0, any::<f64>(), Just(0.0), Just(f64::NAN), Just(f64::INFINITY)]
}

prop_compose! {
    fn any_fix()(
        device_time in prop_oneof![NOW.0 - 10_000_000..NOW.0 + 1_000_000, any::<i64>()],
        lat in any_float(), lon in any_float(),
        accuracy_m in proptest::option::of(any_float()),
        heading_deg in proptest::option::of(any_float()),
        speed_mps in proptest::option::of(any_float()),
    ) -> Fix {
        Fix { device_time: DeviceTime(device_time), lat, lon, accuracy_m, heading_deg, speed_mps }
    }
}

prop_compose! {
    fn any_standing()(
        shift in proptest::option::of((-1_000..1_000_i64, 1..1_000_i64)),
        believed in proptest::option::of((any::<i64>(), -90.0..90.0, -180.0..180.0)),
    ) -> Standing {
        Standing {
            shifts: shift.map(|(start, length)| span(start, start + length)).into_iter().collect(),
            believed: believed.map(|(at, lat, lon)| Known { at: ServerTime(at), lat, lon, accuracy_m: None }),
            ..Standing::default()
        }
    }
}

proptest! {
    #[test]
    fn whatever_a_phone_sends_only_good_fixes_pass(
        fixes in proptest::collection::vec(any_fix(), 0..40),
        skew in prop_oneof![Just(0), any::<i64>()],
        standing in any_standing(),
    ) {
        let verdicts = judge(&fixes, Skew(skew), NOW, &standing);
        prop_assert_eq!(verdicts.len(), fixes.len());
        let mut times = std::collections::BTreeSet::new();
        for (fix, verdict) in fixes.iter().zip(verdicts) {
            let Ok(at) = verdict else { continue };
            prop_assert!(at.0 <= NOW.0 + FUTURE_MS && at.0 >= NOW.0 - STALE_MS);
            prop_assert!(is_on_duty(at, &standing));
            prop_assert!(fix.lat.abs() <= 90.0 && fix.lon.abs() <= 180.0 && (fix.lat, fix.lon) != (0.0, 0.0));
            prop_assert!(times.insert(fix.device_time));
        }
    }

    /// The order within a batch says nothing: newest first or oldest first, the same fixes pass.
    #[test]
    fn the_order_of_a_batch_does_not_matter(fixes in proptest::collection::vec(any_fix(), 0..20), standing in any_standing()) {
        let mut seen = std::collections::BTreeSet::new();
        let fixes: Vec<Fix> = fixes.into_iter().filter(|fix| seen.insert(fix.device_time)).collect();
        let forward = judge(&fixes, Skew(0), NOW, &standing);
        let backward: Vec<Fix> = fixes.iter().rev().copied().collect();
        let mut backward = judge(&backward, Skew(0), NOW, &standing);
        backward.reverse();
        prop_assert_eq!(forward, backward);
    }

    /// Two fixes that are believed one after the other never contradict each other, unless a third outvoted.
    #[test]
    fn a_pair_is_never_believed_at_more_than_900_km_h(lat in -89.0..89.0, lon in -179.0..179.0, to_lat in -89.0..89.0, to_lon in -179.0..179.0, seconds in 1..3_600_i64) {
        let (from, to) = (fix(seconds, lat, lon), fix(0, to_lat, to_lon));
        let known = |fix: &Fix| Known { at: ServerTime(fix.device_time.0), lat: fix.lat, lon: fix.lon, accuracy_m: fix.accuracy_m };
        let verdicts = judge(&[from, to], Skew(0), NOW, &on_shift());
        let is_possible = could_travel(&known(&from), &known(&to));
        prop_assert_eq!(verdicts[1].is_ok(), is_possible);
        prop_assert_eq!(is_possible, distance_m(&known(&from), &known(&to)) <= 250.0 * seconds as f64 + 20.0);
    }
}
