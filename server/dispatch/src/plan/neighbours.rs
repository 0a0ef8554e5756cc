//! For each visit the nearest others, found through H3 cells so that it stays affordable for many.

use std::collections::HashMap;

use h3o::{CellIndex, Resolution};

use crate::place::Place;
use crate::travel::Travel;
use crate::visit::Visit;

/// The visits near each visit, itself first, the nearest next; about [`KEPT`] of them.
///
/// It steers the search and bounds nothing, so taking the visits of the surrounding cells in whole rings is enough.
pub(super) fn neighbours(travel: &Travel, visits: &[Visit]) -> Vec<Vec<u32>> {
    let is_table = matches!(travel, Travel::Table { .. });
    if is_table || visits.len() <= KEPT * 8 {
        let everybody: Vec<u32> = (0..visits.len() as u32).collect();
        return visits.iter().map(|visit| nearest(travel, visits, visit, everybody.clone())).collect();
    }
    let mut by_cell: HashMap<CellIndex, Vec<u32>> = HashMap::new();
    for (index, visit) in (0..).zip(visits) {
        by_cell.entry(visit.place.cell(CELLS)).or_default().push(index);
    }
    let around = |visit: &Visit| {
        let home = visit.place.cell(CELLS);
        let mut found: Vec<u32> = Vec::new();
        for rings in RINGS {
            let disk: Vec<CellIndex> = home.grid_disk(rings);
            found = disk.iter().filter_map(|cell| by_cell.get(cell)).flatten().copied().collect();
            if found.len() > KEPT {
                break;
            }
        }
        found
    };
    visits.iter().map(|visit| nearest(travel, visits, visit, around(visit))).collect()
}

/// How far one place is from another for the purpose of steering: seconds at walking speed, or those of the table.
pub(super) fn apart_s(travel: &Travel, from: Place, to: Place) -> i64 {
    travel.seconds(from, to, 1.0).unwrap_or(i64::MAX)
}

fn nearest(travel: &Travel, visits: &[Visit], of: &Visit, mut among: Vec<u32>) -> Vec<u32> {
    let apart_s = |index: &u32| apart_s(travel, of.place, visits[*index as usize].place);
    among.sort_by_cached_key(|index| (apart_s(index), *index));
    among.truncate(KEPT);
    among.shrink_to_fit();
    among
}

const KEPT: usize = 100;
/// Cells some 2.5 km across.
const CELLS: Resolution = Resolution::Seven;
const RINGS: [u32; 5] = [1, 2, 4, 8, 16];
