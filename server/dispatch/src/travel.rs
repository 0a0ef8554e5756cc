//! How long a drive takes, as data: as the crow flies with a factor, or a table measured elsewhere.

use thiserror::Error;

use crate::place::Place;

/// The source of travel times of a board.
#[derive(Clone, Debug)]
pub enum Travel {
    /// Great-circle distance × `detour` ÷ the engineer's speed, rounded up to whole seconds. `detour` is how much
    /// longer roads are than the straight line, 1 to 100.
    Direct { detour: f64 },
    /// Seconds from a routing engine, the same for every engineer. Where a place has no row, `detour` applies.
    Table { table: TravelTable, detour: f64 },
}

/// A square of travel times in seconds between the rows of [`Place::with_row`].
#[derive(Clone, Debug)]
pub struct TravelTable {
    side: u32,
    seconds: Vec<u32>,
}

/// Why a travel source cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
pub enum TravelError {
    #[error("a table of {side} rows needs {side} × {side} entries, not {entries}")]
    NotSquare { side: u32, entries: usize },
    #[error("row {row} of {side} × {side}")]
    NoSuchRow { row: u32, side: u32 },
    #[error("detour factor {0} is not between 1 and 100")]
    Detour(f64),
}

impl Travel {
    /// Whole seconds of driving; `None` where the table knows no road.
    pub(crate) fn seconds(&self, from: Place, to: Place, speed_mps: f64) -> Option<i64> {
        match (self, from.row(), to.row()) {
            (Travel::Table { table, .. }, Some(from), Some(to)) => table.seconds(from, to),
            _ => Some((from.distance_m(to) * self.detour() / speed_mps).ceil() as i64),
        }
    }

    pub(crate) fn detour(&self) -> f64 {
        let (Travel::Direct { detour } | Travel::Table { detour, .. }) = self;
        *detour
    }

    pub(crate) fn check(&self) -> Result<(), TravelError> {
        let detour = self.detour();
        if (1.0..=100.0).contains(&detour) { Ok(()) } else { Err(TravelError::Detour(detour)) }
    }

    pub(crate) fn check_place(&self, place: Place) -> Result<(), TravelError> {
        match (self, place.row()) {
            (Travel::Table { table, .. }, Some(row)) if row >= table.side => {
                Err(TravelError::NoSuchRow { row, side: table.side })
            }
            _ => Ok(()),
        }
    }
}

impl TravelTable {
    /// `seconds` row by row, from the row's place to the column's. [`TravelTable::NO_ROAD`] marks a hole.
    ///
    /// # Errors
    /// There are not `side` × `side` entries.
    pub fn new(side: u32, seconds: Vec<u32>) -> Result<Self, TravelError> {
        if (side as usize).checked_mul(side as usize) == Some(seconds.len()) {
            Ok(Self { side, seconds })
        } else {
            Err(TravelError::NotSquare { side, entries: seconds.len() })
        }
    }

    /// The entry that says there is no way from here to there.
    pub const NO_ROAD: u32 = u32::MAX;

    /// The entry for a drive between two rows; `None` where there is no road, and for rows that do not exist.
    pub fn seconds(&self, from: u32, to: u32) -> Option<i64> {
        if from >= self.side || to >= self.side {
            return None;
        }
        let entry = self.seconds[from as usize * self.side as usize + to as usize];
        (entry != Self::NO_ROAD).then_some(i64::from(entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn direct_travel_is_distance_times_detour_over_speed() {
        let (a, b) = (Place::new(0.0, 0.0).unwrap(), Place::new(0.0, 0.1).unwrap());
        let seconds = Travel::Direct { detour: 1.4 }.seconds(a, b, 10.0).unwrap();
        assert_eq!(seconds, (a.distance_m(b) * 0.14).ceil() as i64);
        assert!(Travel::Direct { detour: 0.9 }.check().is_err());
        assert!(Travel::Direct { detour: f64::NAN }.check().is_err());
    }

    #[test]
    fn a_table_answers_for_its_rows_and_admits_its_holes() {
        let table = TravelTable::new(2, vec![0, 60, TravelTable::NO_ROAD, 0]).unwrap();
        let travel = Travel::Table { table, detour: 1.0 };
        let place = Place::new(0.0, 0.0).unwrap();
        let (a, b) = (place.with_row(0), place.with_row(1));
        assert_eq!(travel.seconds(a, b, 1.0), Some(60));
        assert_eq!(travel.seconds(b, a, 1.0), None);
        assert_eq!(travel.seconds(place, a, 1.0), Some(0), "without a row it is as the crow flies");
        assert_eq!(travel.check_place(place.with_row(2)), Err(TravelError::NoSuchRow { row: 2, side: 2 }));
        assert!(TravelTable::new(2, vec![0; 3]).is_err());
    }
}
