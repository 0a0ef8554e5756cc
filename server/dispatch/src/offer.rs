//! What to offer a customer who asks when somebody could come.

use crate::board::Board;
use crate::interval::TimeWindow;
use crate::policy::Policy;
use crate::rank::{Candidate, rank};
use crate::visit::Visit;

/// A window that could be promised, and who would come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    pub window: TimeWindow,
    pub candidate: Candidate,
}

/// Of some windows those that can be kept, the cheapest first, at most `most` of them. What one costs is what it would
/// cost the best engineer, waiting counted from when the window opens: a later one is not worse for being later.
pub fn offers(board: &Board, visit: &Visit, windows: &[TimeWindow], policy: &Policy, most: usize) -> Vec<Offer> {
    let best = Policy { shortlist: 1, ..policy.clone() };
    let offer = |window: &TimeWindow| {
        let wanted = Visit { windows: vec![*window], pinned_start: None, ..visit.clone() };
        let candidate = *rank(board, &wanted, &best).best()?;
        Some(Offer { window: *window, candidate })
    };
    let mut offers: Vec<Offer> = windows.iter().filter_map(offer).collect();
    offers.sort_by_key(|offer| (offer.candidate.score.total_s(), offer.window));
    offers.truncate(most);
    offers
}
