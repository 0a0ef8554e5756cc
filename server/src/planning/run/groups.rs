//! In which order appointments can be moved, so that nobody stands in anybody's way.
//!
//! Who is to be somewhere at a time at which he has another appointment needs that one moved first. Where appointments
//! wait for each other in a circle, as when two engineers swap, they are moved together: all of the old ones are given
//! up before the new ones are made.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sync_core::ids::UserId;

/// An engineer's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    pub engineer: UserId,
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
}

impl Slot {
    fn overlaps(&self, other: &Slot) -> bool {
        self.engineer == other.engineer && self.from < other.to && other.from < self.to
    }
}

/// What is given up and what is made for one visit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    pub old: Option<Slot>,
    pub new: Option<Slot>,
}

/// The changes by their positions, in groups: each group once those before it are done, all of a group together.
pub fn groups(changes: &[Change]) -> Vec<Vec<usize>> {
    let needs = needs(changes);
    let mut needed_by: Vec<Vec<usize>> = vec![Vec::new(); changes.len()];
    for (change, first) in needs.iter().enumerate() {
        first.iter().for_each(|one| needed_by[*one].push(change));
    }
    // Circles are found as Kosaraju and Sharir do it: in the order in which a walk along the needs leaves the changes,
    // backwards, a walk against them sees one circle at a time.
    let mut walked = vec![false; changes.len()];
    let mut left = Vec::with_capacity(changes.len());
    for start in 0..changes.len() {
        walk(start, &needs, &mut walked, &mut left);
    }
    let mut walked = vec![false; changes.len()];
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for start in left.into_iter().rev() {
        let mut group = Vec::new();
        walk(start, &needed_by, &mut walked, &mut group);
        if !group.is_empty() {
            group.sort_unstable();
            groups.push(group);
        }
    }
    // They come those first that need others.
    groups.reverse();
    groups
}

/// Which changes of a group can be made beside what else is booked. Who cannot be moved keeps the old time, and may so
/// stand in the way of others in turn.
pub fn possible(changes: &[Change], booked: &[Slot]) -> Vec<bool> {
    let mut wanted: BTreeMap<UserId, Vec<(Slot, usize)>> = BTreeMap::new();
    for (index, change) in changes.iter().enumerate() {
        if let Some(new) = change.new {
            wanted.entry(new.engineer).or_default().push((new, index));
        }
    }
    let mut is_possible = vec![true; changes.len()];
    let mut in_the_way: Vec<(Slot, Option<usize>)> = booked.iter().map(|slot| (*slot, None)).collect();
    while let Some((slot, of)) = in_the_way.pop() {
        let here = wanted.get(&slot.engineer).map(Vec::as_slice).unwrap_or_default();
        for (_, index) in here.iter().filter(|(new, index)| new.overlaps(&slot) && of != Some(*index)) {
            if std::mem::replace(&mut is_possible[*index], false) {
                in_the_way.extend(changes[*index].old.map(|old| (old, Some(*index))));
            }
        }
    }
    is_possible
}

/// For each change, which others must be made before it.
fn needs(changes: &[Change]) -> Vec<Vec<usize>> {
    let mut given_up: BTreeMap<UserId, Vec<(Slot, usize)>> = BTreeMap::new();
    for (change, slot) in changes.iter().enumerate().filter_map(|(index, change)| Some((index, change.old?))) {
        given_up.entry(slot.engineer).or_default().push((slot, change));
    }
    let needs = changes.iter().enumerate().map(|(index, change)| {
        let Some(new) = change.new else { return Vec::new() };
        let others = given_up.get(&new.engineer).map(Vec::as_slice).unwrap_or_default();
        let in_the_way = |(old, other): &&(Slot, usize)| *other != index && old.overlaps(&new);
        others.iter().filter(in_the_way).map(|(_, other)| *other).collect()
    });
    needs.collect()
}

