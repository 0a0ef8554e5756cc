//! What colleagues' phones have handed over of a ticket, on top of what the server has admitted: to look at, and for
//! nothing else. It is judged anew each time, as the server will judge it, on a copy of the document. No command, no
//! outbox and no list ever sees that copy, so nothing that this phone says can stand on it.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::document::{Fact, TicketDoc, TicketState};
use crate::door::{self, TurnedAway};
use crate::guard;
use crate::ids::{DeviceId, Sha256Hash, TicketId, UserId};
use crate::replica::Replica;
use crate::replica::rows::carried::Carried;
use crate::replica::state::Work;
use crate::store::{Store, StoreError, StoreTx};
use crate::time::{DeviceTime, ServerTime};
use crate::wire::{Batch, BatchHeader};
use crate::workflow::Workflow;

/// A ticket as it will likely be once the server has heard of what colleagues handed over.
#[derive(Debug, Clone)]
pub struct Overlay {
    /// What was handed over and may be said, each after those it came after as far as that is known here.
    pub entries: Vec<FromColleague>,
    /// What the ticket comes to with them, and with what is unsent on this device.
    pub state: TicketState,
    /// Entries that stand on something which has not reached this device: carried, and shown once it has.
    pub waiting: usize,
}

/// An entry that is not yet with the server.
#[derive(Debug, Clone, PartialEq)]
pub struct FromColleague {
    pub fact: Fact,
    pub author: UserId,
    /// The device that it was said on.
    pub device: DeviceId,
    /// The device that handed it over: the author's, or one that carries it too.
    pub handed_over_by: DeviceId,
    /// When, by this phone's idea of the server's clock.
    pub taken: ServerTime,
}

impl<S: Store> Replica<S> {
    /// What colleagues' phones have handed over of this ticket; `None` if there is nothing of it, or no such ticket.
    pub fn overlay(&mut self, id: TicketId, now: DeviceTime) -> Result<Option<Overlay>, StoreError> {
        self.work(|work| {
            if work.state.carried_of(id).next().is_none() {
                return Ok(None);
            }
            let Some(docs) = work.docs(id)? else { return Ok(None) };
            let workflow = work.workflow(&docs.base)?;
            let layer = work.layer(id, docs.base.clone(), &workflow, work.state.device.skew.correct(now));
            let facts: Vec<Fact> = layer.entries.iter().map(|entry| entry.fact.clone()).collect();
            let state = docs.now().state_with(&workflow, &facts);
            Ok(Some(Overlay { entries: layer.entries, state, waiting: layer.waiting }))
        })
    }

    /// How many batches of other devices are carried, by ticket or in all.
    pub fn carried(&self, ticket: Option<TicketId>) -> usize {
        let is_of = |carried: &&Arc<Carried>| ticket.is_none_or(|ticket| carried.header.ticket == ticket);
        self.state.carried.values().filter(is_of).count()
    }

    /// What the batches say of themselves that are carried for other devices.
    pub fn carried_headers(&self) -> impl Iterator<Item = &BatchHeader> {
        self.state.carried.values().map(|carried| &carried.header)
    }
}

/// What is carried of a ticket, put on a document.
pub(super) struct Layer {
    pub entries: Vec<FromColleague>,
    pub waiting: usize,
    /// What the first change of each batch that did not enter was turned away for.
    pub turned_away: Vec<(Sha256Hash, TurnedAway)>,
}

impl<T: StoreTx> Work<T> {
    /// Puts what is carried of a ticket on a copy of its admitted document.
    pub(super) fn layer(&self, id: TicketId, base: TicketDoc, workflow: &Workflow, now: ServerTime) -> Layer {
        let mut left: Vec<&Arc<Carried>> = self.state.carried_of(id).collect();
        left.sort_by_key(|carried| (carried.header.device, carried.header.session_nonce, carried.header.dev_seq));
        put_on(base, &left, workflow, now)
    }
}

/// Puts batches on a document until none of them goes any further.
pub(super) fn put_on(mut doc: TicketDoc, batches: &[&Arc<Carried>], workflow: &Workflow, now: ServerTime) -> Layer {
    let mut layer = Layer { entries: Vec::new(), waiting: 0, turned_away: Vec::new() };
    let mut left: Vec<&Arc<Carried>> = batches.to_vec();
    loop {
        let before = (left.len(), layer.entries.len());
        layer.turned_away.clear();
        left.retain(|carried| match put_one_on(&mut doc, carried, workflow, now, &mut layer.entries) {
            Ok(()) => false,
            Err(why) => {
                layer.turned_away.push((carried.hash, why));
                true
            }
        });
        if (left.len(), layer.entries.len()) == before {
            break;
        }
    }
    let waits: BTreeSet<Sha256Hash> = layer
        .turned_away
        .iter()
        .filter(|(_, why)| why.is_for_want_of_base && !why.is_in)
        .map(|(hash, _)| *hash)
        .collect();
    let waiting = left.iter().filter(|carried| waits.contains(&carried.hash));
    let facts = waiting.flat_map(|carried| &carried.header.fact_ids);
    layer.waiting = facts.filter(|fact| doc.fact(**fact).is_none()).count();
    layer
}

/// As far as it goes: what is there already is passed over, and what stands behind a change that may not enter does not.
fn put_one_on(
    doc: &mut TicketDoc,
    carried: &Carried,
    workflow: &Workflow,
    now: ServerTime,
    entries: &mut Vec<FromColleague>,
) -> Result<(), TurnedAway> {
    let Ok(batch) = Batch::decode(&carried.batch) else { return Ok(()) };
    let named = carried.header.change_hashes.iter().zip(&carried.header.fact_ids);
    for ((hash, fact), chunk) in named.zip(batch.changes()) {
        if doc.has_change(hash) {
            continue;
        }
        let Ok(parsed) = guard::check_chunk(chunk) else { return Ok(()) };
        let entered = door::enter(doc, &parsed, *fact, carried.signer(), workflow, now)?;
        entries.push(FromColleague {
            fact: entered.fact,
            author: carried.header.user,
            device: carried.header.device,
            handed_over_by: carried.from,
            taken: carried.taken,
        });
    }
    Ok(())
}
