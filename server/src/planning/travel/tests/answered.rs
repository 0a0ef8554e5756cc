//! Engines that answer: what is asked for, how often, and what becomes of it.

use callout_dispatch::{TravelTable, Visit};

use super::super::informed;
use super::*;
use crate::planning::PlanningError;

#[tokio::test]
async fn every_drive_of_a_board_is_as_the_engine_says() {
    let fake = Fake::osrm().await;
    let (mut crew, mut wanted) = (engineers(3, 2), visits(4));
    let travelled = travel(&fake.roads("osrm"), &mut crew, &mut wanted).await;
    assert_eq!((travelled.used.source.as_str(), travelled.used.because.as_deref()), ("osrm", None));
    let at = |place: Place| (place.latitude_deg(), place.longitude_deg());
    let check = |from: Place, to: Place| {
        let expected = seconds(at(from), at(to)).map(|seconds| seconds.ceil() as i64);
        let known = drive_s(&travelled, from, to);
        assert!(known.zip(expected).is_some_and(|(a, b)| (a - b).abs() <= 1), "{from:?} {to:?} {known:?} {expected:?}");
    };
    for visit in &wanted {
        for other in &wanted {
            check(visit.place, other.place);
        }
        for engineer in &crew {
            for place in [engineer.home, engineer.commitments[0].place, engineer.commitments[1].place] {
                check(visit.place, place);
                check(place, visit.place);
            }
        }
    }
    for engineer in &crew {
        let [first, second] = [0, 1].map(|number: usize| engineer.commitments[number].place);
        check(engineer.home, first);
        check(first, second);
        check(second, engineer.home);
    }
    // What nobody drives has not been asked for.
    assert_eq!(drive_s(&travelled, crew[0].home, crew[1].home), None);
}

#[tokio::test]
async fn no_road_is_no_road_and_not_a_short_one() {
    let fake = Fake::osrm().await;
    let mut wanted = vec![Visit::new(place(60.0, 24.0), 600), Visit::new(place(60.0, 25.0), 600)];
    let travelled = travel(&fake.roads("osrm"), &mut [], &mut wanted).await;
    let Travel::Table { table, .. } = &travelled.travel else { panic!("a table") };
    assert_eq!((table.seconds(0, 1), table.seconds(1, 1)), (None, Some(0)));
    assert_eq!(TravelTable::NO_ROAD, u32::MAX);
}

#[tokio::test]
async fn many_small_requests_say_what_one_large_one_says() {
    let fake = Fake::osrm().await;
    let (mut crew, mut wanted) = (engineers(5, 1), visits(30));
    let whole = travel(&fake.roads("osrm"), &mut crew, &mut wanted).await;
    let large = fake.requests();
    let small = fake.roads_in("osrm", |manner| manner.limits.pairs = 16);
    let (mut same_crew, mut same_wanted) = (engineers(5, 1), visits(30));
    let cut = travel(&small, &mut same_crew, &mut same_wanted).await;
    assert!(fake.requests() - large > 50, "{large} and {}", fake.requests());
    for (one, other) in wanted.iter().zip(&same_wanted) {
        for (visit, same) in wanted.iter().zip(&same_wanted) {
            assert_eq!(drive_s(&whole, one.place, visit.place), drive_s(&cut, other.place, same.place));
        }
        for (engineer, same) in crew.iter().zip(&same_crew) {
            assert_eq!(drive_s(&whole, engineer.home, one.place), drive_s(&cut, same.home, other.place));
        }
    }
}

#[tokio::test]
async fn a_day_that_is_planned_again_asks_only_for_what_is_new() {
    let fake = Fake::osrm().await;
    let roads = fake.roads("osrm");
    travel(&roads, &mut engineers(20, 0), &mut visits(200)).await;
    let (requests, drives) = (fake.requests(), fake.drives());
    travel(&roads, &mut engineers(20, 0), &mut visits(200)).await;
    assert_eq!(fake.requests(), requests, "the same day is known");
    travel(&roads, &mut engineers(20, 0), &mut visits(205)).await;
    let (asked, more) = (fake.requests() - requests, fake.drives() - drives);
    // Five rows of 225 and five columns of 220: nothing of the other 49,500.
    assert!(asked <= 6 && more <= 5 * 225 + 220 * 5, "{asked} requests for {more} drives");
}

#[tokio::test]
async fn who_could_take_one_visit_is_asked_for_there_and_back_alone() {
    let fake = Fake::osrm().await;
    let roads = fake.roads("osrm");
    travel(&roads, &mut engineers(300, 0), &mut visits(1)).await;
    assert!(fake.requests() <= 3 && fake.drives() <= 601, "{} {}", fake.requests(), fake.drives());
}

