//! What must hold in every step of every run. Each has a name, under which it stands in the README.

use std::collections::{BTreeMap, BTreeSet};

use sync_core::document::{RawChange, TicketDoc};
use sync_core::guard::check_chunk;
use sync_core::ids::*;
use sync_core::replica::{Take, TakeState};
use sync_core::wire::envelope;
use sync_core::wire::{Batch, SyncRequest};
use sync_core::workflow::Workflow;

use crate::attacker::Attacker;
use crate::phone::{BatchName, Phone};
use crate::server::{FORBIDDEN, Server};

/// The invariants: name, and what it says.
pub const INVARIANTS: [(&str, &str); 15] = [
    (NO_COMMAND_IS_LOST, "what a phone was told is saved is in a document, with a dispatcher, or still on the phone"),
    (NOTHING_UNSAVED_IS_SENT, "a phone that dies while its request is on the way has all that is in it"),
    (NUMBERS_ARE_USED_ONCE, "no two changes bear the same actor and number"),
    (SAME_HEADS_SAME_STATE, "documents with the same heads come to the same state, wherever they are"),
    (THE_CURSOR_SKIPS_NOTHING, "a phone that was told that this is all has everything of its tickets"),
    (NO_STRANGER_IS_SERVED, "no document holds what its author was not entitled to say"),
    (THE_OUTBOX_MOVES, "what is unsent is about to be sent, or the status says why it is not"),
    (LEAVING_KEEPS_WORK, "no answer of a server takes away work that it does not have"),
    (HARM_STAYS_AT_HOME, "what a hostile device sends changes no document and no answer to anybody else"),
    (LISTS_ARE_THE_FOLD, "what a list shows of a ticket is what its document comes to"),
    (PHONES_BRING_IT_BACK, "what phones hold of a server that is restored from a backup is there again in the end"),
    (
        AN_OVERLAY_IS_NO_BASE,
        "what a colleague's phone handed over is in no document of a phone before the server admits it",
    ),
    (
        A_COURIER_KEEPS_IT,
        "what a phone took from a colleague's it carries until the server has answered it, or has what it says",
    ),
    (ONE_GETS_IT, "what is on offer is granted to one, and nobody else's phone says that it is his"),
    (OFFERS_ARE_THE_SERVERS, "in the end a phone shows the offers of its server, and every wish has its answer"),
];

pub const NO_COMMAND_IS_LOST: &str = "no_command_is_lost";
pub const NOTHING_UNSAVED_IS_SENT: &str = "nothing_unsaved_is_sent";
pub const NUMBERS_ARE_USED_ONCE: &str = "numbers_are_used_once";
pub const SAME_HEADS_SAME_STATE: &str = "same_heads_same_state";
pub const THE_CURSOR_SKIPS_NOTHING: &str = "the_cursor_skips_nothing";
pub const NO_STRANGER_IS_SERVED: &str = "no_stranger_is_served";
pub const THE_OUTBOX_MOVES: &str = "the_outbox_moves";
pub const LEAVING_KEEPS_WORK: &str = "leaving_keeps_work";
pub const HARM_STAYS_AT_HOME: &str = "harm_stays_at_home";
pub const LISTS_ARE_THE_FOLD: &str = "lists_are_the_fold";
pub const PHONES_BRING_IT_BACK: &str = "phones_bring_it_back";
pub const AN_OVERLAY_IS_NO_BASE: &str = "an_overlay_is_no_base";
pub const A_COURIER_KEEPS_IT: &str = "a_courier_keeps_it";
pub const ONE_GETS_IT: &str = "one_gets_it";
pub const OFFERS_ARE_THE_SERVERS: &str = "offers_are_the_servers";

/// An invariant that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    pub invariant: &'static str,
    pub detail: String,
}

/// What a check says.
pub type Holds = Result<(), Broken>;

fn broken(invariant: &'static str, detail: String) -> Holds {
    Err(Broken { invariant, detail })
}

