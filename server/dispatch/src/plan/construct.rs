//! The first plan, and the last word: insert whatever fits, the urgent first.

use std::cmp::Reverse;

use super::draft::Draft;
use crate::visit::VisitIndex;

/// Inserts every visit left out that still fits somewhere: by weight, then by who is due first, then by who has least
/// choice. Afterwards none of those still left out fits anywhere.
pub(super) fn insert_all(draft: &mut Draft<'_>) {
    loop {
        let mut waiting = draft.unserved();
        waiting.sort_by_key(|visit| urgency(draft, *visit));
        let mut has_changed = false;
        for visit in waiting {
            draft.mark();
            let able = draft.able(visit).to_vec();
            has_changed |= draft.insert(visit, able.into_iter().map(|duty| duty as usize));
        }
        // A stop more can only take time, unless a travel table knows short cuts: then something may fit now.
        if !has_changed {
            draft.mark();
            return;
        }
    }
}

fn urgency(draft: &Draft<'_>, index: VisitIndex) -> (Reverse<i64>, i64, usize, VisitIndex) {
    let visit = draft.board.visit(index);
    let ends_by = visit.last_start(i64::MAX).unwrap_or(i64::MAX).min(visit.due.unwrap_or(i64::MAX));
    (Reverse(draft.weight(index)), ends_by, draft.able(index).len(), index)
}
