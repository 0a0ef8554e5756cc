//! Mappings and import reports as the API shows them.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::definition::MappingDefinition;
use super::row::CellError;

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MappingView {
    pub name: String,
    pub definition: MappingDefinition,
    pub version: i64,
    pub updated_at: DateTime<Utc>,
}

/// How to import a file.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ImportQuery {
    /// Name of the mapping.
    pub mapping: String,
    /// Tell what would happen and write nothing.
    #[serde(default)]
    pub dry_run: bool,
    /// Move all times by so many calendar days (the time of day stays): to show old data as if it were of today.
    pub shift_days: Option<i64>,
    /// Instead of `shift_days`: move all times so that the middle request of the file falls on this date.
    pub anchor: Option<NaiveDate>,
}

/// What an import did, or would do.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ImportReport {
    pub mapping: String,
    pub source: String,
    pub dry_run: bool,
    /// Rows in the file, the header not counted. Each is counted once below: in `created` or `would_create`,
    /// `unchanged`, `changed`, `remaining`, `skipped` or `wrong_rows`.
    pub rows: usize,
    pub created: usize,
    pub would_create: usize,
    /// Rows that were imported before and say the same.
    pub unchanged: usize,
    /// Rows that were imported before and say something else now. The tickets are left as they are: they belong to the
    /// people who work on them.
    pub changed: usize,
    /// Of those created, how many have no position and wait in the queue (`/tickets?needs_location=true`).
    pub needs_location: usize,
    /// Rows that there was no time for. They come in when the same file is sent again.
    pub remaining: usize,
    /// Rows that the mapping does not want, by reason.
    pub skipped: BTreeMap<String, usize>,
    pub wrong_rows: usize,
    pub error_count: usize,
    /// The first 200.
    pub errors: Vec<RowError>,
    /// Of those created, how many are of each ticket type.
    pub ticket_types: BTreeMap<String, usize>,
    /// What the file's encoding was taken for.
    pub encoding: String,
    /// Some bytes meant nothing in that encoding; U+FFFD stands in their place.
    pub is_malformed: bool,
    /// Cells in which mojibake was repaired.
    pub repaired_cells: usize,
    /// By how many days times were moved.
    pub shift_days: i64,
}

/// One thing that is wrong with a row.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RowError {
    /// Line of the file on which the row begins; the first line is 1.
    pub row: u64,
    /// The column, or the mapping's member whose template gave the value; null when it is the row as a whole.
    pub column: Option<String>,
    pub message: String,
    /// What stood there, cut to 100 characters.
    pub value: Option<String>,
}

impl From<CellError> for RowError {
    fn from(CellError { line, column, message, value }: CellError) -> Self {
        Self { row: line, column, message, value }
    }
}
