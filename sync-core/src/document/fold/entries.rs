//! What people entered: notes, answers, parts and evidence, in the order in which a person reads them.

use std::collections::{BTreeMap, BTreeSet};

use crate::document::body::FactBody;
use crate::document::fact::Fact;
use crate::document::fold::Input;
use crate::document::fold::order::Order;
use crate::ids::FactId;

/// The entries of a ticket, by the ids of their facts.
///
/// Each list is in reading order: admitted ones as the server numbered them, then the rest by their stamps.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entries {
    /// Notes that no other note corrects.
    pub notes: Vec<FactId>,
    /// The latest answers to each step. Several if people answered without knowing of each other: the last one
    /// shows, all are kept.
    pub answers: BTreeMap<String, Vec<FactId>>,
    /// Parts used.
    pub parts_used: Vec<FactId>,
    /// Parts asked for.
    pub part_requests: Vec<FactId>,
    /// Photos and other evidence.
    pub evidence: Vec<FactId>,
    /// What this version does not know, to be shown as plain cards.
    pub unknown: Vec<FactId>,
}

pub(crate) fn fold(input: &Input<'_>, order: &Order<'_>) -> Entries {
    let mut entries = Entries::default();
    let corrected: BTreeSet<FactId> = order.facts().filter_map(|(_, fact)| corrects(fact)).collect();
    let mut answers = BTreeMap::<&str, Vec<usize>>::new();
    for (place, fact) in in_reading_order(input, order) {
        match &fact.body {
            FactBody::Note { .. } if !corrected.contains(&fact.id) => entries.notes.push(fact.id),
            FactBody::Answer { step, .. } if !corrected.contains(&fact.id) => {
                answers.entry(step).or_default().push(place);
            }
            FactBody::PartUsed { .. } => entries.parts_used.push(fact.id),
            FactBody::PartRequest { .. } => entries.part_requests.push(fact.id),
            FactBody::Blob { .. } => entries.evidence.push(fact.id),
            FactBody::Unknown { .. } => entries.unknown.push(fact.id),
            _ => {}
        }
    }
    for (step, places) in answers {
        let is_latest = |place: &usize| !places.iter().any(|later| order.precedes(*place, *later));
        let latest = places.iter().copied().filter(is_latest).map(|place| order.fact(place).id).collect();
        entries.answers.insert(step.to_owned(), latest);
    }
    entries
}

/// The entry that a fact replaces.
pub(crate) fn corrects(fact: &Fact) -> Option<FactId> {
    match fact.body {
        FactBody::Note { corrects, .. } | FactBody::Answer { corrects, .. } => corrects,
        _ => None,
    }
}

fn in_reading_order<'a>(input: &Input<'_>, order: &Order<'a>) -> Vec<(usize, &'a Fact)> {
    let number = |fact: &Fact| input.admissions.get(&fact.id).map_or(i64::MAX, |admission| admission.n);
    let mut facts: Vec<_> = order.all().filter(|(place, fact)| order.counts(*place) || is_unknown(fact)).collect();
    facts.sort_by_key(|(_, fact)| (number(fact), fact.hlc, fact.id));
    facts
}

/// A fact of a kind unknown here is shown, whether it counts or not.
fn is_unknown(fact: &Fact) -> bool {
    matches!(fact.body, FactBody::Unknown { .. })
}
