//! A board divided into parts of neighbouring routes, differently each time.

use super::dice::Dice;
use super::draft::visits_of;
use super::field::Field;
use crate::rest::NEVER;
use crate::route::Route;

/// Duties with what is on them, and visits left out that are near; both sorted.
#[derive(Clone, Debug, Default)]
pub(super) struct Part {
    pub visits: Vec<u32>,
    pub duties: Vec<u32>,
}

/// Parts of at most about `most` visits. Each cut goes between a route picked at random and the one farthest from it, so
/// that it needs no coordinates, only drives.
pub(super) fn divide(whole: &Field<'_>, routes: &[Route], most: usize, dice: &mut Dice) -> Vec<Part> {
    let mut is_served = vec![false; whole.tasks.len()];
    routes.iter().flat_map(visits_of).for_each(|visit| is_served[visit as usize] = true);
    let waiting = (0..whole.tasks.len() as u32).filter(|visit| !is_served[*visit as usize]).collect();
    let mut open = vec![Part { visits: waiting, duties: (0..routes.len() as u32).collect() }];
    let mut parts = Vec::new();
    while let Some(part) = open.pop() {
        let size = |part: &Part| part.visits.len() + part.duties.iter().map(|duty| load(routes, *duty)).sum::<usize>();
        if size(&part) <= most || part.duties.len() < 2 {
            parts.push(part);
            continue;
        }
        let (one, other) = cut(whole, routes, &part, dice);
        if one.duties.is_empty() || other.duties.is_empty() {
            parts.push(part);
        } else {
            open.extend([one, other]);
        }
    }
    for part in &mut parts {
        part.visits.extend(part.duties.iter().flat_map(|duty| visits_of(&routes[*duty as usize])));
        part.visits.retain(|visit| !whole.ties.contains_key(visit));
        part.visits.sort_unstable();
        part.duties.sort_unstable();
    }
    parts.retain(|part| !part.visits.is_empty());
    parts
}

fn cut(whole: &Field<'_>, routes: &[Route], part: &Part, dice: &mut Dice) -> (Part, Part) {
    let busy: Vec<u32> = part.duties.iter().copied().filter(|duty| load(routes, *duty) > 0).collect();
    let among = if busy.is_empty() { &part.duties } else { &busy };
    let apart_s = |from: u32, to: u32| whole.apart_s(from, to).min(NEVER / 4);
    let place = |duty: &u32| {
        let mut visits = visits_of(&routes[*duty as usize]);
        visits.nth(load(routes, *duty) / 2).unwrap_or(whole.duties[*duty as usize].from_node)
    };
    let middle = place(&among[dice.below(among.len())]);
    let farthest = |from: u32| among.iter().map(place).max_by_key(|to| apart_s(from, *to)).unwrap_or(from);
    let one = farthest(middle);
    let other = farthest(one);
    // Sometimes from the middle, so that not every cut goes across the same long side.
    let (one, other) = if dice.once_in(3) { (middle, one) } else { (one, other) };
    let side = |node: u32| apart_s(one, node) - apart_s(other, node);
    let mut order: Vec<(i64, u32)> = among.iter().map(|duty| (side(place(duty)), *duty)).collect();
    order.sort_unstable();
    let half = among.iter().map(|duty| load(routes, *duty).max(1)).sum::<usize>() / 2;
    let (mut near, mut far) = (Part::default(), Part::default());
    let (mut sum, mut edge) = (0, i64::MIN);
    for (key, duty) in order {
        if sum < half {
            near.duties.push(duty);
            edge = key;
        } else {
            far.duties.push(duty);
        }
        sum += load(routes, duty).max(1);
    }
    if !busy.is_empty() {
        // Who has nothing to do stands ready on both sides.
        let mut idle: Vec<(i64, u32)> = part
            .duties
            .iter()
            .filter(|duty| load(routes, **duty) == 0)
            .map(|duty| (side(place(duty)), *duty))
            .collect();
        idle.sort_unstable();
        let half = idle.len().div_ceil(2);
        near.duties.extend(idle[..half].iter().map(|(_, duty)| *duty));
        far.duties.extend(idle[half..].iter().map(|(_, duty)| *duty));
    }
    for &visit in &part.visits {
        // Where few could come, it goes where one of them is.
        let able: Vec<u32> = whole.able[visit as usize].iter().map(|able| able.duty).collect();
        let able: Vec<u32> = able.into_iter().filter(|duty| part.duties.binary_search(duty).is_ok()).collect();
        let at = if (1..FEW).contains(&able.len()) { place(&able[dice.below(able.len())]) } else { visit };
        if side(at) <= edge { near.visits.push(visit) } else { far.visits.push(visit) }
    }
    near.duties.sort_unstable();
    far.duties.sort_unstable();
    (near, far)
}

/// Fewer than so many who could come are few.
const FEW: usize = 6;

fn load(routes: &[Route], duty: u32) -> usize {
    visits_of(&routes[duty as usize]).count()
}
