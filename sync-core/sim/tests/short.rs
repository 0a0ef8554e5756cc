//! Some runs of every world; `make sim SEEDS=…` runs as many as asked.

use std::collections::BTreeSet;

use sync_sim::invariants::INVARIANTS;
use sync_sim::minimise::minimise;
use sync_sim::run::{Ending, run};
use sync_sim::world::{self, World};

/// Runs of each world.
const RUNS: u64 = 12;

fn holds(world: World) -> Vec<Ending> {
    let ending = |seed| match run(world, seed, &BTreeSet::new()) {
        Ok(ending) => ending,
        Err(broken) => {
            let (skip, broken) = minimise(world, seed, broken);
            panic!("world {}, seed {seed}, without steps {skip:?}: {broken:?}", world.name);
        }
    };
    (0..RUNS).map(ending).collect()
}

#[test]
fn bad_links_lose_nothing() {
    holds(world::LINKS);
}

#[test]
fn deaths_backups_and_clones_lose_nothing_that_was_not_theirs_to_lose() {
    holds(world::COPIES);
}

#[test]
fn a_server_that_goes_back_in_time_gets_it_all_again() {
    holds(world::RESTORES);
}

#[test]
fn a_hostile_phone_harms_itself() {
    holds(world::HOSTILE);
}

#[test]
fn phones_that_meet_carry_for_each_other_and_lose_nothing() {
    let carried: usize = holds(world::MEETINGS).iter().map(|ending| ending.carried).sum();
    assert!(carried > 20, "{carried}: too few to mean anything");
}

#[test]
fn of_those_who_want_the_same_ticket_one_gets_it() {
    let granted: usize = holds(world::POOL).iter().map(|ending| ending.granted).sum();
    assert!(granted > 20, "{granted}: too few to mean anything");
}

#[test]
fn all_at_once() {
    holds(world::ALL);
}

#[test]
fn a_run_is_its_number_and_nothing_else() {
    let once = run(world::ALL, 7, &BTreeSet::new()).expect("it holds");
    assert_eq!(run(world::ALL, 7, &BTreeSet::new()), Ok(once));
    assert!(once.saved > 0 && once.admitted > 0);
}

#[test]
fn every_invariant_stands_in_the_readme() {
    let readme = include_str!("../../README.md");
    for (name, says) in INVARIANTS {
        assert!(readme.contains(&format!("| `{name}` | {says} |")), "README.md: | `{name}` | {says} |");
    }
}
