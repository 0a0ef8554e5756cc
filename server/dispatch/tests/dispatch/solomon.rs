//! Solomon's instances, where the shortest tours are known. Ours have no capacities, so only those of the second
//! kind are taken, whose vehicles have more room than their windows let them use.

use callout_dispatch::*;

#[test]
fn c201_is_near_the_best_known() {
    assert_gap(include_str!("../data/solomon/C201.txt"), 589.1, 1.01);
}

#[test]
fn r201_is_near_the_best_known() {
    assert_gap(include_str!("../data/solomon/R201.txt"), 1143.2, 1.06);
}

fn assert_gap(instance: &str, best_known: f64, allowed: f64) {
    let board = parsed(instance);
    let no_extras = Policy { full_load_s: 0, wait_permille: [0; 5], ..Policy::default() };
    let plan = plan(&board, &no_extras, Budget::rounds(3000), 1);
    assert_eq!(crate::checker::faults(&board, &plan), [""; 0]);
    assert_eq!(plan.unserved, []);
    let distance = plan.score.travel_s as f64 / 10.0;
    println!("distance {distance}, best known {best_known}: {:+.2} %", 100.0 * (distance / best_known - 1.0));
    assert!(distance <= best_known * allowed, "{distance} against {best_known}");
}

/// Times and distances in tenths, cut, as the best known values are counted.
fn parsed(instance: &str) -> Board {
    let rows =
        instance.lines().map(|line| line.split_whitespace().map_while(|word| word.parse::<i64>().ok()).collect());
    let rows: Vec<Vec<i64>> = rows.filter(|row: &Vec<i64>| row.len() == 2 || row.len() == 7).collect();
    let (vehicles, stops) = (rows[0][0], &rows[1..]);
    let tenths = |a: &[i64], b: &[i64]| {
        let square = (a[1] - b[1]).pow(2) + (a[2] - b[2]).pow(2);
        ((square as f64).sqrt() * 10.0).floor() as u32
    };
    let seconds = stops.iter().flat_map(|from| stops.iter().map(move |to| tenths(from, to))).collect();
    let table = TravelTable::new(stops.len() as u32, seconds).unwrap();
    let place = |row: usize| Place::new(0.0, 0.0).unwrap().with_row(row as u32);
    let depot = Interval::new(stops[0][4] * 10, stops[0][5] * 10).unwrap();
    let mut engineer = Engineer::new(place(0));
    engineer.shifts.push(Shift::round_trip(depot, place(0)));
    let visit = |(number, stop): (usize, &Vec<i64>)| {
        let mut visit = Visit::new(place(number), stop[6] as u32 * 10);
        visit.windows = vec![TimeWindow::new(stop[4] * 10, stop[5] * 10).unwrap()];
        visit
    };
    let visits = stops.iter().enumerate().skip(1).map(visit).collect();
    let travel = Travel::Table { table, detour: 1.0 };
    Board::new(0, travel, vec![engineer; vehicles as usize], visits).unwrap()
}