/// A ticket and changes of its document: its heads, or all of them.
type Heads = (TicketId, Vec<Sha256Hash>);

/// A change, and the fact that it adds if a phone made it.
type Owed = (Sha256Hash, Option<FactId>);

/// What a phone held of a ticket.
type Held = (TicketId, Vec<Owed>);

/// What the checks have to remember of a run.
#[derive(Default)]
pub struct Witness {
    /// What documents came to, by ticket and heads.
    states: BTreeMap<Heads, String>,
    /// What phones held when a server was lost: which phone, and changes by ticket.
    owed: Vec<(DeviceId, Vec<Held>)>,
    /// Every fact that any server ever had in a document.
    admitted: BTreeSet<FactId>,
}

impl Witness {
    /// Two documents with the same heads, seen at any time anywhere, come to the same.
    pub fn compare(&mut self, doc: &TicketDoc) -> Holds {
        let state = format!("{:?}", doc.state(&Workflow::field_service()));
        let known = self.states.entry((doc.ticket(), doc.heads())).or_insert_with(|| state.clone());
        match *known == state {
            true => Ok(()),
            false => broken(SAME_HEADS_SAME_STATE, format!("{known}\n{state}")),
        }
    }

    pub fn note_admitted(&mut self, server: &Server) {
        self.admitted.extend(server.tickets.values().flat_map(|doc| doc.facts().map(|fact| fact.id)));
    }

    /// A server is about to be lost. What this phone has of it must come back: all but its own work of which it has not
    /// heard that it arrived, which may be made again.
    pub fn note_owed(&mut self, phone: &mut Phone, tickets: &[TicketId], server: &Server) {
        let mut held = Vec::new();
        let unsent: BTreeSet<FactId> = phone.replica().unsent().map(|(_, fact)| fact.id).collect();
        for ticket in tickets {
            let (Some(doc), Some(theirs)) = (phone.doc(*ticket), server.tickets.get(ticket)) else { continue };
            let is_unsent =
                |change: &RawChange| check_chunk(&change.bytes).is_ok_and(|parsed| unsent.contains(&parsed.fact().id));
            let changes = theirs.changes_since(&[]).into_iter().filter(|change| !is_unsent(change));
            let changes = changes.filter(|change| doc.has_change(&change.hash));
            let fact = |change: &RawChange| check_chunk(&change.bytes).ok().map(|parsed| parsed.fact().id);
            held.push((*ticket, changes.map(|change| (change.hash, fact(&change))).collect()));
        }
        self.owed.push((phone.identity.device, held));
    }

    /// A device's store has gone back to a backup: it may have forgotten.
    pub fn forgive(&mut self, device: DeviceId) {
        self.owed.retain(|(debtor, _)| *debtor != device);
    }

    pub fn check_owed(&self, server: &Server) -> Holds {
        for (device, held) in &self.owed {
            for (ticket, changes) in held {
                // A clone of the phone may have said the same first, in another change.
                let is_back = |(hash, fact): &&Owed| {
                    let doc = server.tickets.get(ticket);
                    doc.is_some_and(|doc| doc.has_change(hash) || fact.is_some_and(|fact| doc.fact(fact).is_some()))
                };
                if let Some((hash, _)) = changes.iter().find(|owed| !is_back(owed)) {
                    return broken(PHONES_BRING_IT_BACK, format!("{hash:?} of {ticket:?}, which {device:?} had"));
                }
            }
        }
        Ok(())
    }
}

/// Facts that the server has in one way or another.
pub fn with_the_server(server: &Server) -> BTreeSet<FactId> {
    let in_documents = server.tickets.values().flat_map(|doc| doc.facts().map(|fact| fact.id));
    in_documents.chain(server.quarantine.keys().copied()).chain(server.reviews.keys().copied()).collect()
}

