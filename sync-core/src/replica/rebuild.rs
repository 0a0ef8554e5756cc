//! The user's unsent work, put on top of what the server has admitted.
//!
//! Usually its changes simply apply again. Where one was refused, or what it was built on is gone, the work from there
//! on is made again as the same facts, under an actor that has never been used; what may not be done any more becomes
//! a draft, and a dispatcher is told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::command::{self, Refusal};
use crate::document::{Actor, Fact, TicketDoc};
use crate::ids::{FactId, IntentId, TicketId};
use crate::replica::Wish;
use crate::replica::reply::Page;
use crate::replica::rows::Record;
use crate::replica::rows::work::{Pending, Superseded};
use crate::replica::state::Docs;
use crate::store::{StoreError, StoreTx};
use crate::wire::{Intent, intent};

/// Made again so often without success, a fact becomes a draft.
const MAX_REPLAYS: u32 = 8;

impl<T: StoreTx> Page<'_, T> {
    /// Puts the unsent work of every ticket that changed back on top.
    pub(super) fn rebuild_all(&mut self) -> Result<(), StoreError> {
        let touched: BTreeSet<TicketId> = self.bases.keys().chain(self.again_from.keys()).copied().collect();
        for id in touched {
            match self.base(id)? {
                Some(base) => {
                    self.rebuild(id, base)?;
                    self.arrived.changed.insert(id);
                }
                None if !self.work.state.tickets.contains_key(&id) => self.give_up_all(id)?,
                // Its whole has been asked for.
                None => {}
            }
        }
        Ok(())
    }

    /// A restored server wants work again on a ticket that has left this device since: there is nothing to make it on.
    fn give_up_all(&mut self, id: TicketId) -> Result<(), StoreError> {
        let again_from = self.again_from.get(&id).copied().unwrap_or(u64::MAX);
        let mut refused = self.refused.remove(&id).unwrap_or_default();
        let pending: Vec<Arc<Pending>> = self.work.state.pending_of(id).cloned().collect();
        for pending in pending.iter().filter(|pending| pending.order >= again_from) {
            let denial = Denial::of("ticket_not_here", "the ticket has left this device since");
            self.give_up(pending, &mut refused, denial)?;
        }
        Ok(())
    }

    pub(super) fn rebuild(&mut self, id: TicketId, base: TicketDoc) -> Result<(), StoreError> {
        let again_from = self.again_from.get(&id).copied().unwrap_or(u64::MAX);
        let mut refused = self.refused.remove(&id).unwrap_or_default();
        let mut working: Option<TicketDoc> = None;
        let mut must_make_again = false;
        let pending: Vec<Arc<Pending>> = self.work.state.pending_of(id).cloned().collect();
        for pending in pending {
            if base.has_change(&pending.change.hash) {
                // Usually the feed was faster than the acknowledgement, which is still to come.
                if pending.order >= again_from {
                    self.doubt(id, &pending, &mut refused)?;
                }
                continue;
            }
            if base.fact(pending.fact.id).is_some() {
                // Another copy of this store was faster, and made it on another past.
                self.work.take_pending(pending.order)?;
                let superseded = Superseded { pending: (*pending).clone(), found: self.server_time };
                superseded.write(&mut self.work.tx)?;
                self.renew_actor(id);
                continue;
            }
            let on = working.get_or_insert_with(|| base.clone());
            must_make_again |= pending.order >= again_from;
            if !must_make_again && on.apply_admitted([pending.change.clone()]).is_ok() {
                continue;
            }
            must_make_again = true;
            self.make_again(id, on, &pending, &mut refused)?;
        }
        self.drop_settled_drafts(id, &base)?;
        let has_work = self.work.state.pending_of(id).next().is_some();
        let docs = Docs { base, working: working.filter(|_| has_work) };
        self.work.summarise(id, docs.now())?;
        self.work.state.docs.insert(id, Arc::new(docs));
        Ok(())
    }

    /// What was refused once is in the ticket after all: a dispatcher let it in, or another copy of this store was
    /// faster.
    fn drop_settled_drafts(&mut self, id: TicketId, base: &TicketDoc) -> Result<(), StoreError> {
        let drafts = self.work.state.drafts.values().filter(|draft| draft.ticket == id);
        let settled: Vec<FactId> =
            drafts.map(|draft| draft.fact.id).filter(|fact| base.fact(*fact).is_some()).collect();
        settled.into_iter().try_for_each(|fact| self.work.take_draft(fact).map(drop))
    }

    /// The server does not have what we hold for admitted: an earlier server did, and the present one has not sent us
    /// its own version. It is asked for that. If the ticket is not ours any more, it will not come.
    fn doubt(
        &mut self,
        id: TicketId,
        pending: &Pending,
        refused: &mut BTreeMap<FactId, Vec<FactId>>,
    ) -> Result<(), StoreError> {
        let is_leaving = self.work.state.tickets.get(&id).is_some_and(|ticket| ticket.leaving.is_some());
        if is_leaving || pending.replays >= MAX_REPLAYS {
            return self.give_up(
                pending,
                refused,
                Denial::of("lost_with_server", "the server has lost what it stood on"),
            );
        }
        self.work.note_failure(id, "we hold changes that the server does not have".to_owned(), &[])?;
        self.work.put_pending(Pending { replays: pending.replays + 1, ..pending.clone() })
    }

    /// Makes a draft of it, and tells a dispatcher.
    fn give_up(
        &mut self,
        pending: &Pending,
        refused: &mut BTreeMap<FactId, Vec<FactId>>,
        denial: Denial,
    ) -> Result<(), StoreError> {
        self.work.take_pending(pending.order)?;
        refused.insert(pending.fact.id, pending.fact.after.clone());
        self.show_to_dispatcher(pending)?;
        self.refuse(pending, denial.code.to_owned(), denial.rule, denial.detail)
    }

    /// The same fact once more, on the document as it is now.
    fn make_again(
        &mut self,
        id: TicketId,
        on: &mut TicketDoc,
        pending: &Pending,
        refused: &mut BTreeMap<FactId, Vec<FactId>>,
    ) -> Result<(), StoreError> {
        let made = match pending.replays {
            MAX_REPLAYS.. => Err(Denial::of("does_not_settle", "made again many times without success")),
            _ => self.ask_again(id, on, &pending.fact, refused)?.and_then(|fact| {
                let identity = self.work.state.device.identity;
                let actor = Actor::of_device(identity.tenant, identity.device, id, self.fresh);
                let change = on.append_fact(actor, &fact);
                change.map(|change| (fact, change)).map_err(|why| Denial::of("does_not_apply", &why.to_string()))
            }),
        };
        match made {
            Ok((fact, change)) => {
                self.renew_actor(id);
                let (heads, actor_nonce, replays) = (on.heads(), self.fresh, pending.replays + 1);
                self.work.put_pending(Pending { fact, change, heads, actor_nonce, replays, ..pending.clone() })
            }
            Err(denial) => self.give_up(pending, refused, denial),
        }
    }

    /// The fact as it may be said now; or why not.
    fn ask_again(
        &self,
        id: TicketId,
        on: &TicketDoc,
        fact: &Fact,
        refused: &mut BTreeMap<FactId, Vec<FactId>>,
    ) -> Result<Result<Fact, Denial>, StoreError> {
        // What is not here at all was lost with an earlier server, and nothing can be said of it any more.
        let mut named = fact.after.clone();
        while let Some(id) = named.pop() {
            match refused.get(&id) {
                Some(earlier) => named.extend(earlier),
                None if on.fact(id).is_some() => {}
                None => {
                    refused.insert(id, Vec::new());
                }
            }
        }
        let workflow = self.work.workflow(on)?;
        let redone = self.work.state.sight(id, on, &workflow, self.now, |sight| {
            command::redo(fact.clone(), refused, &sight.ticket, &sight.author)
        });
        Ok(redone.map_err(Denial::from))
    }

    /// From now on this ticket's changes are made by an actor that has never been used: a number of the old one may
    /// stand on a change that did not count.
    pub(super) fn renew_actor(&mut self, id: TicketId) {
        self.work.state.session.actor_nonces.insert(id, self.fresh);
    }

    /// Work refused here has never been with the server, yet a dispatcher must see it.
    fn show_to_dispatcher(&mut self, pending: &Pending) -> Result<(), StoreError> {
        let intent = Intent {
            id: IntentId(pending.fact.id.0),
            kind: intent::REVIEW.to_owned(),
            ticket: Some(pending.ticket),
            payload: pending.fact.to_bytes(),
            made_at: self.now,
        };
        self.work.put_wish(Wish { intent, answer: None })
    }
}

/// Why something is not made again.
struct Denial {
    code: &'static str,
    rule: String,
    detail: String,
}

impl Denial {
    fn of(code: &'static str, detail: &str) -> Self {
        Self { code, rule: String::new(), detail: detail.to_owned() }
    }
}

impl From<Refusal> for Denial {
    fn from(refusal: Refusal) -> Self {
        let (code, rule) = match &refusal {
            Refusal::Denied(rule) => ("denied", rule.to_string()),
            Refusal::NotFrom { .. } => ("not_from", String::new()),
            Refusal::NotByYou { .. } => ("not_by_you", String::new()),
            Refusal::Missing(_) => ("missing", String::new()),
            Refusal::Ended(_) => ("ended", String::new()),
            Refusal::NotThere(_) => ("not_there", String::new()),
            Refusal::AlreadyThere(_) => ("already_there", String::new()),
            Refusal::NoChange => ("no_change", String::new()),
            Refusal::NoWindow => ("no_window", String::new()),
        };
        Self { code, rule, detail: refusal.to_string() }
    }
}
