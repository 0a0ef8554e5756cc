//! A database file read page by page, without SQLite: what it takes to find rows where SQLite gives up.
//!
//! Nothing is believed that is read here. Every number is bounded by the file, and whether a row is one of ours its own
//! seal says. See <https://www.sqlite.org/fileformat2.html>.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use crate::store::StoreError;
use crate::store::files::log_of;

/// What every database of ours was made with.
pub(super) const PAGE: usize = 4096;
const LOG_HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

/// The pages of a database, with those of its write-ahead log in their places.
pub(super) struct Pages {
    file: Option<File>,
    count: u32,
    /// From the log: committed, or the last of which that can be said.
    newer: BTreeMap<u32, Vec<u8>>,
    /// From the log, after something in it that does not read: perhaps committed, perhaps not.
    pub loose: Vec<Vec<u8>>,
    /// More than one transaction stands there. A loss of power leaves one at most, because the next begins only when the
    /// one before is flushed: the log is damaged, and SQLite would pass over what was committed.
    pub has_damaged_log: bool,
}

impl Pages {
    pub fn of(path: &Path) -> Result<Self, StoreError> {
        let file = File::open(path).ok();
        let len = file.as_ref().map_or(Ok(0), |file| file.metadata().map(|known| known.len()))?;
        let count = u32::try_from(len.div_ceil(PAGE as u64)).unwrap_or(u32::MAX);
        let mut pages = Self { file, count, newer: BTreeMap::new(), loose: Vec::new(), has_damaged_log: false };
        pages.read_log(&std::fs::read(log_of(path)).unwrap_or_default());
        Ok(pages)
    }

    /// The numbers of all pages.
    pub fn numbers(&self) -> impl Iterator<Item = u32> {
        1..=self.newer.keys().last().copied().unwrap_or(0).max(self.count)
    }

    /// A page; one that the file ends in is filled up.
    pub fn page(&self, number: u32) -> Option<Vec<u8>> {
        if let Some(page) = self.newer.get(&number) {
            return Some(page.clone());
        }
        let mut file = self.file.as_ref()?;
        let mut page = Vec::with_capacity(PAGE);
        file.seek(SeekFrom::Start(u64::from(number.checked_sub(1)?) * PAGE as u64)).ok()?;
        file.take(PAGE as u64).read_to_end(&mut page).ok()?;
        if page.is_empty() {
            return None;
        }
        page.resize(PAGE, 0);
        Some(page)
    }

    /// Pages that were let go of, as far as the file says so: their rows are old ones.
    pub fn free(&self) -> BTreeSet<u32> {
        let mut free = BTreeSet::new();
        let mut trunk = self.page(1).map_or(0, |first| number(&first, 32));
        while trunk != 0 && free.insert(trunk) {
            let Some(page) = self.page(trunk) else { break };
            let leaves = (number(&page, 4) as usize).min(PAGE / 4 - 2);
            free.extend((0..leaves).map(|leaf| number(&page, 8 + 4 * leaf)));
            trunk = number(&page, 0);
        }
        free
    }

    fn read_log(&mut self, log: &[u8]) {
        let Some((header, frames)) = log.split_at_checked(LOG_HEADER) else { return };
        let is_big_endian = header[3] & 1 == 1;
        let mut sum = checksum((0, 0), &header[..24], is_big_endian);
        let mut is_whole = sum == (number(header, 24), number(header, 28));
        let salt = if is_whole { &header[16..24] } else { frames.get(8..16).unwrap_or(&[]) };
        let mut waiting: Vec<(u32, &[u8])> = Vec::new();
        let mut has_loose_commit = false;
        for frame in frames.chunks_exact(FRAME_HEADER + PAGE).take_while(|frame| &frame[8..16] == salt) {
            let (head, page) = frame.split_at(FRAME_HEADER);
            sum = checksum(checksum(sum, &head[..8], is_big_endian), page, is_big_endian);
            is_whole &= sum == (number(head, 16), number(head, 20));
            let is_commit = number(head, 4) != 0;
            if !is_whole {
                self.loose.push(page.to_vec());
                self.has_damaged_log |= has_loose_commit;
                has_loose_commit |= is_commit;
                continue;
            }
            waiting.push((number(head, 0), page));
            if is_commit {
                self.newer.extend(waiting.drain(..).map(|(number, page)| (number, page.to_vec())));
            }
        }
        self.loose.extend(waiting.into_iter().map(|(_, page)| page.to_vec()));
    }
}

/// Four bytes; nothing where the page ends.
pub(super) fn number(bytes: &[u8], at: usize) -> u32 {
    let four = bytes.get(at..at + 4).and_then(|four| four.try_into().ok());
    four.map_or(0, u32::from_be_bytes)
}

fn checksum(sum: (u32, u32), bytes: &[u8], is_big_endian: bool) -> (u32, u32) {
    bytes.chunks_exact(8).fold(sum, |(first, second), pair| {
        let read = |at: usize| if is_big_endian { number(pair, at) } else { number(pair, at).swap_bytes() };
        let first = first.wrapping_add(read(0)).wrapping_add(second);
        (first, second.wrapping_add(read(4)).wrapping_add(first))
    })
}