/// Nothing that a phone was told is saved is gone.
pub fn no_command_is_lost(phone: &mut Phone, server: &Server) -> Holds {
    let (there, here) = (with_the_server(server), phone.facts());
    match phone.saved.keys().find(|fact| !there.contains(fact) && !here.contains(fact)) {
        None => Ok(()),
        Some(fact) => broken(NO_COMMAND_IS_LOST, format!("{fact:?} of {:?}", phone.identity.device)),
    }
}

/// What is in this request would be on the phone if it died now.
pub fn nothing_unsaved_is_sent(phone: &Phone, server: &Server, request: &[u8]) -> Holds {
    let body = envelope::unpack(request, 8 << 20).expect("our own request");
    let request = SyncRequest::decode(&body).expect("our own request");
    let claims = request.batches.iter().map(|batch| Batch::decode(batch).and_then(|batch| batch.claims()));
    let sent: Vec<FactId> = claims.flat_map(|claims| claims.expect("our own batch").fact_ids).collect();
    if sent.is_empty() {
        return Ok(());
    }
    let durable = phone.durable_facts(server);
    match sent.iter().find(|fact| !durable.contains(fact)) {
        None => Ok(()),
        Some(fact) => broken(NOTHING_UNSAVED_IS_SENT, format!("{fact:?}")),
    }
}

pub fn numbers_are_used_once(server: &Server) -> Holds {
    match server.reused.first() {
        None => Ok(()),
        Some(reused) => broken(NUMBERS_ARE_USED_ONCE, reused.clone()),
    }
}

/// The phone has just been told that there is no more.
pub fn the_cursor_skips_nothing(phone: &mut Phone, server: &Server) -> Holds {
    let scope = server.scope.get(&phone.identity.user).cloned().unwrap_or_default();
    for ticket in scope {
        let heads = server.tickets[&ticket].heads();
        let has_all = phone.doc(ticket).is_some_and(|doc| heads.iter().all(|head| doc.has_change(head)));
        // What did not open was asked for again.
        let is_asked_for = || phone.status(server).unreadable.contains(&ticket);
        if !has_all && !is_asked_for() {
            return broken(THE_CURSOR_SKIPS_NOTHING, format!("{ticket:?} on {:?}", phone.identity.device));
        }
    }
    Ok(())
}

pub fn no_stranger_is_served(server: &Server, attacker: Option<&Attacker>) -> Holds {
    for doc in server.tickets.values() {
        let is_forbidden = |fact: &&sync_core::document::Fact| match &fact.body {
            sync_core::document::FactBody::Answer { step, .. } => step == FORBIDDEN,
            _ => attacker.is_some_and(|attacker| attacker.tried.contains(&fact.id)),
        };
        if let Some(fact) = doc.facts().find(is_forbidden) {
            return broken(NO_STRANGER_IS_SERVED, format!("{:?} in {:?}", fact.id, doc.ticket()));
        }
    }
    Ok(())
}

/// Between two exchanges.
pub fn the_outbox_moves(phone: &mut Phone, server: &Server) -> Holds {
    let status = phone.status(server);
    match status.unsent == 0 || status.trouble.is_some() || phone.replica().retry_delay_ms() == 0 {
        true => Ok(()),
        false => broken(THE_OUTBOX_MOVES, format!("{status:?}")),
    }
}

/// `before` is what the phone had in hand before the answer came.
pub fn leaving_keeps_work(phone: &mut Phone, before: &BTreeSet<FactId>, server: &Server) -> Holds {
    let (there, here) = (with_the_server(server), phone.facts());
    match before.iter().find(|fact| !there.contains(fact) && !here.contains(fact)) {
        None => Ok(()),
        Some(fact) => broken(LEAVING_KEEPS_WORK, format!("{fact:?} of {:?}", phone.identity.device)),
    }
}

/// Every document's heads, before and after a hostile device has had its turn.
pub fn harm_stays_at_home(before: &[Heads], server: &Server) -> Holds {
    match before == heads_of(server) {
        true => Ok(()),
        false => broken(HARM_STAYS_AT_HOME, "a document has changed".to_owned()),
    }
}

