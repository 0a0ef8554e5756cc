//! How long a drive takes, as data: as the crow flies with a factor, or a table measured elsewhere.

use std::fmt;

use thiserror::Error;

use crate::place::Place;

/// The source of travel times of a board.
#[derive(Clone, Debug)]
pub enum Travel {
    /// Great-circle distance × `detour` ÷ the engineer's speed, rounded up to whole seconds. `detour` is how much
    /// longer roads are than the straight line, 1 to 100.
    Direct { detour: f64 },
    /// Seconds from a routing engine, the same for every engineer. Where a place has no row, or nobody has measured the
    /// drive, `detour` applies.
    Table { table: TravelTable, detour: f64 },
}

/// Travel times in seconds between the rows of [`Place::with_row`].
#[derive(Clone)]
pub struct TravelTable {
    side: u32,
    entries: Entries,
}

impl fmt::Debug for TravelTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Its entries are too many for anybody to read.
        f.debug_struct("TravelTable").field("side", &self.side).finish_non_exhaustive()
    }
}

#[derive(Clone)]
enum Entries {
    /// Row by row.
    Square(Vec<u32>),
    /// Only what is known: where each row begins, and in each row the columns in order.
    Listed { rows: Vec<usize>, columns: Vec<u32>, seconds: Vec<u32> },
}

/// What a table says of a drive.
enum Entry {
    Seconds(i64),
    NoRoad,
    NotMeasured,
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
        if let (Travel::Table { table, .. }, Some(from), Some(to)) = (self, from.row(), to.row()) {
            match table.entry(from, to) {
                Entry::Seconds(seconds) => return Some(seconds),
                Entry::NoRoad => return None,
                Entry::NotMeasured => {}
            }
        }
        Some((from.distance_m(to) * self.detour() / speed_mps).ceil() as i64)
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
    /// `seconds` row by row, from the row's place to the column's. [`TravelTable::NO_ROAD`] and
    /// [`TravelTable::NOT_MEASURED`] mark holes.
    ///
    /// # Errors
    /// There are not `side` × `side` entries.
    pub fn new(side: u32, seconds: Vec<u32>) -> Result<Self, TravelError> {
        if (side as usize).checked_mul(side as usize) == Some(seconds.len()) {
            Ok(Self { side, entries: Entries::Square(seconds) })
        } else {
            Err(TravelError::NotSquare { side, entries: seconds.len() })
        }
    }

    /// The same where only some drives are known, each as from, to and seconds; all others are not measured. It takes
    /// memory for those that are known alone. Of two that are about one drive the first counts.
    ///
    /// # Errors
    /// A row is not among the `side`.
    pub fn listed(side: u32, mut drives: Vec<(u32, u32, u32)>) -> Result<Self, TravelError> {
        if let Some(row) = drives.iter().flat_map(|(from, to, _)| [*from, *to]).find(|row| *row >= side) {
            return Err(TravelError::NoSuchRow { row, side });
        }
        drives.sort_by_key(|(from, to, _)| (*from, *to));
        drives.dedup_by_key(|(from, to, _)| (*from, *to));
        let mut rows = vec![0; side as usize + 1];
        for (from, ..) in &drives {
            rows[*from as usize + 1] += 1;
        }
        for row in 0..side as usize {
            rows[row + 1] += rows[row];
        }
        let columns = drives.iter().map(|(_, to, _)| *to).collect();
        let seconds = drives.iter().map(|(.., seconds)| *seconds).collect();
        Ok(Self { side, entries: Entries::Listed { rows, columns, seconds } })
    }

    /// The entry that says there is no way from here to there.
    pub const NO_ROAD: u32 = u32::MAX;
    /// The entry that says nobody has asked how long it takes: then it is as the crow flies. Where all places have rows,
    /// a plan takes the first speed it meets for such a drive; so mark what nobody drives.
    pub const NOT_MEASURED: u32 = u32::MAX - 1;

    /// The entry for a drive between two rows; `None` where there is no road, where nobody has measured it, and for rows
    /// that do not exist.
    pub fn seconds(&self, from: u32, to: u32) -> Option<i64> {
        match self.entry(from, to) {
            Entry::Seconds(seconds) => Some(seconds),
            Entry::NoRoad | Entry::NotMeasured => None,
        }
    }

    fn entry(&self, from: u32, to: u32) -> Entry {
        if from >= self.side || to >= self.side {
            return Entry::NoRoad;
        }
        let (from, side) = (from as usize, self.side as usize);
        let entry = match &self.entries {
            Entries::Square(seconds) => seconds[from * side + to as usize],
            Entries::Listed { rows, columns, seconds } => {
                let row = rows[from]..rows[from + 1];
                match columns[row.clone()].binary_search(&to) {
                    Ok(at) => seconds[row.start + at],
                    Err(_) if from == to as usize => 0,
                    Err(_) => Self::NOT_MEASURED,
                }
            }
        };
        match entry {
            Self::NO_ROAD => Entry::NoRoad,
            Self::NOT_MEASURED => Entry::NotMeasured,
            seconds => Entry::Seconds(i64::from(seconds)),
        }
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
    #[test]
    fn what_nobody_has_measured_is_as_the_crow_flies() {
        let (here, there) = (Place::new(0.0, 0.0).unwrap().with_row(0), Place::new(0.0, 0.1).unwrap().with_row(1));
        let direct = Travel::Direct { detour: 1.4 }.seconds(here, there, 10.0);
        let square = TravelTable::new(2, vec![0, TravelTable::NOT_MEASURED, 70, 0]).unwrap();
        let listed = TravelTable::listed(2, vec![(1, 0, 70), (1, 0, 80)]).unwrap();
        for table in [square, listed] {
            assert_eq!((table.seconds(0, 1), table.seconds(1, 0), table.seconds(1, 1)), (None, Some(70), Some(0)));
            let travel = Travel::Table { table, detour: 1.4 };
            assert_eq!((travel.seconds(here, there, 10.0), travel.seconds(there, here, 10.0)), (direct, Some(70)));
        }
        let holed = TravelTable::listed(3, vec![(0, 2, TravelTable::NO_ROAD), (2, 0, 5)]).unwrap();
        let travel = Travel::Table { table: holed, detour: 1.4 };
        assert_eq!(travel.seconds(here, there.with_row(2), 10.0), None);
        assert!(matches!(TravelTable::listed(2, vec![(0, 2, 1)]), Err(TravelError::NoSuchRow { row: 2, side: 2 })));
    }
}
