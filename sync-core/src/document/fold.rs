//! What a ticket's facts come to: [`TicketState`], a pure function of the facts and their causal order.
//!
//! The order of arrival, duplicates and batching cannot matter, for the facts come as a set. Facts that the server
//! has not admitted count like the others: that is this phone's speculation. A fact admitted as inert counts for
//! nothing. Nobody is judged here: authority and workflow were asked before a fact was admitted.
//!
//! Reading order: `concurrency` is the table of who stands, `track` applies it to one engineer's part of a visit,
//! `visits` joins the parts, `presence`, `entries` and `signatures` read what does not move the status.

pub mod concurrency;
mod track;
mod visits;
mod presence;
mod entries;
mod signatures;
mod window;
pub(crate) mod order;

use std::collections::{BTreeMap, BTreeSet};

pub use self::entries::Entries;
pub use self::presence::LabourLog;
pub use self::signatures::{SignatureStanding, SignatureState};
pub use self::visits::{CrewMember, VisitState};
pub use self::window::reschedule;

use crate::document::admission::{Admission, Verdict};
use crate::document::body::FactBody;
use crate::document::core::Core;
use crate::document::fact::Fact;
use crate::document::flag::Flag;
use crate::document::fold::concurrency::{Act, concurrent};
use crate::document::fold::order::Order;
use crate::document::grant::Grant;
use crate::ids::{FactId, GrantId, UserId, VisitId};
use crate::workflow::{Move, Status, Workflow};

/// What a ticket's facts come to. Entries are named by the ids of their facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketState {
    /// Where the ticket stands.
    pub status: Status,
    /// Where its visits stand.
    pub visits: BTreeMap<VisitId, VisitState>,
    /// Time on site from check-ins, and time entered by hand.
    pub labour: Vec<LabourLog>,
    /// Notes, answers, parts and evidence.
    pub entries: Entries,
    /// What the customer signed, and whether it still says all.
    pub signatures: Vec<SignatureState>,
    /// What a dispatcher should look at: each reason with the facts that met. A later verification, closing,
    /// cancellation or reopening made in sight of them settles it.
    pub reviews: BTreeMap<Flag, BTreeSet<FactId>>,
    /// How many facts the server has not admitted yet.
    pub pending: usize,
}

/// All that a state depends on.
pub(crate) struct Input<'a> {
    /// Sorted by id.
    pub facts: &'a [&'a Fact],
    pub core: &'a Core,
    pub grants: &'a BTreeMap<GrantId, Grant>,
    pub admissions: &'a BTreeMap<FactId, Admission>,
    pub workflow: &'a Workflow,
}

/// Folds the facts into what they come to.
pub(crate) fn fold(input: &Input<'_>) -> TicketState {
    let order = Order::of(input.facts, |fact| !input.is_inert(fact.id));
    let mut reviews = Reviews::default();
    let visits = visits::fold(input, &order, &mut reviews);
    let signatures = signatures::fold(input, &order);
    beside_moves(&order, &mut reviews);
    noted_at_admission(input, &order, &mut reviews);
    signatures::review(&signatures, &order, &mut reviews);
    TicketState {
        status: input.recorded_status(&order).unwrap_or_else(|| visits::ticket_status(input, &order, &visits)),
        labour: presence::fold(&order),
        entries: entries::fold(input, &order),
        pending: input.facts.iter().filter(|fact| !input.admissions.contains_key(&fact.id)).count(),
        reviews: reviews.open(&order),
        signatures,
        visits,
    }
}

impl TicketState {
    /// Somebody should look at the ticket.
    pub fn needs_review(&self) -> bool {
        !self.reviews.is_empty()
    }

    /// Who is on site.
    pub fn present(&self) -> impl Iterator<Item = UserId> {
        let crew = self.visits.values().flat_map(|visit| &visit.crew);
        crew.filter(|member| member.is_present).map(|member| member.user)
    }

