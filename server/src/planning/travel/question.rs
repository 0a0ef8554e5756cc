//! Between which places anybody may drive on a board: to and from the visits, and along what is booked. All other
//! pairs are nobody's business, and with a week of bookings they are most of the square.

use std::collections::HashMap;

use callout_dispatch::{Engineer, Place, Visit};

use super::spot::Spot;

/// The places of a board, those of visits first, and the drives on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    spots: Vec<Spot>,
    rows: HashMap<Spot, u32>,
    visits: u32,
    /// Drives between places that are not visits, each once.
    legs: Vec<(u32, u32)>,
}

impl Question {
    /// About these engineers and visits.
    pub fn about(engineers: &[Engineer], visits: &[Visit]) -> Self {
        let mut question = Self { spots: Vec::new(), rows: HashMap::new(), visits: 0, legs: Vec::new() };
        for visit in visits {
            question.row(visit.place);
        }
        question.visits = question.side();
        let mut legs = Vec::new();
        for engineer in engineers {
            let mut row = |place: Place| question.row(place);
            let mut ends: Vec<u32> =
                [Some(engineer.home), engineer.position].into_iter().flatten().map(&mut row).collect();
            ends.extend(engineer.shifts.iter().map(|shift| row(shift.from)));
            let homes: Vec<u32> = engineer.shifts.iter().filter_map(|shift| shift.to).map(&mut row).collect();
            let mut commitments: Vec<_> = engineer.commitments.iter().collect();
            commitments.sort_by_key(|commitment| (commitment.interval.start(), commitment.interval.end()));
            let booked: Vec<u32> = commitments.iter().map(|commitment| row(commitment.place)).collect();
            legs.extend(booked.windows(2).map(|pair| (pair[0], pair[1])));
            // Which of them is the first or the last of a shift is the engine's to say.
            for from in ends {
                legs.extend(booked.iter().chain(&homes).map(|to| (from, *to)));
            }
            for to in homes {
                legs.extend(booked.iter().map(|from| (*from, to)));
            }
        }
        let visits = question.visits;
        legs.retain(|(from, to)| from != to && *from >= visits && *to >= visits);
        // Neighbours in the list are driven by one engineer: one request asks for many of them.
        let mut seen = std::collections::HashSet::with_capacity(legs.len());
        legs.retain(|leg| seen.insert(*leg));
        question.legs = legs;
        question
    }

    /// Tells every place which row of the table is its own, but those that are off the map.
    pub fn number(&self, engineers: &mut [Engineer], visits: &mut [Visit], off_the_map: &[bool]) {
        let number = |place: &mut Place| {
            let row = self.rows.get(&Spot::of(*place)).filter(|row| !off_the_map[**row as usize]);
            if let Some(row) = row {
                *place = place.with_row(*row);
            }
        };
        visits.iter_mut().for_each(|visit| number(&mut visit.place));
        for engineer in engineers {
            number(&mut engineer.home);
            engineer.position.iter_mut().for_each(number);
            engineer.commitments.iter_mut().for_each(|commitment| number(&mut commitment.place));
            for shift in &mut engineer.shifts {
                number(&mut shift.from);
                shift.to.iter_mut().for_each(number);
            }
        }
    }

    /// Every place once, those of visits first.
    pub fn spots(&self) -> &[Spot] {
        &self.spots
    }

    /// How many places there are.
    #[expect(clippy::cast_possible_truncation, reason = "a board holds at most a million engineers and visits")]
    pub fn side(&self) -> u32 {
        self.spots.len() as u32
    }

    /// How many of them are places of visits.
    pub fn visits(&self) -> u32 {
        self.visits
    }

    pub fn legs(&self) -> &[(u32, u32)] {
        &self.legs
    }

    /// How many drives that is.
    pub fn drives(&self) -> usize {
        let (visits, side) = (self.visits as usize, self.spots.len());
        visits.saturating_mul(2 * side - visits).saturating_add(self.legs.len())
    }

    fn row(&mut self, place: Place) -> u32 {
        let next = self.side();
        let spot = Spot::of(place);
        *self.rows.entry(spot).or_insert_with(|| {
            self.spots.push(spot);
            next
        })
    }
}
