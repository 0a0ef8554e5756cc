//! The way between a phone and the server, good or bad: what becomes of each request is drawn from a seed.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

/// How bad the way is: of 100 requests, so many meet this fate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Faults {
    /// Never arrive.
    pub requests_lost: u32,
    /// Arrive and are answered, but the answer does not come back.
    pub replies_lost: u32,
    /// Arrive twice.
    pub doubled: u32,
    /// Their batches arrive beforehand, one by one and in any order, and the answers to that are lost.
    pub shuffled: u32,
}

impl Faults {
    /// A basement with a door that opens now and then.
    pub fn basement() -> Self {
        Self { requests_lost: 15, replies_lost: 20, doubled: 20, shuffled: 15 }
    }
}

/// What becomes of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    Arrives,
    RequestLost,
    ReplyLost,
    Doubled,
    Shuffled,
}

/// One phone's way to the server.
#[derive(Debug)]
pub struct Link {
    pub is_up: bool,
    faults: Faults,
    dice: StdRng,
    fates: BTreeMap<Fate, usize>,
}

impl Link {
    /// A way without faults; `seed` decides what happens once there are some.
    pub fn new(seed: u64) -> Self {
        Self { is_up: true, faults: Faults::default(), dice: StdRng::seed_from_u64(seed), fates: BTreeMap::new() }
    }

    /// From now on so bad.
    pub fn set_faults(&mut self, faults: Faults) {
        self.faults = faults;
    }

    /// What becomes of the next request.
    pub fn draw(&mut self) -> Fate {
        let fate = self.throw();
        *self.fates.entry(fate).or_default() += 1;
        fate
    }

    /// How many requests met which fate so far.
    pub fn fates(&self) -> &BTreeMap<Fate, usize> {
        &self.fates
    }

    fn throw(&mut self) -> Fate {
        let Faults { requests_lost, replies_lost, doubled, shuffled } = self.faults;
        let mut throw = self.dice.random_range(0..100);
        for (share, fate) in [
            (requests_lost, Fate::RequestLost),
            (replies_lost, Fate::ReplyLost),
            (doubled, Fate::Doubled),
            (shuffled, Fate::Shuffled),
        ] {
            if throw < share {
                return fate;
            }
            throw -= share;
        }
        Fate::Arrives
    }

    /// Puts batches into any order.
    pub fn shuffle<T>(&mut self, batches: &mut [T]) {
        batches.shuffle(&mut self.dice);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_good_way_loses_nothing_and_a_seed_repeats_itself() {
        let mut good = Link::new(1);
        assert!((0..200).all(|_| good.draw() == Fate::Arrives));
        let fates = |seed| {
            let mut link = Link::new(seed);
            link.set_faults(Faults::basement());
            (0..200).map(|_| link.draw()).collect::<Vec<_>>()
        };
        assert_eq!(fates(7), fates(7));
        assert_ne!(fates(7), fates(8));
        for fate in [Fate::Arrives, Fate::RequestLost, Fate::ReplyLost, Fate::Doubled, Fate::Shuffled] {
            assert!(fates(7).contains(&fate), "{fate:?}");
        }
    }
}
