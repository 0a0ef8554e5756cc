//! A CSV file as rows of cells: RFC 4180 with the liberties that files take.
//!
//! What a row lacks is found here (too few cells, too many, a cell that swallowed half the file), what a cell lacks in
//! [`super::row`].

use std::collections::{BTreeSet, HashMap};

use csv::{ReaderBuilder, StringRecord};

use super::encoding::{decode, repair_mojibake};
use super::mapping::Mapping;

/// A longer cell is a quote that was never closed, or nothing that belongs into a ticket.
const MAX_CELL_BYTES: usize = 64 * 1024;

/// A file that cannot be read with this mapping at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SheetError {
    #[error("the file is empty")]
    Empty,
    #[error("the file lacks columns that the mapping names")]
    MissingColumns(Vec<String>),
    #[error("a column that the mapping names stands in the file more than once")]
    DuplicateColumns(Vec<String>),
    #[error("the file has more than {max} rows")]
    TooManyRows { max: usize },
}

/// A file that has been taken apart.
#[derive(Debug)]
pub struct Sheet {
    /// Only the columns that the mapping names, by name.
    columns: HashMap<String, usize>,
    pub rows: Vec<Row>,
    pub encoding: &'static str,
    pub is_malformed: bool,
    /// Cells whose encoding was repaired.
    pub repaired_cells: usize,
}

/// One row: where it stands, and its cells or why it has none to speak of.
#[derive(Debug)]
pub struct Row {
    /// Line of the file on which it begins; the first is 1.
    pub line: u64,
    pub cells: Result<StringRecord, String>,
}

impl Sheet {
    /// Takes a file apart as the mapping says. At most `max_rows` rows.
    pub fn read(bytes: &[u8], mapping: &Mapping, max_rows: usize) -> Result<Self, SheetError> {
        let decoded = decode(bytes, mapping.encoding);
        let mut reader = ReaderBuilder::new()
            .delimiter(mapping.delimiter)
            .has_headers(false)
            .flexible(true)
            .from_reader(decoded.text.as_bytes());
        let mut record = StringRecord::new();
        if !matches!(reader.read_record(&mut record), Ok(true)) {
            return Err(SheetError::Empty);
        }
        let (columns, width) = (header(&record, mapping)?, record.len());
        let (mut rows, mut repaired_cells) = (Vec::new(), 0);
        let mut lines = Lines { text: &decoded.text, counted_to: 0, line: 1 };
        // The text is valid UTF-8 and rows may have any width, so that reading it cannot fail.
        while let Ok(true) = reader.read_record(&mut record) {
            if rows.len() == max_rows {
                return Err(SheetError::TooManyRows { max: max_rows });
            }
            let line = lines.of(record.position());
            let cells = fitting(&record, width).map(|()| {
                if mapping.repair_mojibake { repaired(&record, &mut repaired_cells) } else { record.clone() }
            });
            rows.push(Row { line, cells });
        }
        Ok(Self { columns, rows, encoding: decoded.encoding, is_malformed: decoded.is_malformed, repaired_cells })
    }

    /// The cell of a row in a column, trimmed; empty if there is no such column.
    pub fn cell<'r>(&self, cells: &'r StringRecord, column: &str) -> &'r str {
        self.columns.get(column).and_then(|at| cells.get(*at)).unwrap_or_default().trim()
    }
}

/// Counts lines up to each record. The reader's own count lags behind where lines end in CR LF or are empty: it has not
/// read past them yet.
struct Lines<'t> {
    text: &'t str,
    counted_to: usize,
    line: u64,
}

impl Lines<'_> {
    fn of(&mut self, position: Option<&csv::Position>) -> u64 {
        let bytes = self.text.as_bytes();
        let mut start = position.and_then(|at| usize::try_from(at.byte()).ok()).unwrap_or(self.counted_to);
        while matches!(bytes.get(start), Some(b'\r' | b'\n')) {
            start += 1;
        }
        let passed = bytes.get(self.counted_to..start).unwrap_or_default();
        self.line += passed.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.counted_to = start;
        self.line
    }
}

/// Where the columns stand that the mapping names.
fn header(record: &StringRecord, mapping: &Mapping) -> Result<HashMap<String, usize>, SheetError> {
    let wanted = mapping.columns();
    let mut columns = HashMap::new();
    let mut twice = BTreeSet::new();
    for (at, name) in record.iter().enumerate() {
        let name = if mapping.repair_mojibake { repair_mojibake(name) } else { name.into() };
        let name = name.trim();
        if wanted.contains(name) && columns.insert(name.to_owned(), at).is_some() {
            twice.insert(name.to_owned());
        }
    }
    let missing: Vec<String> =
        wanted.iter().filter(|name| !columns.contains_key(**name)).map(|name| (*name).to_owned()).collect();
    if !missing.is_empty() {
        return Err(SheetError::MissingColumns(missing));
    }
    if !twice.is_empty() {
        return Err(SheetError::DuplicateColumns(twice.into_iter().collect()));
    }
    Ok(columns)
}

fn fitting(record: &StringRecord, width: usize) -> Result<(), String> {
    if record.iter().any(|cell| cell.len() > MAX_CELL_BYTES) {
        return Err(format!("a cell is longer than {MAX_CELL_BYTES} bytes; perhaps a quote is not closed"));
    }
    if record.len() != width {
        return Err(format!("the row has {} cells, the header {width}", record.len()));
    }
    Ok(())
}

fn repaired(record: &StringRecord, count: &mut usize) -> StringRecord {
    let repair = |cell| {
        let repaired = repair_mojibake(cell);
        *count += usize::from(matches!(repaired, std::borrow::Cow::Owned(_)));
        repaired
    };
    record.iter().map(repair).collect()
}
