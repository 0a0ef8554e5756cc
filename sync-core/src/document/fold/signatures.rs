//! What the customer signed, and whether it still says all.

use std::collections::BTreeMap;

use crate::document::body::{Covers, FactBody};
use crate::document::flag::Flag;
use crate::document::fold::concurrency::Act;
use crate::document::fold::entries::corrects;
use crate::document::fold::order::Order;
use crate::document::fold::{Input, Reviews};
use crate::ids::FactId;

/// One signature of the customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureState {
    /// The signature.
    pub fact: FactId,
    /// Whether it still says all.
    pub standing: SignatureStanding,
}

/// How far a signature goes. It always stands over what it covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignatureStanding {
    /// Nothing of what it covers has changed.
    Stands,
    /// These facts changed the ticket without the signer having seen them: they need a new signature.
    NeedsNew(Vec<FactId>),
    /// These entries it covers are missing or differ.
    Broken(Vec<FactId>),
}

/// In the order of the ids.
pub(crate) fn fold(input: &Input<'_>, order: &Order<'_>) -> Vec<SignatureState> {
    let content: BTreeMap<FactId, _> = input.facts.iter().map(|fact| (fact.id, *fact)).collect();
    let mut signatures: Vec<SignatureState> = Vec::new();
    for (place, fact) in order.facts() {
        if let FactBody::Signature { covers, .. } = &fact.body {
            let is_whole = |id, hash| content.get(&id).is_some_and(|covered| covered.content_hash() == hash);
            let broken: Vec<FactId> =
                covers.iter().filter(|(id, hash)| !is_whole(*id, *hash)).map(|(id, _)| id).collect();
            let standing =
                if broken.is_empty() { outdated(order, place, covers) } else { SignatureStanding::Broken(broken) };
            signatures.push(SignatureState { fact: fact.id, standing });
        }
    }
    signatures.sort_unstable_by_key(|signature| signature.fact);
    signatures
}

pub(crate) fn review(signatures: &[SignatureState], order: &Order<'_>, reviews: &mut Reviews) {
    let places: BTreeMap<FactId, usize> = order.facts().map(|(place, fact)| (fact.id, place)).collect();
    for signature in signatures {
        let signed = places[&signature.fact];
        match &signature.standing {
            SignatureStanding::Stands => {}
            SignatureStanding::NeedsNew(changes) => {
                changes.iter().for_each(|change| reviews.add(Flag::SignatureOutdated, signed, places[change]));
            }
            SignatureStanding::Broken(_) => reviews.add(Flag::SignatureBroken, signed, signed),
        }
    }
}

/// What changed without the signer having seen it: a field of the core, or an entry that was signed.
fn outdated(order: &Order<'_>, signed: usize, covers: &Covers) -> SignatureStanding {
    let is_covered = |id: FactId| covers.iter().any(|(covered, _)| covered == id);
    let changes: Vec<FactId> = order
        .facts()
        .filter(|(place, _)| *place != signed && !order.precedes(*place, signed))
        .filter(|(_, fact)| Act::of(fact) == Act::Edited || corrects(fact).is_some_and(is_covered))
        .map(|(_, fact)| fact.id)
        .collect();
    if changes.is_empty() { SignatureStanding::Stands } else { SignatureStanding::NeedsNew(changes) }
}
