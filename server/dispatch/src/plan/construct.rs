//! The first plan, and the last word: insert whatever fits, the urgent first.

use std::cmp::Reverse;

use super::draft::Draft;

/// Inserts every visit left out that still fits somewhere: by weight, then by who is due first, then by who has least
/// choice. Afterwards none of those still left out fits anywhere.
pub(super) fn insert_all(draft: &mut Draft<'_>) {
    loop {
        let mut waiting = draft.waiting().to_vec();
        waiting.sort_by_key(|visit| urgency(draft, *visit));
        let mut has_changed = false;
        for visit in waiting {
            draft.mark();
            if draft.field.ties.contains_key(&visit) {
                if let Some(together) = draft.cheapest_together(visit) {
                    draft.insert_together(visit, &together);
                    has_changed = true;
                }
                continue;
            }
            let able = draft.field.able[visit as usize].iter().copied();
            if let Some(place) = draft.cheapest(visit, able) {
                draft.insert(visit, place);
                has_changed = true;
            }
        }
        draft.mark();
        // A stop more can only take time, unless a travel table knows short cuts: then something may fit now.
        if !has_changed {
            return;
        }
    }
}

fn urgency(draft: &Draft<'_>, visit: u32) -> (Reverse<i64>, i64, usize, u32) {
    let field = draft.field;
    let task = &field.tasks[visit as usize];
    let able = field.able[visit as usize].len();
    (Reverse(field.weights[visit as usize]), task.starts.last.min(task.due), able, visit)
}
