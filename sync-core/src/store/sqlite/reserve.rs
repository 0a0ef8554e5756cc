//! Room that is kept for the moment when a device is full.
//!
//! A file of some megabytes stands beside the database and holds nothing. When a transaction finds no room, the file is
//! let go of and the transaction is done again: a text and a signature are still saved, and what is unsent still goes
//! out. Photos are refused from then on. Once there is room again, the reserve is made again first.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::store::StoreError;
use crate::store::files::{beside, remove};

/// How many bytes are free for the file at this path; nothing if the system does not say.
pub type FreeSpace = fn(&Path) -> Option<u64>;

#[derive(Debug)]
pub(super) struct Reserve {
    path: PathBuf,
    free_space: FreeSpace,
    is_held: bool,
}

/// How much is kept.
const BYTES: u64 = 5 << 20;
/// It is made again only where that leaves as much for others.
const ROOM_TO_MAKE: u64 = 2 * BYTES;

impl Reserve {
    pub fn of(database: &Path, free_space: FreeSpace) -> Self {
        let path = beside(database, "reserve");
        let is_held = path.metadata().is_ok_and(|known| known.len() == BYTES);
        Self { path, free_space, is_held }
    }

    pub fn is_held(&self) -> bool {
        self.is_held
    }

    /// Makes it, if there is room.
    pub fn make(&mut self) {
        if self.is_held || (self.free_space)(&self.path).is_some_and(|free| free < ROOM_TO_MAKE) {
            return;
        }
        self.is_held = fill(&self.path).is_ok();
        if !self.is_held {
            // Half a reserve would only be in the way.
            let _ = remove(&self.path);
        }
    }

    /// Lets go of it; false if there was none.
    pub fn release(&mut self) -> bool {
        std::mem::take(&mut self.is_held) && remove(&self.path).is_ok()
    }
}

fn fill(path: &Path) -> Result<(), StoreError> {
    let mut file = File::create(path)?;
    let block = [0; 64 << 10];
    for _ in 0..BYTES / block.len() as u64 {
        file.write_all(&block)?;
    }
    Ok(file.sync_all()?)
}

/// As the file system says.
pub fn free_on_disk(path: &Path) -> Option<u64> {
    let system = rustix::fs::statvfs(path.parent()?).ok()?;
    Some(system.f_bavail.saturating_mul(system.f_frsize))
}