#[tokio::test]
async fn a_memory_that_is_too_small_forgets_and_asks_again() {
    let fake = Fake::osrm().await;
    let roads = fake.roads_in("osrm", |manner| manner.cache_bytes = 2_000);
    for _ in 0..2 {
        let travelled = travel(&roads, &mut engineers(4, 0), &mut visits(20)).await;
        assert_eq!(travelled.used.source, "osrm");
    }
    assert!(fake.drives() > 500, "{}", fake.drives());
}

#[tokio::test]
async fn a_place_off_the_map_is_estimated_and_the_others_are_measured() {
    let fake = Fake::valhalla().await;
    let mut wanted = visits(40);
    wanted.push(Visit::new(place(65.0, 24.0), 600));
    let mut crew = engineers(3, 0);
    let travelled = travel(&fake.roads("valhalla"), &mut crew, &mut wanted).await;
    assert_eq!((travelled.used.source.as_str(), travelled.used.off_the_map), ("valhalla", 1));
    assert_eq!(wanted[40].place.row(), None, "so the engine estimates its drives");
    assert!(drive_s(&travelled, crew[2].home, wanted[39].place).is_some());
}

#[tokio::test]
async fn between_islands_there_is_no_road_and_on_each_there_is() {
    let fake = Fake::valhalla().await;
    let mut wanted = visits(30);
    wanted.extend((0..30).map(|number| Visit::new(place(60.0 + f64::from(number) / 2000.0, 26.5), 600)));
    wanted.sort_by_key(|visit| visit.place.latitude_deg().to_bits());
    let travelled = travel(&fake.roads("valhalla"), &mut [], &mut wanted).await;
    assert_eq!((travelled.used.source.as_str(), travelled.used.off_the_map), ("valhalla", 0));
    let is_east = |place: Place| place.longitude_deg() > 26.0;
    let Travel::Table { table, .. } = &travelled.travel else { panic!("a table") };
    for from in wanted.iter().map(|visit| visit.place) {
        for to in wanted.iter().map(|visit| visit.place) {
            let seconds = table.seconds(from.row().expect("a row"), to.row().expect("a row"));
            assert_eq!(seconds.is_some(), is_east(from) == is_east(to), "{from:?} {to:?}");
        }
    }
}

#[tokio::test]
async fn what_is_too_far_apart_is_estimated_and_spoils_nothing() {
    let fake = Fake::valhalla().await;
    let roads = fake.roads("valhalla");
    let mut wanted = visits(40);
    wanted.extend((0..3).map(|number| Visit::new(place(55.0 + f64::from(number) / 2000.0, 24.0), 600)));
    // In the sea off Africa, where sites without a position are put.
    wanted.push(Visit::new(place(0.0, 0.0), 600));
    let travelled = travel(&roads, &mut engineers(3, 0), &mut wanted).await;
    assert_eq!((travelled.used.source.as_str(), travelled.used.off_the_map), ("valhalla", 1));
    assert!(drive_s(&travelled, wanted[0].place, wanted[39].place).is_some());
    assert!(drive_s(&travelled, wanted[40].place, wanted[42].place).is_some());
    assert_eq!(drive_s(&travelled, wanted[0].place, wanted[40].place), None, "nobody has measured that");
    assert_eq!(wanted[43].place.row(), None);
    let asked = fake.requests();
    travel(&roads, &mut engineers(3, 0), &mut wanted).await;
    assert_eq!(fake.requests(), asked, "what cannot be measured is not asked for again");
}

#[tokio::test]
async fn a_unit_of_work_that_has_to_know_more_is_done_again_when_it_does() {
    let fake = Fake::osrm().await;
    let roads = fake.roads("osrm");
    let attempts = AtomicUsize::new(0);
    let work = |roads: Roads| {
        attempts.fetch_add(1, Ordering::Relaxed);
        async move { Ok::<_, PlanningError>(roads.travel(&mut engineers(2, 0), &mut visits(2), 1.4)?.used) }
    };
    assert_eq!(informed(&roads, work).await.expect("travel times").source, "osrm");
    assert_eq!(informed(&roads, work).await.expect("travel times").source, "osrm");
    assert_eq!(attempts.load(Ordering::Relaxed), 3, "twice at first, and once when all is known");
    assert_eq!(informed(&Roads::default(), work).await.expect("travel times").source, "direct");
    let unasked = roads.travel(&mut engineers(2, 0), &mut visits(9), 1.4).expect("an estimate").used;
    assert_eq!(unasked.because.as_deref(), Some("the drives have not been asked for"));
}
