//! What becomes of the phone's own files.

use sync_core::store::{Salvage, Space, Table};

use crate::record::day::count;

/// Whether more can be saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum DiskSpace {
    Enough,
    /// The device is full. Words and signatures are still saved, in room that was kept for them; photos are refused.
    Low,
    /// Nothing more can be saved. All that was saved can be read, and goes out.
    Nothing,
}

/// What became of a damaged database: what could be read of it is in a new one.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct SalvageReport {
    /// The how manieth of this phone. The app remembers which it has shown.
    pub number: u32,
    /// Where the damaged file stands, untouched; the app may send it to support and then delete it.
    pub set_aside: String,
    pub carried: Vec<TableCount>,
    pub lost: Vec<TableCount>,
    /// Rows that were found and did not open, of whatever table.
    pub unreadable: u32,
}

/// So many rows of a table of the store.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct TableCount {
    /// Such as `outbox`, what was unsent; `draft`; `ticket`, which the server sends again.
    pub table: String,
    pub rows: u32,
    /// The server sends them again: nothing is lost with them.
    pub comes_again: bool,
}

/// What was handed over in a file, as proof for logging out.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct ExportReceipt {
    /// The file: whoever finds it cannot read it. A dispatcher hands it in at the server.
    pub path: String,
    pub file_sha256: Vec<u8>,
    /// Names exactly what is in it.
    pub content_sha256: Vec<u8>,
}

impl From<Space> for DiskSpace {
    fn from(space: Space) -> Self {
        match space {
            Space::Enough => Self::Enough,
            Space::Low => Self::Low,
            Space::None => Self::Nothing,
        }
    }
}

impl From<Salvage> for SalvageReport {
    fn from(salvage: Salvage) -> Self {
        let counts = |rows: std::collections::BTreeMap<Table, usize>| {
            let counted = |(table, rows): (Table, usize)| TableCount {
                table: table.name().to_owned(),
                rows: count(rows),
                comes_again: table.comes_again(),
            };
            rows.into_iter().map(counted).collect()
        };
        Self {
            number: salvage.number,
            set_aside: salvage.set_aside.to_string_lossy().into_owned(),
            carried: counts(salvage.carried),
            lost: counts(salvage.lost),
            unreadable: count(salvage.unreadable),
        }
    }
}
