//! The drives that a board is about, as far as they are known.

use std::collections::HashMap;
use std::sync::Arc;

use callout_dispatch::{TravelError, TravelTable};

use super::question::Question;
use super::tiles::{Part, Tile};

/// No way leads from here to there.
pub const NO_ROAD: u32 = TravelTable::NO_ROAD;
/// The engine cannot say: one of the two places is far from any road that it knows, or both are farther apart than it goes.
pub const OFF_THE_MAP: u32 = u32::MAX - 1;
/// Nobody has asked yet.
pub const UNKNOWN: u32 = u32::MAX - 2;

/// The answers to a question.
#[derive(Debug, Clone)]
pub struct Drives {
    question: Arc<Question>,
    /// From each visit to every place.
    away: Vec<u32>,
    /// From every place that is no visit to each visit.
    back: Vec<u32>,
    /// As in the question.
    legs: Vec<u32>,
}

impl Drives {
    /// What `known` says of every drive asked for.
    pub fn new(question: Arc<Question>, mut known: impl FnMut(u32, u32) -> u32) -> Self {
        let side = question.side();
        let visits = question.visits();
        let mut look = |from, to| if from == to { 0 } else { known(from, to) };
        let mut away = Vec::with_capacity(visits as usize * side as usize);
        (0..visits).for_each(|from| away.extend((0..side).map(|to| look(from, to))));
        let mut back = Vec::with_capacity((side - visits) as usize * visits as usize);
        (visits..side).for_each(|from| back.extend((0..visits).map(|to| look(from, to))));
        let legs = question.legs().iter().map(|(from, to)| look(*from, *to)).collect();
        Self { question, away, back, legs }
    }

    pub fn question(&self) -> &Arc<Question> {
        &self.question
    }

    /// How many are still to be asked for.
    pub fn unknown(&self) -> usize {
        let all = self.away.iter().chain(&self.back).chain(&self.legs);
        all.filter(|entry| **entry == UNKNOWN).count()
    }

    /// The drives from each visit to every place, row by row.
    pub fn away(&self) -> &[u32] {
        &self.away
    }

    pub fn back(&self) -> &[u32] {
        &self.back
    }

    pub fn legs(&self) -> &[u32] {
        &self.legs
    }

    /// Takes over what an engine has answered.
    pub fn fill(&mut self, tile: &Tile, entries: &[u32]) {
        let (visits, side) = (self.question.visits() as usize, self.question.side() as usize);
        let places = || tile.from.iter().flat_map(|from| tile.to.iter().map(|to| (*from as usize, *to as usize)));
        match tile.part {
            Part::Away => places().zip(entries).for_each(|((from, to), entry)| self.away[from * side + to] = *entry),
            Part::Back => {
                places().zip(entries).for_each(|((from, to), entry)| self.back[(from - visits) * visits + to] = *entry);
            }
            Part::Legs => {
                let answered: HashMap<(usize, usize), u32> = places().zip(entries.iter().copied()).collect();
                for ((from, to), entry) in self.question.legs().iter().zip(&mut self.legs) {
                    if let Some(answer) = answered.get(&(*from as usize, *to as usize)) {
                        *entry = *answer;
                    }
                }
            }
        }
        // A place is where it is, whatever an engine says.
        (0..visits).for_each(|visit| self.away[visit * side + visit] = 0);
    }

    /// Which places the engine cannot say anything of. Whoever drives from one drives to it as well, so one side tells.
    pub fn off_the_map(&self) -> Vec<bool> {
        let (visits, side) = (self.question.visits(), self.question.side());
        // A place is off the map if no drive between it and another has an answer, and some have been asked for.
        let mut asked = vec![false; side as usize];
        let mut answered = vec![false; side as usize];
        let mut see = |from: u32, to: u32, entry: u32| {
            if from == to {
                return;
            }
            for place in [from, to] {
                asked[place as usize] |= entry == OFF_THE_MAP;
                answered[place as usize] |= entry != OFF_THE_MAP && entry != UNKNOWN;
            }
        };
        for (number, entry) in (0..).zip(&self.away) {
            see(number / side, number % side, *entry);
        }
        for (number, entry) in (0..).zip(&self.back) {
            see(visits + number / visits, number % visits, *entry);
        }
        for ((from, to), entry) in self.question.legs().iter().zip(&self.legs) {
            see(*from, *to, *entry);
        }
        asked.iter().zip(&answered).map(|(asked, answered)| *asked && !answered).collect()
    }

    /// As the dispatch engine takes them: a square where most of it is known, a list where it would be mostly empty.
    pub fn table(&self) -> Result<TravelTable, TravelError> {
        let (visits, side) = (self.question.visits(), self.question.side());
        let entry = |entry: u32| if entry >= UNKNOWN && entry != NO_ROAD { TravelTable::NOT_MEASURED } else { entry };
        let drives = self.away.len() + self.back.len() + self.legs.len();
        let square = side as usize * side as usize;
        if square <= drives.saturating_mul(4).max(SMALL) {
            let mut seconds = vec![TravelTable::NOT_MEASURED; square];
            for ((from, to), known) in self.question.legs().iter().zip(&self.legs) {
                seconds[*from as usize * side as usize + *to as usize] = entry(*known);
            }
            for (at, known) in self.away.iter().enumerate() {
                seconds[at] = entry(*known);
            }
            for (number, known) in self.back.iter().enumerate() {
                let (from, to) = (visits as usize + number / visits as usize, number % visits as usize);
                seconds[from * side as usize + to] = entry(*known);
            }
            (0..side as usize).for_each(|place| seconds[place * side as usize + place] = 0);
            return TravelTable::new(side, seconds);
        }
        let away = (0..).zip(&self.away).map(|(number, known)| (number / side, number % side, entry(*known)));
        let back =
            (0..).zip(&self.back).map(|(number, known)| (visits + number / visits, number % visits, entry(*known)));
        let legs = self.question.legs().iter().zip(&self.legs).map(|((from, to), known)| (*from, *to, entry(*known)));
        TravelTable::listed(side, away.chain(back).chain(legs).collect())
    }
}

/// Entries that are no burden even if most are empty.
const SMALL: usize = 1 << 16;
