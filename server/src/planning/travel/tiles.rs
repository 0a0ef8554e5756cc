//! Cuts what is not known into requests that an engine takes. Places about which most is unknown come together, so that
//! a day that is planned again with a few new visits asks for the rows and columns of these and for nothing else.

use super::drives::{Drives, UNKNOWN};
use super::engine::Limits;

/// One request: the drives from each of these places to each of those, by their rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tile {
    pub part: Part,
    pub from: Vec<u32>,
    pub to: Vec<u32>,
}

/// Which drives a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// From visits to every place.
    Away,
    /// From other places to visits.
    Back,
    /// Along what is booked.
    Legs,
}

/// The requests that remain to be made.
pub fn tiles(drives: &Drives, limits: Limits) -> Vec<Tile> {
    let (visits, side) = (drives.question().visits(), drives.question().side());
    let mut tiles = Vec::new();
    let away = Rectangle { part: Part::Away, entries: drives.away(), first: 0, columns: side };
    away.cut(limits, &mut tiles);
    let back = Rectangle { part: Part::Back, entries: drives.back(), first: visits, columns: visits };
    back.cut(limits, &mut tiles);
    legs(drives, limits, &mut tiles);
    tiles
}

struct Rectangle<'a> {
    part: Part,
    entries: &'a [u32],
    /// The row of the first row.
    first: u32,
    columns: u32,
}

impl Rectangle<'_> {
    /// First the rows of places that are new, then the columns of such places in all other rows.
    fn cut(&self, limits: Limits, tiles: &mut Vec<Tile>) {
        if self.entries.is_empty() {
            return;
        }
        let rows = self.entries.chunks(self.columns as usize);
        let unknown = rows.map(|row| row.iter().filter(|entry| **entry == UNKNOWN).count());
        let rows: Vec<(u32, usize)> = (0..).zip(unknown).filter(|(_, unknown)| *unknown > 0).collect();
        let is_new = |unknown: usize| unknown * 2 > self.columns as usize;
        for wanted in [true, false] {
            let rows = rows.iter().filter(|(_, unknown)| is_new(*unknown) == wanted);
            self.cut_rows(&rows.map(|(row, _)| *row).collect::<Vec<_>>(), limits, tiles);
        }
    }

    fn cut_rows(&self, rows: &[u32], limits: Limits, tiles: &mut Vec<Tile>) {
        let columns: Vec<u32> = (0..self.columns).filter(|column| self.is_any_unknown(rows, *column)).collect();
        let (tall, wide) = shape(rows.len(), columns.len(), limits);
        for rows in rows.chunks(tall) {
            for columns in columns.chunks(wide) {
                let from = rows.iter().filter(|row| columns.iter().any(|column| self.is_unknown(**row, *column)));
                let from: Vec<u32> = from.copied().collect();
                let to: Vec<u32> =
                    columns.iter().filter(|column| self.is_any_unknown(&from, **column)).copied().collect();
                if !from.is_empty() {
                    let from = from.into_iter().map(|row| row + self.first).collect();
                    tiles.push(Tile { part: self.part, from, to });
                }
            }
        }
    }

    fn is_unknown(&self, row: u32, column: u32) -> bool {
        self.entries[row as usize * self.columns as usize + column as usize] == UNKNOWN
    }

    fn is_any_unknown(&self, rows: &[u32], column: u32) -> bool {
        rows.iter().any(|row| self.is_unknown(*row, column))
    }
}

/// How tall and wide a request is: square, unless one side is short; then the other may be as long as one line holds.
fn shape(rows: usize, columns: usize, limits: Limits) -> (usize, usize) {
    let square = limits.pairs.isqrt().min(limits.side).min(limits.locations / 2).max(1);
    let beside = |short: usize| {
        let long = (limits.pairs / short).min(limits.locations.saturating_sub(short)).min(limits.side);
        long.max(1)
    };
    if rows.max(1) <= columns.max(1) && rows < square {
        (rows.max(1), beside(rows.max(1)))
    } else if columns < square {
        (beside(columns.max(1)), columns.max(1))
    } else {
        (square, square)
    }
}

/// Legs as they come: those of one engineer share their places.
fn legs(drives: &Drives, limits: Limits, tiles: &mut Vec<Tile>) {
    let square = limits.pairs.isqrt().min(limits.side).min(limits.locations / 2).max(1);
    let legs = drives.question().legs().iter().zip(drives.legs());
    let mut tile = Tile { part: Part::Legs, from: Vec::new(), to: Vec::new() };
    for ((from, to), _) in legs.filter(|(_, entry)| **entry == UNKNOWN) {
        let (is_from_new, is_to_new) = (!tile.from.contains(from), !tile.to.contains(to));
        let is_full =
            tile.from.len() + usize::from(is_from_new) > square || tile.to.len() + usize::from(is_to_new) > square;
        if is_full {
            let next = Tile { part: Part::Legs, from: vec![*from], to: vec![*to] };
            tiles.push(std::mem::replace(&mut tile, next));
            continue;
        }
        if is_from_new {
            tile.from.push(*from);
        }
        if is_to_new {
            tile.to.push(*to);
        }
    }
    if !tile.from.is_empty() {
        tiles.push(tile);
    }
}
