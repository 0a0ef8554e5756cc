//! Makes a failing run shorter: leaves out steps as long as the same invariant breaks.

use std::collections::BTreeSet;

use crate::run::{Broken, run};
use crate::world::World;

/// The steps that can be left out, and what breaks without them. Each step has its own chance, so that the others do not
/// change.
pub fn minimise(world: World, seed: u64, broken: Broken) -> (BTreeSet<usize>, Broken) {
    let (mut skip, mut broken) = (BTreeSet::new(), broken);
    let mut chunk = world.steps.next_power_of_two() / 2;
    while chunk > 0 {
        for from in (0..world.steps).step_by(chunk) {
            let mut fewer = skip.clone();
            fewer.extend(from..(from + chunk).min(world.steps));
            if fewer.len() == skip.len() {
                continue;
            }
            match run(world, seed, &fewer) {
                Err(again) if again.invariant == broken.invariant => (skip, broken) = (fewer, again),
                _ => {}
            }
        }
        chunk /= 2;
    }
    (skip, broken)
}
