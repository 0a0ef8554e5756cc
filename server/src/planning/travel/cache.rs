//! What routing engines have answered, for some days and up to so many bytes.
//!
//! In memory alone, for each process by itself. A table of Postgres would take sixty bytes, an index entry and a line of
//! the log for a number that the engine beside us works out again in microseconds; what it would save is one cold
//! question after a restart. Nothing here is the only copy of anything.
//!
//! Two generations: answers are put into the young one, and looked up in both. When the young one is full the old one
//! is forgotten and the young one takes its place. What is used is carried over, so what goes is what nobody asks for.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::time::Instant;

use super::drives::{Drives, UNKNOWN};
use super::question::Question;
use super::spot::Spot;
use super::tiles::Tile;

#[derive(Debug)]
pub struct Cache {
    began: Instant,
    /// Drives in a generation.
    most: usize,
    longest: Duration,
    generations: RwLock<[Generation; 2]>,
}

#[derive(Debug, Default)]
struct Generation {
    numbers: HashMap<Spot, u32>,
    drives: HashMap<(u32, u32), Known>,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    entry: u32,
    /// In minutes since the cache began.
    since: u32,
}

impl Cache {
    /// One that takes so many bytes, and forgets what it was told so long ago.
    pub fn new(bytes: usize, longest: Duration, now: Instant) -> Self {
        Self { began: now, most: (bytes / 2 / BYTES_EACH).max(1), longest, generations: RwLock::default() }
    }

    /// The answers to a question, as far as they are known.
    pub fn look_up(&self, question: Arc<Question>, now: Instant) -> Drives {
        let generations = self.generations.read().unwrap_or_else(PoisonError::into_inner);
        let numbers = generations.each_ref().map(|generation| {
            let number = |spot: &Spot| generation.numbers.get(spot).copied();
            question.spots().iter().map(number).collect::<Vec<_>>()
        });
        let now_min = self.minutes(now);
        let fresh = |known: &&Known| u64::from(now_min.saturating_sub(known.since)) * 60 <= self.longest.as_secs();
        let mut carried = Vec::new();
        let drives = {
            let [young, old] = &*generations;
            let find = |generation: &Generation, numbers: &[Option<u32>], from: u32, to: u32| {
                let key = (numbers[from as usize]?, numbers[to as usize]?);
                generation.drives.get(&key).filter(fresh).copied()
            };
            Drives::new(Arc::clone(&question), |from, to| {
                if let Some(known) = find(young, &numbers[0], from, to) {
                    return known.entry;
                }
                let Some(known) = find(old, &numbers[1], from, to) else { return UNKNOWN };
                carried.push((from, to, known));
                known.entry
            })
        };
        drop(generations);
        if !carried.is_empty() {
            let mut generations = self.generations.write().unwrap_or_else(PoisonError::into_inner);
            let spot = |row: u32| question.spots()[row as usize];
            carried.iter().for_each(|(from, to, known)| self.put(&mut generations, spot(*from), spot(*to), *known));
        }
        drives
    }

    /// Keeps what an engine has answered.
    pub fn keep(&self, question: &Question, tile: &Tile, entries: &[u32], now: Instant) {
        let mut generations = self.generations.write().unwrap_or_else(PoisonError::into_inner);
        let since = self.minutes(now);
        let spot = |row: &u32| question.spots()[*row as usize];
        let drives = tile.from.iter().flat_map(|from| tile.to.iter().map(move |to| (from, to)));
        for ((from, to), entry) in drives.zip(entries) {
            self.put(&mut generations, spot(from), spot(to), Known { entry: *entry, since });
        }
    }

    fn put(&self, generations: &mut [Generation; 2], from: Spot, to: Spot, known: Known) {
        if generations[0].drives.len() >= self.most {
            generations.swap(0, 1);
            generations[0] = Generation::default();
        }
        let young = &mut generations[0];
        let key = (young.number(from), young.number(to));
        young.drives.insert(key, known);
    }

    #[expect(clippy::cast_possible_truncation, reason = "no process runs for eight thousand years")]
    fn minutes(&self, now: Instant) -> u32 {
        (now.saturating_duration_since(self.began).as_secs() / 60) as u32
    }
}

impl Generation {
    #[expect(clippy::cast_possible_truncation, reason = "there are fewer places than drives, and these have a limit")]
    fn number(&mut self, spot: Spot) -> u32 {
        let next = self.numbers.len() as u32;
        *self.numbers.entry(spot).or_insert(next)
    }
}

/// What a drive takes in a hash table that has just grown, with its share of the places.
const BYTES_EACH: usize = 56;

#[cfg(test)]
mod tests {
    use callout_dispatch::{Place, Visit};

    use super::*;
    use crate::planning::travel::tiles::Part;

    fn question(visits: u32) -> Arc<Question> {
        let visit = |number: u32| Visit::new(Place::new(60.0 + f64::from(number) / 1000.0, 24.0).unwrap(), 60);
        Arc::new(Question::about(&[], &(0..visits).map(visit).collect::<Vec<_>>()))
    }

    fn answer(cache: &Cache, question: &Question, rows: std::ops::Range<u32>, now: Instant) {
        let rows: Vec<u32> = rows.collect();
        let entries = vec![7; rows.len() * rows.len()];
        cache.keep(question, &Tile { part: Part::Away, from: rows.clone(), to: rows }, &entries, now);
    }

    #[test]
    fn what_is_old_is_not_known_any_more() {
        let begin = Instant::now();
        let cache = Cache::new(1 << 20, Duration::from_secs(7_200), begin);
        answer(&cache, &question(2), 0..2, begin);
        let unknown = |minutes: u64| cache.look_up(question(2), begin + Duration::from_secs(minutes * 60)).unknown();
        assert_eq!((unknown(0), unknown(120), unknown(121)), (0, 0, 2));
        let drives = cache.look_up(question(2), begin);
        assert_eq!(drives.away(), [0, 7, 7, 0]);
    }

    #[test]
    fn what_is_used_stays_and_what_is_not_goes() {
        let begin = Instant::now();
        // Twenty drives in a generation.
        let cache = Cache::new(2 * 20 * BYTES_EACH, Duration::from_secs(7_200), begin);
        let all = question(12);
        answer(&cache, &all, 0..3, begin);
        for first in [3, 6, 9] {
            answer(&cache, &all, first..first + 3, begin);
            let used = cache.look_up(question(3), begin);
            assert_eq!(used.unknown(), 0, "asked for all the time");
        }
        let kept = cache.generations.read().unwrap().iter().map(|generation| generation.drives.len()).max();
        assert!(kept <= Some(20), "{kept:?}");
        assert!(cache.look_up(all, begin).unknown() > 12 * 11 - 4 * 6, "what nobody asked for again is forgotten");
    }
}
