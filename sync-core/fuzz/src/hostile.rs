//! Hostile changes by the million, each known by its number.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use sync_sim::chance::Chance;

use crate::body::bodies;
use crate::mutant::{self, chunk};
use crate::quiet;
use crate::target::{Answer, answer_to};
use crate::ticket::{Ground, grounds, honest};

/// What became of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    pub refused: BTreeMap<&'static str, u64>,
    pub passed: u64,
    /// Taken apart and put together again; the others are noise.
    pub forged: u64,
    /// Each with what did not hold.
    pub harmful: Vec<(u64, String)>,
}

impl Tally {
    fn add(&mut self, other: Tally) {
        for (code, count) in other.refused {
            *self.refused.entry(code).or_default() += count;
        }
        self.passed += other.passed;
        self.forged += other.forged;
        self.harmful.extend(other.harmful);
    }

    /// How many were tried.
    pub fn tried(&self) -> u64 {
        self.refused.values().sum::<u64>() + self.passed + self.harmful.len() as u64
    }
}

/// Every honest change, on every ground.
pub struct Honest(Vec<(&'static Ground, Vec<u8>)>);

impl Honest {
    pub fn new() -> Self {
        let on = |ground| bodies().into_iter().map(move |body| (ground, mutant::body(&honest(ground, body)).to_vec()));
        Self(grounds().iter().flat_map(on).collect())
    }

    /// The mutant with this number: where it is tried, its chunk, and whether it is forged.
    pub fn mutant(&self, number: u64) -> (&'static Ground, Vec<u8>, bool) {
        let mut chance = Chance(number);
        let (ground, body) = &self.0[chance.below(self.0.len())];
        if chance.below(2) == 0
            && let Some(forged) = mutant::forge(body, &mut chance)
        {
            return (ground, chunk(&forged), true);
        }
        let mut noisy = body.clone();
        mutant::noise(&mut noisy, &mut chance);
        (ground, chunk(&noisy), false)
    }

    /// Tries the mutants with these numbers, on as many threads.
    pub fn try_all(&self, from: u64, count: u64, threads: usize, tried: &AtomicU64) -> Tally {
        let mut tally = Tally::default();
        let next = AtomicU64::new(0);
        std::thread::scope(|scope| {
            let one = || {
                let mut tally = Tally::default();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return tally;
                    }
                    self.try_one(from + number, &mut tally);
                    tried.fetch_add(1, Ordering::Relaxed);
                }
            };
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(one)).collect();
            workers.into_iter().for_each(|worker| tally.add(worker.join().expect("panics are caught")));
        });
        tally
    }

    fn try_one(&self, number: u64, tally: &mut Tally) {
        let (ground, raw, is_forged) = self.mutant(number);
        tally.forged += u64::from(is_forged);
        match quiet::caught(|| answer_to(ground, &raw)) {
            Ok(Answer::Passed) => tally.passed += 1,
            Ok(Answer::Refused(code)) => *tally.refused.entry(code).or_default() += 1,
            Err(why) => tally.harmful.push((number, why)),
        }
    }
}

impl Default for Honest {
    fn default() -> Self {
        Self::new()
    }
}
