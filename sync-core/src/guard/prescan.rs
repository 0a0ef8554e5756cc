//! Reads the frame of a change chunk and counts its operations from the run lengths of its columns, without parsing
//! an operation and without allocating.
//!
//! A run length is a number: a chunk of 113 bytes can claim billions of operations and keep `Change::from_bytes` busy
//! for half a minute. Here such a claim costs less than a microsecond. What passes has the one layout that Automerge
//! 0.12 writes for a plain change: known columns in order, nothing compressed, nothing after them.

use crate::guard::GuardError;
use crate::ids::Sha256Hash;
use crate::wire::change_hash;

/// Operations that one change may have.
pub const MAX_OPS: u64 = 2_000;
/// Bytes that one change chunk may have.
pub const MAX_CHANGE_BYTES: usize = 64 * 1024;
/// Dependencies that one change may have: the writers that were concurrent just before it.
const MAX_DEPS: u64 = 256;
/// Actors that one change may mention besides its own.
const MAX_OTHER_ACTORS: u64 = 16;
/// No operation counter may reach beyond; Automerge keeps them in 32 bits.
const MAX_COUNTER: u64 = i32::MAX as u64;

/// What the frame of a change says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prescan<'a> {
    /// The hash that names the change.
    pub hash: Sha256Hash,
    /// The actor that claims to have made it.
    pub actor: [u8; 16],
    /// Its number among that actor's changes, from 1.
    pub seq: u64,
    /// The counter of its first operation.
    pub start_op: u64,
    /// Its operations, by the column of actions.
    pub ops: u64,
    deps: &'a [u8],
}

impl Prescan<'_> {
    /// The changes it was made on top of.
    pub fn deps(&self) -> impl ExactSizeIterator<Item = Sha256Hash> + '_ {
        self.deps.as_chunks::<32>().0.iter().copied().map(Sha256Hash)
    }
}

/// Checks size, frame, checksum and run lengths of what claims to be one plain change chunk.
pub fn prescan(raw: &[u8]) -> Result<Prescan<'_>, GuardError> {
    if raw.len() > MAX_CHANGE_BYTES {
        return Err(GuardError::TooLarge);
    }
    let Some((head, _)) = raw.split_first_chunk::<9>() else { return Err(GuardError::NotAChange) };
    if !head.starts_with(&MAGIC) || head[8] != CHANGE_CHUNK {
        return Err(GuardError::NotAChange);
    }
    let hash = change_hash(raw).ok_or(GuardError::BadChecksum)?;
    let mut rest = Bytes(&raw[9..]);
    if rest.unsigned()? != rest.0.len() as u64 {
        return Err(GuardError::Malformed("length"));
    }

    let count = rest.unsigned_up_to(MAX_DEPS, "dependencies")?;
    let deps = rest.take(count * 32)?;
    if !deps.as_chunks::<32>().0.is_sorted_by(|one, next| one < next) {
        return Err(GuardError::Malformed("order of dependencies"));
    }
    let actor = rest.actor()?;
    let seq = rest.unsigned()?;
    let start_op = rest.unsigned_up_to(MAX_COUNTER, "start_op")?;
    if seq == 0 || start_op == 0 {
        return Err(GuardError::Malformed("zero"));
    }
    if rest.signed()? != 0 {
        return Err(GuardError::Extra("time"));
    }
    if !rest.prefixed()?.is_empty() {
        return Err(GuardError::Extra("message"));
    }
    let others = rest.unsigned_up_to(MAX_OTHER_ACTORS, "other actors")?;
    for _ in 0..others {
        rest.actor()?;
    }
    let ops = scan_columns(rest, others + 1)?;
    if start_op + ops > MAX_COUNTER {
        return Err(GuardError::Malformed("start_op"));
    }
    Ok(Prescan { hash, actor, seq, start_op, ops, deps })
}

/// How the contents of a column are laid out.
#[derive(Clone, Copy, PartialEq)]
enum Layout {
    /// Runs of indices into the actors.
    Actors,
    /// Runs of counters.
    Counters,
    /// Runs of differences.
    Deltas,
    /// Runs of texts.
    Texts,
    /// Lengths of alternating runs of false and true.
    Booleans,
    /// Runs of action numbers; one for each operation.
    Actions,
    /// Runs of (type, length) of values.
    ValueSizes,
    /// The values, one after the other.
    Values,
    /// Runs of the number of predecessors.
    Groups,
}

/// Every column of a change, in the order in which they stand. (`storage/change/change_op_columns.rs`)
const COLUMNS: [(u64, Layout); 14] = [
    (0x01, Layout::Actors),
    (0x02, Layout::Counters),
    (0x11, Layout::Actors),
    (0x13, Layout::Deltas),
    (0x15, Layout::Texts),
    (0x34, Layout::Booleans),
    (0x42, Layout::Actions),
    (0x56, Layout::ValueSizes),
    (0x57, Layout::Values),
    (0x70, Layout::Groups),
    (0x71, Layout::Actors),
    (0x73, Layout::Deltas),
    (0x94, Layout::Booleans),
    (0xa5, Layout::Texts),
];