    /// The reasons for review that one fact is part of.
    pub fn flags_of(&self, fact: FactId) -> BTreeSet<Flag> {
        self.reviews.iter().filter(|(_, facts)| facts.contains(&fact)).map(|(flag, _)| *flag).collect()
    }

    /// One engineer's part of the ticket.
    pub fn member(&self, grant: GrantId) -> Option<&CrewMember> {
        self.visits.values().flat_map(|visit| &visit.crew).find(|member| member.grant == grant)
    }
}

impl Input<'_> {
    fn is_inert(&self, fact: FactId) -> bool {
        self.admissions.get(&fact).is_some_and(|admission| admission.verdict == Verdict::Inert)
    }

    /// Where a server that knows more than we do says that the ticket stands: it has let a kind count that is
    /// unknown here, and no move of our own is pending on top.
    fn recorded_status(&self, order: &Order<'_>) -> Option<Status> {
        let is_admitted = |fact: &Fact| self.admissions.contains_key(&fact.id);
        let is_beyond_us =
            order.facts().any(|(_, fact)| matches!(fact.body, FactBody::Unknown { .. }) && is_admitted(fact));
        let is_moving = order.facts().any(|(_, fact)| matches!(Act::of(fact), Act::Moved(_)) && !is_admitted(fact));
        let latest = self.admissions.values().max_by_key(|admission| admission.n);
        latest.filter(|_| is_beyond_us && !is_moving).map(|admission| admission.effect.status)
    }
}

/// Reasons for review, each with the places of the two facts that met.
#[derive(Default)]
pub(crate) struct Reviews(BTreeSet<(Flag, usize, usize)>);

impl Reviews {
    pub fn add(&mut self, flag: Flag, a: usize, b: usize) {
        self.0.insert((flag, a, b));
    }

    /// Those that no later decision of the desk has settled.
    fn open(self, order: &Order<'_>) -> BTreeMap<Flag, BTreeSet<FactId>> {
        let decisions: Vec<usize> = order
            .facts()
            .filter(|(_, fact)| {
                matches!(Act::of(fact), Act::Moved(Move::Verify | Move::Close | Move::Cancel | Move::Reopen))
            })
            .map(|(place, _)| place)
            .collect();
        let mut open = BTreeMap::<Flag, BTreeSet<FactId>>::new();
        for (flag, a, b) in self.0 {
            let is_settled = |decision: &usize| order.precedes(a, *decision) && order.precedes(b, *decision);
            if !decisions.iter().any(is_settled) {
                open.entry(flag).or_default().extend([order.fact(a).id, order.fact(b).id]);
            }
        }
        open
    }
}

/// What only the server could know when it admitted a fact: that the assignment had ended, that the engineer was taken.
fn noted_at_admission(input: &Input<'_>, order: &Order<'_>, reviews: &mut Reviews) {
    let is_noted = |flag: &Flag| {
        matches!(
            flag,
            Flag::GrantEnded | Flag::WindowKept | Flag::CustomerMoved | Flag::EditedTwice | Flag::UnknownKind
        )
    };
    for (place, fact) in order.all() {
        let noted = input.admissions.get(&fact.id).map(|admission| &admission.effect.flags);
        noted.into_iter().flatten().filter(|flag| is_noted(flag)).for_each(|flag| reviews.add(*flag, place, place));
    }
}

/// What the table says of pairs in which at most one moves the status.
fn beside_moves(order: &Order<'_>, reviews: &mut Reviews) {
    let acts: Vec<(usize, Act)> = order.facts().map(|(place, fact)| (place, Act::of(fact))).collect();
    let is_watched = |act: Act| matches!(act, Act::Moved(Move::Close) | Act::Edited);
    for &(a, watched) in acts.iter().filter(|(_, act)| is_watched(*act)) {
        for &(b, other) in acts.iter().filter(|(_, act)| !matches!(act, Act::Moved(_))) {
            if let Some(flag) = concurrent(watched, other).flag.filter(|_| order.concurrent(a, b)) {
                reviews.add(flag, a, b);
            }
        }
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod laws;
