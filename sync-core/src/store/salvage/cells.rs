//! What stands on a page: the entries of tables and indexes.

use std::collections::{BTreeMap, BTreeSet};

use super::pages::{PAGE, Pages, number};
use crate::store::Row;

/// A page of a table or an index.
pub(super) struct Node {
    is_leaf: bool,
    is_table: bool,
    /// What its entries hold; none where one does not read.
    entries: Vec<Option<Vec<u8>>>,
    children: Vec<u32>,
}

/// What the index of a table says.
pub(super) struct Index {
    pub keys: BTreeSet<Vec<u8>>,
    /// All of it reads: there are no other keys.
    pub is_whole: bool,
}

/// A value of an entry.
#[derive(Debug, PartialEq, Eq)]
enum Value {
    Blob(Vec<u8>),
    Text(Vec<u8>),
    Number(i64),
    Other,
}

/// A value is no longer than this, so no chain of pages is followed for ever.
const MAX_ENTRY: usize = 64 << 20;

impl Pages {
    /// Every entry on this page that looks like one of our rows: a key and a value. And how many do not read.
    pub fn rows_on(&self, page: &[u8], is_first: bool) -> (Vec<Row>, usize) {
        let Some(node) = self.node(page, is_first).filter(|node| node.is_table && node.is_leaf) else {
            return (Vec::new(), 0);
        };
        let broken = node.entries.iter().filter(|entry| entry.is_none()).count();
        let rows = node.entries.iter().flatten().filter_map(|entry| match record(entry)?.as_mut_slice() {
            [Value::Blob(key), Value::Blob(value)] => Some((std::mem::take(key), std::mem::take(value))),
            _ => None,
        });
        (rows.collect(), broken)
    }

    /// The index of each table, by the name of the table.
    pub fn indexed(&self) -> BTreeMap<String, Index> {
        let mut indexed = BTreeMap::new();
        for entry in self.entries_below(1).0 {
            let Some(columns) = record(&entry) else { continue };
            let [Value::Text(kind), _, Value::Text(table), Value::Number(root), ..] = columns.as_slice() else {
                continue;
            };
            let (Ok(table), Ok(root)) = (String::from_utf8(table.clone()), u32::try_from(*root)) else { continue };
            if kind == b"index" {
                indexed.insert(table, self.index(root));
            }
        }
        indexed
    }

    fn index(&self, root: u32) -> Index {
        let (entries, is_whole) = self.entries_below(root);
        let key = |entry: &Vec<u8>| match record(entry)?.first_mut()? {
            Value::Blob(key) => Some(std::mem::take(key)),
            _ => None,
        };
        Index { keys: entries.iter().filter_map(key).collect(), is_whole }
    }

    /// The entries of a tree, and whether all of its pages read.
    fn entries_below(&self, root: u32) -> (Vec<Vec<u8>>, bool) {
        let (mut entries, mut seen, mut ahead) = (Vec::new(), BTreeSet::new(), vec![root]);
        let mut is_whole = true;
        while let Some(at) = ahead.pop() {
            let unseen = seen.insert(at).then(|| self.page(at)).flatten();
            let Some(node) = unseen.and_then(|page| self.node(&page, at == 1)) else {
                is_whole = false;
                continue;
            };
            is_whole &= node.entries.iter().all(Option::is_some);
            ahead.extend(node.children);
            entries.extend(node.entries.into_iter().flatten());
        }
        (entries, is_whole)
    }

    fn node(&self, page: &[u8], is_first: bool) -> Option<Node> {
        // The first page begins with the header of the file.
        let start = if is_first { 100 } else { 0 };
        let (is_leaf, is_table) = match page.get(start)? {
            0x0d => (true, true),
            0x05 => (false, true),
            0x0a => (true, false),
            0x02 => (false, false),
            _ => return None,
        };
        let (pointers, before) = if is_leaf { (start + 8, 0) } else { (start + 12, 4) };
        let count = usize::from(short(page, start + 3)?).min(PAGE / 4);
        let mut node = Node { is_leaf, is_table, entries: Vec::with_capacity(count), children: Vec::new() };
        for cell in 0..count {
            let Some(at) = short(page, pointers + 2 * cell).map(usize::from) else { break };
            if !is_leaf {
                node.children.push(number(page, at));
            }
            if is_leaf || !is_table {
                node.entries.push(self.entry(page, at + before, is_table));
            }
        }
        if !is_leaf {
            node.children.push(number(page, start + 8));
        }
        Some(node)
    }

    /// What an entry holds, gathered from all the pages that it goes over.
    fn entry(&self, page: &[u8], at: usize, is_table: bool) -> Option<Vec<u8>> {
        let (size, mut at) = varint(page, at)?;
        let size = usize::try_from(size).ok().filter(|size| *size <= MAX_ENTRY)?;
        if is_table {
            at = varint(page, at)?.1;
        }
        let most = if is_table { PAGE - 35 } else { (PAGE - 12) * 64 / 255 - 23 };
        let least = (PAGE - 12) * 32 / 255 - 23;
        let spilt = least + size.saturating_sub(least) % (PAGE - 4);
        let here = if size <= most {
            size
        } else if spilt <= most {
            spilt
        } else {
            least
        };
        let mut entry = page.get(at..at + here)?.to_vec();
        let mut next = if here < size { number(page, at + here) } else { 0 };
        while entry.len() < size {
            let more = self.page(next).filter(|_| next != 0)?;
            let part = (size - entry.len()).min(PAGE - 4);
            entry.extend(more.get(4..4 + part)?);
            next = number(&more, 0);
        }
        Some(entry)
    }
}

/// The values of an entry.
fn record(entry: &[u8]) -> Option<Vec<Value>> {
    let (header, mut at) = varint(entry, 0)?;
    let header = usize::try_from(header).ok().filter(|header| *header <= entry.len())?;
    let (mut values, mut from) = (Vec::new(), header);
    while at < header {
        let (kind, next) = varint(entry, at)?;
        at = next;
        let size = match kind {
            0 | 8 | 9 => 0,
            1..=4 => kind as usize,
            5 => 6,
            6 | 7 => 8,
            _ => usize::try_from(kind.checked_sub(12)? / 2).ok()?,
        };
        let bytes = entry.get(from..from.checked_add(size)?)?;
        from += size;
        values.push(match kind {
            8 => Value::Number(0),
            9 => Value::Number(1),
            1..=6 => Value::Number(bytes.iter().fold(0, |sum: i64, byte| sum << 8 | i64::from(*byte))),
            12.. if kind % 2 == 0 => Value::Blob(bytes.to_vec()),
            12.. => Value::Text(bytes.to_vec()),
            _ => Value::Other,
        });
    }
    Some(values)
}

/// A number of one to nine bytes, and where what follows it begins.
fn varint(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
    let mut value = 0;
    for more in 0..8 {
        let byte = *bytes.get(at + more)?;
        value = value << 7 | u64::from(byte & 0x7f);
        if byte < 0x80 {
            return Some((value, at + more + 1));
        }
    }
    Some((value << 8 | u64::from(*bytes.get(at + 8)?), at + 9))
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}