/// Counts what stands in the columns; the number of operations.
fn scan_columns(mut rest: Bytes<'_>, actors: u64) -> Result<u64, GuardError> {
    let count = rest.unsigned_up_to(COLUMNS.len() as u64, "columns")?;
    let mut specs = rest;
    for _ in 0..count {
        rest.unsigned()?;
        rest.unsigned()?;
    }
    let (mut ops, mut value_bytes, mut known) = (0, 0, COLUMNS.iter());
    for _ in 0..count {
        let (spec, length) = (specs.unsigned()?, specs.unsigned()?);
        // Searching onwards only: a column twice or out of order is not found any more.
        let (_, layout) = known.find(|(known, _)| *known == spec).ok_or(GuardError::Malformed("column"))?;
        let column = Bytes(rest.take(length)?);
        match layout {
            Layout::Actors => {
                scan_runs(column, |bytes| match bytes.unsigned()? {
                    index if index < actors => Ok(0),
                    _ => Err(GuardError::Malformed("actor index")),
                })?;
            }
            Layout::Counters => {
                scan_runs(column, |bytes| bytes.unsigned_up_to(MAX_COUNTER, "counter").map(|_| 0))?;
            }
            Layout::Deltas => {
                scan_runs(column, |bytes| bytes.signed().map(|_| 0))?;
            }
            Layout::Texts => {
                scan_runs(column, |bytes| bytes.prefixed().map(|_| 0))?;
            }
            Layout::Booleans => scan_booleans(column)?,
            Layout::Actions => ops = scan_runs(column, |bytes| bytes.unsigned().map(|_| 0))?.items,
            Layout::ValueSizes => value_bytes = scan_runs(column, |bytes| Ok(bytes.unsigned()? >> 4))?.sum,
            Layout::Values if length != value_bytes => return Err(GuardError::Malformed("values")),
            Layout::Values => value_bytes = 0,
            Layout::Groups if scan_runs(column, |bytes| bytes.unsigned())?.sum > MAX_OPS => {
                return Err(GuardError::TooManyOps);
            }
            Layout::Groups => {}
        }
    }
    if value_bytes != 0 {
        return Err(GuardError::Malformed("values"));
    }
    if !rest.0.is_empty() {
        return Err(GuardError::Extra("bytes"));
    }
    if ops == 0 { Err(GuardError::NoOps) } else { Ok(ops) }
}

/// What a run-length encoded column holds.
struct Runs {
    items: u64,
    /// Of what `read` made of each item.
    sum: u64,
}

/// Walks a run-length encoded column: `n > 0`, then one value, stands for n of them; `n < 0` for −n values that
/// follow; `0` and a count for so many absent ones.
fn scan_runs(
    mut bytes: Bytes<'_>,
    read: impl Fn(&mut Bytes<'_>) -> Result<u64, GuardError>,
) -> Result<Runs, GuardError> {
    let (mut items, mut sum) = (0_u64, 0_u64);
    while !bytes.0.is_empty() {
        let run = bytes.signed()?;
        let length = if run == 0 { bytes.unsigned()? } else { run.unsigned_abs() };
        items = items.saturating_add(length);
        if items > MAX_OPS {
            return Err(GuardError::TooManyOps);
        }
        if run > 0 {
            sum = sum.saturating_add(read(&mut bytes)?.saturating_mul(length));
        } else if run < 0 {
            for _ in 0..length {
                sum = sum.saturating_add(read(&mut bytes)?);
            }
        }
    }
    Ok(Runs { items, sum })
}

fn scan_booleans(mut bytes: Bytes<'_>) -> Result<(), GuardError> {
    let mut items = 0_u64;
    while !bytes.0.is_empty() {
        items = items.saturating_add(bytes.unsigned()?);
        if items > MAX_OPS {
            return Err(GuardError::TooManyOps);
        }
    }
    Ok(())
}

/// Bytes yet to be read. Every method fails rather than read past the end.
#[derive(Clone, Copy)]
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, length: u64) -> Result<&'a [u8], GuardError> {
        let length = usize::try_from(length).map_err(|_| GuardError::Malformed("length"))?;
        let (taken, rest) = self.0.split_at_checked(length).ok_or(GuardError::Malformed("length"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, GuardError> {
        let (&byte, rest) = self.0.split_first().ok_or(GuardError::Malformed("number"))?;
        self.0 = rest;
        Ok(byte)
    }

    fn prefixed(&mut self) -> Result<&'a [u8], GuardError> {
        let length = self.unsigned()?;
        self.take(length)
    }

    fn actor(&mut self) -> Result<[u8; 16], GuardError> {
        self.prefixed()?.try_into().map_err(|_| GuardError::Malformed("actor"))
    }

    fn unsigned_up_to(&mut self, max: u64, what: &'static str) -> Result<u64, GuardError> {
        let number = self.unsigned()?;
        if number > max { Err(GuardError::Malformed(what)) } else { Ok(number) }
    }

    /// An unsigned LEB128 number in its shortest form.
    fn unsigned(&mut self) -> Result<u64, GuardError> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                let overflows = shift == 63 && byte > 1;
                let is_overlong = shift > 0 && byte == 0;
                return if overflows || is_overlong { Err(GuardError::Malformed("number")) } else { Ok(number) };
            }
        }
        Err(GuardError::Malformed("number"))
    }

    /// A signed LEB128 number in its shortest form.
    fn signed(&mut self) -> Result<i64, GuardError> {
        let (mut number, mut previous) = (0_i64, 0);
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= i64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                let overflows = shift == 63 && byte != 0 && byte != 0x7f;
                let repeats_sign = (byte == 0 && previous & 0x40 == 0) || (byte == 0x7f && previous & 0x40 != 0);
                if overflows || (shift > 0 && repeats_sign) {
                    return Err(GuardError::Malformed("number"));
                }
                let is_negative = byte & 0x40 != 0 && shift < 63;
                return Ok(if is_negative { number | (-1 << (shift + 7)) } else { number });
            }
            previous = byte;
        }
        Err(GuardError::Malformed("number"))
    }
}

const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
const CHANGE_CHUNK: u8 = 1;

#[cfg(test)]
pub(super) mod tests;
