//! A whole file read: the rows to enter, and what is to be said of the others. Pure; the database is asked afterwards.

use std::collections::{BTreeMap, HashMap};

use chrono::{Days, NaiveDate};

use super::mapping::Mapping;
use super::row::{CellError, Fate, MappedRow, read_row};
use super::sheet::{Sheet, SheetError};

/// How many errors a report lists; it counts them all.
pub const MAX_LISTED_ERRORS: usize = 200;

/// What a file says.
#[derive(Debug)]
pub struct Reading {
    /// Rows in the file, the header not counted.
    pub total: usize,
    /// The rows that are right, in the file's order; no external id twice.
    pub rows: Vec<MappedRow>,
    /// How many rows the mapping does not want, by its reason.
    pub skipped: BTreeMap<String, usize>,
    /// The first [`MAX_LISTED_ERRORS`].
    pub errors: Vec<CellError>,
    pub error_count: usize,
    /// Rows with at least one error.
    pub wrong_rows: usize,
    pub encoding: &'static str,
    pub is_malformed: bool,
    pub repaired_cells: usize,
}

impl Reading {
    /// Reads a file. Errors in rows never keep the other rows out.
    pub fn of(bytes: &[u8], mapping: &Mapping, max_rows: usize) -> Result<Self, SheetError> {
        let sheet = Sheet::read(bytes, mapping, max_rows)?;
        let mut reading = Self {
            total: sheet.rows.len(),
            rows: Vec::new(),
            skipped: BTreeMap::new(),
            errors: Vec::new(),
            error_count: 0,
            wrong_rows: 0,
            encoding: sheet.encoding,
            is_malformed: sheet.is_malformed,
            repaired_cells: sheet.repaired_cells,
        };
        let mut lines_by_id = HashMap::new();
        for row in &sheet.rows {
            let fate = match &row.cells {
                Ok(cells) => read_row(mapping, &sheet, row.line, cells),
                Err(message) => Fate::Wrong(vec![whole_row(row.line, message.clone())]),
            };
            match fate {
                Fate::Skipped(reason) => *reading.skipped.entry(reason).or_default() += 1,
                Fate::Wrong(errors) => reading.tell(errors),
                Fate::Ticket(row) => match lines_by_id.get(row.external_id.as_str()) {
                    Some(first) => reading.tell(vec![repeated(mapping, &row, *first)]),
                    None => {
                        lines_by_id.insert(row.external_id.as_str().to_owned(), row.line);
                        reading.rows.push(*row);
                    }
                },
            }
        }
        Ok(reading)
    }

    /// Counts the errors of one row and lists what there is room for.
    pub fn tell(&mut self, errors: Vec<CellError>) {
        self.wrong_rows += 1;
        self.error_count += errors.len();
        let room = MAX_LISTED_ERRORS.saturating_sub(self.errors.len());
        self.errors.extend(errors.into_iter().take(room));
    }

    /// By how many days to move all times so that the middle request of the file falls on this date. The middle, because
    /// one straggler must not move everything.
    pub fn days_to(&self, date: NaiveDate) -> i64 {
        let mut dates: Vec<NaiveDate> = self.rows.iter().map(|row| row.requested_at.date()).collect();
        let middle = dates.len() / 2;
        if dates.is_empty() {
            return 0;
        }
        let (_, middle, _) = dates.select_nth_unstable(middle);
        (date - *middle).num_days()
    }
}

/// Whether every date that can stand in a file can be moved by so many days.
pub fn is_movable(days: i64) -> bool {
    let far = NaiveDate::from_ymd_opt(2200, 12, 31).unwrap_or_default();
    days.unsigned_abs() <= 200_000 && far.checked_add_days(Days::new(days.unsigned_abs())).is_some()
}

fn whole_row(line: u64, message: String) -> CellError {
    CellError { line, column: None, message, value: None }
}

fn repeated(mapping: &Mapping, row: &MappedRow, first: u64) -> CellError {
    CellError {
        line: row.line,
        column: Some(mapping.external_id.clone()),
        message: format!("the row on line {first} has the same external id"),
        value: Some(row.external_id.as_str().chars().take(100).collect()),
    }
}

#[cfg(test)]
mod tests;
