//! The places of a board by number, and the drives between them: looked up where they have been measured out, worked
//! out on the way where there are too many.

use crate::duty::Duty;
use crate::place::Place;
use crate::rest::NEVER;
use crate::travel::Travel;

/// Places by number ("nodes") and the speeds at which they are driven.
#[derive(Clone, Debug, Default)]
pub(crate) struct Atlas {
    pub places: Vec<Place>,
    speeds_mps: Vec<f64>,
    /// For each speed a square of seconds, row by row from a place to all others; empty as long as nobody asked for it.
    squares: Vec<Vec<u32>>,
    /// The same turned over, from all others to a place, if that is not the same.
    turned: Vec<Vec<u32>>,
}

/// The drives from all places to one, and from it to all others, if they have been worked out.
#[derive(Clone, Copy)]
pub(crate) struct Drives<'a> {
    into: &'a [u32],
    onto: &'a [u32],
}

impl Atlas {
    /// The number of a place that is new to it.
    pub fn add(&mut self, place: Place) -> u32 {
        self.places.push(place);
        (self.places.len() - 1) as u32
    }

    /// Puts the ends of a duty and its speed on the map.
    pub fn settle(&mut self, duty: &mut Duty) {
        duty.from_node = self.add(duty.from);
        duty.to_node = duty.to.map(|to| self.add(to));
        let known = self.speeds_mps.iter().position(|speed| *speed == duty.speed_mps);
        duty.pace = known.unwrap_or_else(|| {
            self.speeds_mps.push(duty.speed_mps);
            self.speeds_mps.len() - 1
        }) as u32;
    }

    /// Works out every drive beforehand, unless that would take more than [`MOST_ENTRIES`].
    pub fn measure(&mut self, travel: &Travel) {
        let side = self.places.len();
        // A table says the same at every speed, unless some place has no row in it.
        let is_one = matches!(travel, Travel::Table { .. }) && self.places.iter().all(|place| place.row().is_some());
        let squares = if is_one { 1 } else { self.speeds_mps.len() };
        if side.saturating_mul(side).saturating_mul(squares) > MOST_ENTRIES {
            return;
        }
        let square = |speed_mps: f64| -> Vec<u32> {
            let row = |from: Place| self.places.iter().map(move |to| entry(travel, from, *to, speed_mps));
            self.places.iter().flat_map(|from| row(*from)).collect()
        };
        self.squares = self.speeds_mps.iter().take(squares).map(|speed| square(*speed)).collect();
        let turned = |square: &Vec<u32>| -> Vec<u32> {
            (0..side).flat_map(|to| (0..side).map(move |from| from * side + to)).map(|entry| square[entry]).collect()
        };
        let turned: Vec<Vec<u32>> = self.squares.iter().map(turned).collect();
        if turned != self.squares {
            self.turned = turned;
        }
    }

    /// The drives to and from a node, to be asked for many of them.
    pub fn drives(&self, pace: u32, node: u32) -> Option<Drives<'_>> {
        let side = self.places.len();
        let pace = if self.squares.len() == 1 { 0 } else { pace as usize };
        let row = |square: &'_ Vec<u32>| -> std::ops::Range<usize> {
            debug_assert_eq!(square.len(), side * side);
            node as usize * side..(node as usize + 1) * side
        };
        let onto = self.squares.get(pace).map(|square| &square[row(square)])?;
        let into = self.turned.get(pace).map_or(onto, |square| &square[row(square)]);
        Some(Drives { into, onto })
    }

    /// Seconds of driving; [`NEVER`] where the table knows no road.
    pub fn seconds(&self, travel: &Travel, pace: u32, from: u32, to: u32) -> i64 {
        let square = match self.squares.len() {
            0 => {
                let (from, to) = (self.places[from as usize], self.places[to as usize]);
                return travel.seconds(from, to, self.speeds_mps[pace as usize]).unwrap_or(NEVER);
            }
            1 => &self.squares[0],
            _ => &self.squares[pace as usize],
        };
        seconds(square[from as usize * self.places.len() + to as usize])
    }
}

impl Drives<'_> {
    pub fn from(self, node: u32) -> i64 {
        seconds(self.into[node as usize])
    }

    pub fn to(self, node: u32) -> i64 {
        seconds(self.onto[node as usize])
    }
}

fn seconds(entry: u32) -> i64 {
    if entry == NO_ROAD { NEVER } else { i64::from(entry) }
}

fn entry(travel: &Travel, from: Place, to: Place, speed_mps: f64) -> u32 {
    travel.seconds(from, to, speed_mps).map_or(NO_ROAD, |seconds| u32::try_from(seconds).unwrap_or(NO_ROAD))
}

const NO_ROAD: u32 = u32::MAX;
/// Of all squares together: 256 MiB.
const MOST_ENTRIES: usize = 64 << 20;