pub fn heads_of(server: &Server) -> Vec<Heads> {
    server.tickets.iter().map(|(ticket, doc)| (*ticket, doc.heads())).collect()
}

pub fn lists_are_the_fold(phone: &mut Phone, tickets: &[TicketId]) -> Holds {
    let workflow = Workflow::field_service();
    for ticket in tickets {
        let Some(doc) = phone.doc(*ticket) else { continue };
        let shown = phone.replica().tickets().find(|summary| summary.ticket == *ticket).cloned();
        let state = doc.state(&workflow);
        let is_right = shown.as_ref().is_some_and(|shown| {
            let visits = |summary: &sync_core::replica::Summary| {
                summary.visits.iter().all(|visit| {
                    let folded = state.visits.get(&visit.visit);
                    folded.is_none_or(|folded| (folded.status, folded.window) == (visit.status, visit.window))
                })
            };
            shown.status == state.status && shown.has_reviews == state.needs_review() && visits(shown)
        });
        if !is_right {
            return broken(LISTS_ARE_THE_FOLD, format!("{shown:?} is not {state:?}"));
        }
    }
    Ok(())
}

pub fn an_overlay_is_no_base(phone: &mut Phone, witness: &Witness) -> Holds {
    for (ticket, facts) in phone.carries().into_values() {
        let Some(doc) = phone.doc(ticket) else { continue };
        let is_built_on = |fact: &&FactId| doc.fact(**fact).is_some() && !witness.admitted.contains(*fact);
        if let Some(fact) = facts.iter().find(is_built_on) {
            return broken(AN_OVERLAY_IS_NO_BASE, format!("{fact:?} on {:?}", phone.identity.device));
        }
    }
    Ok(())
}

pub fn a_courier_keeps_it(phone: &mut Phone, server: &Server) -> Holds {
    let (carries, there) = (phone.carries(), with_the_server(server));
    let is_settled =
        |name: &BatchName, facts: &[FactId]| server.has_answered(name) || facts.iter().all(|fact| there.contains(fact));
    let lost = |(name, (_, facts)): &(&BatchName, &(TicketId, Vec<FactId>))| {
        !carries.contains_key(*name) && !is_settled(name, facts)
    };
    if let Some((name, _)) = phone.took.iter().find(lost) {
        return broken(A_COURIER_KEEPS_IT, format!("{name:?} on {:?}", phone.identity.device));
    }
    // What it is rid of, the server has: should that be restored, it is for the authors to bring again.
    phone.took = carries;
    Ok(())
}

pub fn one_gets_it(phone: &mut Phone, server: &Server) -> Holds {
    let granted = &server.pool.granted;
    let times: BTreeSet<_> = granted.values().collect();
    if times.len() < granted.len() {
        return broken(ONE_GETS_IT, format!("granted twice: {granted:?}"));
    }
    let user = phone.identity.user;
    let is_so = |take: &Take| take.state != TakeState::Granted || granted.contains_key(&(user, take.id));
    match phone.replica().takes().into_iter().find(|take| !is_so(take)) {
        Some(take) => broken(ONE_GETS_IT, format!("{user} was told of {take:?}")),
        None => Ok(()),
    }
}

pub fn offers_are_those_of_the_server(phone: &mut Phone, tickets: &[TicketId], server: &Server) -> Holds {
    let shown = phone.replica().pool().expect("a store that lives");
    let shown: BTreeSet<TicketId> = shown.into_iter().map(|offer| offer.ticket).collect();
    let offered: BTreeSet<TicketId> = tickets.iter().copied().filter(|ticket| server.is_on_offer(*ticket)).collect();
    let is_open = |take: &Take| matches!(take.state, TakeState::Waiting | TakeState::Withdrawing);
    let open = phone.replica().takes().into_iter().find(is_open);
    if shown != offered || open.is_some() {
        return broken(OFFERS_ARE_THE_SERVERS, format!("shown {shown:?}, offered {offered:?}, open {open:?}"));
    }
    Ok(())
}