/// Walks everything that can be reached and has not been; notes each when all behind it is done.
fn walk(start: usize, next: &[Vec<usize>], walked: &mut [bool], left: &mut Vec<usize>) {
    if std::mem::replace(&mut walked[start], true) {
        return;
    }
    let mut path = vec![(start, 0)];
    while let Some((at, way)) = path.last_mut() {
        match next[*at].get(*way) {
            Some(&to) => {
                *way += 1;
                if !std::mem::replace(&mut walked[to], true) {
                    path.push((to, 0));
                }
            }
            None => {
                left.push(*at);
                path.pop();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn slot(engineer: u128, from: i64, to: i64) -> Option<Slot> {
        let at = |hour: i64| DateTime::from_timestamp(hour * 3600, 0).unwrap();
        Some(Slot { engineer: UserId(Uuid::from_u128(engineer)), from: at(from), to: at(to) })
    }

    fn order(changes: &[(Option<Slot>, Option<Slot>)]) -> Vec<Vec<usize>> {
        groups(&changes.iter().map(|(old, new)| Change { old: *old, new: *new }).collect::<Vec<_>>())
    }

    #[test]
    fn two_who_swap_do_so_together() {
        let swap = [(slot(1, 8, 9), slot(2, 8, 9)), (slot(2, 8, 9), slot(1, 8, 9))];
        assert_eq!(order(&swap), [vec![0, 1]]);
    }

    #[test]
    fn whoever_needs_the_time_of_another_comes_after_him() {
        // The second frees what the first needs; the third frees what the second needs.
        let chain = [
            (slot(1, 8, 9), slot(2, 8, 9)),
            (slot(2, 8, 9), slot(3, 8, 9)),
            (slot(3, 8, 9), slot(3, 10, 11)),
            (None, slot(1, 8, 9)),
        ];
        assert_eq!(order(&chain), [vec![2], vec![1], vec![0], vec![3]]);
    }

    #[test]
    fn a_circle_of_three_with_a_tail_and_somebody_apart() {
        let changes = [
            (slot(1, 8, 9), slot(2, 8, 9)),
            (slot(2, 8, 9), slot(3, 8, 9)),
            (slot(3, 8, 9), slot(1, 8, 9)),
            (slot(4, 8, 9), slot(3, 8, 10)),
            (slot(9, 8, 9), None),
        ];
        let groups = order(&changes);
        let place = |change: usize| groups.iter().position(|group| group.contains(&change)).unwrap();
        assert_eq!(groups[place(0)], [0, 1, 2]);
        assert!(place(0) < place(3) && groups[place(4)] == [4]);
        assert_eq!(groups.len(), 3);
    }

    #[test]
    fn who_cannot_move_stays_in_the_way_of_whoever_needed_that() {
        let changes = [
            (slot(1, 8, 9), slot(2, 8, 9)),
            (slot(2, 8, 9), slot(3, 8, 9)),
            (slot(3, 8, 9), slot(1, 8, 9)),
            (slot(1, 10, 11), slot(2, 10, 11)),
            (None, slot(2, 8, 9)),
            (slot(1, 12, 13), None),
        ]
        .map(|(old, new)| Change { old, new });
        let beside =
            |booked: &[Option<Slot>]| possible(&changes, &booked.iter().flatten().copied().collect::<Vec<_>>());
        assert_eq!(beside(&[]), [true; 6]);
        assert_eq!(beside(&[slot(4, 8, 9), slot(3, 9, 12)]), [true; 6], "elsewhere, or only near it");
        let blocked = [false, false, false, true, false, true];
        assert_eq!(beside(&[slot(3, 8, 10)]), blocked, "all of the circle, and who wanted a place in it");
    }

    #[test]
    fn a_visit_is_not_in_its_own_way() {
        let later = [Change { old: slot(1, 8, 10), new: slot(1, 9, 11) }, Change { old: None, new: slot(1, 8, 9) }];
        assert_eq!(possible(&later, &[]), [true; 2]);
        assert_eq!(possible(&later, &[slot(1, 10, 11).unwrap()]), [false; 2]);
    }

    #[test]
    fn a_later_time_of_the_same_visit_is_in_nobodys_way() {
        assert_eq!(order(&[(slot(1, 8, 10), slot(1, 9, 11))]), [vec![0]]);
        let after_each_other = [(slot(1, 8, 9), slot(1, 9, 10)), (slot(1, 9, 10), slot(1, 10, 11))];
        assert_eq!(order(&after_each_other), [vec![1], vec![0]]);
    }
}
