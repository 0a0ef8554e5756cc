//! Taking apart and putting together again: slack induction by string removals, after Christiaens and Vanden Berghe
//! (2020). In each round strings of neighbouring visits leave a few routes, and are inserted again in a random order
//! where they cost least. A plan that is a little worse is taken over while the threshold allows it, one that leaves out
//! more never; the best one is kept.

use std::cmp::Reverse;

use super::PlanScore;
use super::dice::Dice;
use super::draft::Draft;
use super::neighbours::{apart_s, neighbours};
use crate::route::Route;
use crate::visit::VisitIndex;

/// Improves a draft for a number of rounds and leaves it at the best plan met, which is never worse than the first.
pub(super) fn improve(draft: &mut Draft<'_>, rounds: u32, seed: u64) {
    if draft.board.visits().is_empty() || draft.routes.is_empty() {
        return;
    }
    let mut dice = Dice::new(seed);
    let near = neighbours(draft.board.travel(), draft.board.visits());
    let mut best = Best::new(draft);
    for round in 0..rounds {
        draft.mark();
        let before = (draft.score().unserved_weight, draft.scalar());
        let seed_visit = dice.below(near.len());
        let waiting = ruin(draft, &near[seed_visit], &mut dice);
        recreate(draft, waiting, &mut dice);
        let threshold_s = HOTTEST_S * i64::from(rounds - round) / i64::from(rounds);
        let allowed = (before.0, before.1 + dice.below(threshold_s as usize + 1) as i64);
        if (draft.score().unserved_weight, draft.scalar()) <= allowed {
            best.keep(draft);
        } else {
            draft.undo();
        }
    }
    best.restore(draft);
}

/// Takes strings out of the routes around a visit. What then waits for a place: the visits taken out, and those nearby
/// that had none.
fn ruin(draft: &mut Draft<'_>, near: &[u32], dice: &mut Dice) -> Vec<VisitIndex> {
    let strings = 1 + dice.below(MOST_STRINGS);
    let mut waiting = Vec::new();
    let mut cut = Vec::new();
    for &index in near {
        let visit = VisitIndex(index);
        match draft.duty_of(visit) {
            None if waiting.len() < MOST_WAITING => waiting.push(visit),
            Some(duty) if cut.len() < strings && !cut.contains(&duty) => {
                let string = string_around(draft, duty, visit, dice);
                if draft.remove(duty, &string) {
                    waiting.extend(string);
                }
                cut.push(duty);
            }
            _ => {}
        }
    }
    waiting.sort_unstable();
    waiting.dedup();
    waiting
}

/// Some visits in a row, the given one among them.
fn string_around(draft: &Draft<'_>, duty: usize, visit: VisitIndex, dice: &mut Dice) -> Vec<VisitIndex> {
    let row: Vec<VisitIndex> = draft.visits_in(duty).collect();
    let length = 1 + dice.below(row.len().min(LONGEST_STRING));
    let middle = row.iter().position(|other| *other == visit).unwrap_or(0);
    let first_start = (middle + 1).saturating_sub(length);
    let last_start = middle.min(row.len() - length);
    let start = first_start + dice.below(last_start - first_start + 1);
    row[start..start + length].to_vec()
}

fn recreate(draft: &mut Draft<'_>, mut waiting: Vec<VisitIndex>, dice: &mut Dice) {
    let order = dice.below(11);
    // Sorting by a random key is how to shuffle; the weight goes first, or ordinary visits take the places of urgent
    // ones and the round is wasted.
    let mut keyed: Vec<(Reverse<i64>, i64, usize, VisitIndex)> = Vec::with_capacity(waiting.len());
    let centre = waiting.first().map(|visit| draft.board.visit(*visit).place);
    for visit in waiting.drain(..) {
        let wanted = draft.board.visit(visit);
        let away_s = centre.map_or(0, |centre| apart_s(draft.board.travel(), centre, wanted.place));
        let key = match order {
            0..=3 => 0,
            4..=6 => -i64::from(wanted.duration_s),
            7 | 8 => -away_s,
            9 => away_s,
            _ => draft.able(visit).len() as i64,
        };
        keyed.push((Reverse(draft.weight(visit)), key, dice.below(1 << 30), visit));
    }
    keyed.sort_unstable();
    for (.., visit) in keyed {
        // A blink, now and then, leads to places that the greedy choice would never try.
        let able: Vec<usize> =
            draft.able(visit).iter().map(|duty| *duty as usize).filter(|_| !dice.once_in(BLINK)).collect();
        draft.insert(visit, able.into_iter());
    }
}

/// The best plan met, as copies of its routes; copied only where it changed since the last one.
struct Best {
    score: PlanScore,
    routes: Vec<Route>,
    /// Whether the draft's route may differ from the copy.
    is_stale: Vec<bool>,
}

impl Best {
    fn new(draft: &Draft<'_>) -> Self {
        Self { score: draft.score(), routes: draft.routes.clone(), is_stale: vec![false; draft.routes.len()] }
    }

    fn keep(&mut self, draft: &Draft<'_>) {
        draft.touched().for_each(|duty| self.is_stale[duty] = true);
        if draft.score() < self.score {
            self.score = draft.score();
            for (duty, is_stale) in self.is_stale.iter_mut().enumerate() {
                if std::mem::take(is_stale) {
                    self.routes[duty].clone_from(&draft.routes[duty]);
                }
            }
        }
    }

    fn restore(self, draft: &mut Draft<'_>) {
        let changed = self.routes.into_iter().enumerate().zip(self.is_stale).filter(|(_, is_stale)| *is_stale);
        draft.restore(changed.map(|(route, _)| route).collect());
    }
}

/// How much worse a plan may become in the first round, in seconds-equivalents; it falls to nothing in the last.
const HOTTEST_S: i64 = 300;
const MOST_STRINGS: usize = 4;
const LONGEST_STRING: usize = 8;
/// Visits without a place that are tried again in a round.
const MOST_WAITING: usize = 12;
/// Once in how many times a possible duty is overlooked.
const BLINK: usize = 60;
