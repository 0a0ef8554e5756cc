//! The open pool on this device: cards of what its user may take, and her wishes to take some of it.
//!
//! A card is an offer as of the last page. That it is here is no promise: the server decides, when it hears of the wish,
//! and says why not. Cards are a set with a version of its own, so that a reply that was lost, a store that was restored
//! and a year in a drawer come to the same: the next page brings what is lacking, or everything.

use std::sync::Arc;

use crate::ids::{IntentId, TicketId, VisitId};
use crate::reference::{Card, POOL};
use crate::replica::reply::Page;
use crate::replica::state::{State, Work};
use crate::replica::{Replica, Wish};
use crate::store::{Store, StoreError, StoreTx, Table};
use crate::time::DeviceTime;
use crate::wire::{Intent, IntentOutcome, PoolCard, Reference, ReferenceVersion, intent};

/// A ticket that may be taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    pub ticket: TicketId,
    pub card: Card,
}

/// A wish to take a ticket, and what has become of it so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Take {
    pub id: IntentId,
    pub ticket: TicketId,
    pub made_at: DeviceTime,
    pub state: TakeState,
}

/// How it stands with a wish to take a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TakeState {
    /// The server has not decided.
    Waiting,
    /// It may have reached the server before it was withdrawn; the server says which was first.
    Withdrawing,
    /// The ticket is the user's. It comes by the feed.
    Granted,
    /// The ticket is not hers, and why: a code, and words for her.
    Refused { code: String, detail: String },
}

/// Why a wish was not put into the outbox.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotWished {
    /// There is no card of this ticket here.
    #[error("the ticket is not in the pool")]
    NotOffered,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The version that asks for everything.
pub(super) const ANEW: u64 = u64::MAX;
/// Bytes of a card; a larger one is none.
const LARGEST_CARD: usize = 16 << 10;
/// What a wish says that is not one any more.
const WITHDRAWAL: &[u8] = br#"{"withdrawn":true}"#;
/// What a server answers a wish that it heard of after its withdrawal.
const WITHDRAWN: &str = "withdrawn";

impl<S: Store> Replica<S> {
    /// What the user may take, as of the last page.
    pub fn pool(&mut self) -> Result<Vec<Offer>, StoreError> {
        let cards = self.store.begin()?.sift(Table::PoolCard, b"")?.rows;
        let offer = |(key, card): (Vec<u8>, Vec<u8>)| {
            Some(Offer { ticket: TicketId::from_slice(&key).ok()?, card: Card::from_bytes(&card)? })
        };
        Ok(cards.into_iter().filter_map(offer).collect())
    }

    /// Rises whenever what may be taken has changed; says nothing beyond this device.
    pub fn pool_version(&self) -> u64 {
        self.state.device.pool_version
    }

    /// Wishes for a ticket that is offered here: durable on return, sent with the next request. While a wish for it waits,
    /// that is the one; an answer to an earlier one is forgotten. `id` is fresh.
    pub fn take(&mut self, ticket: TicketId, id: IntentId, now: DeviceTime) -> Result<IntentId, NotWished> {
        self.work(|work| {
            let of_it: Vec<Take> = work.state.takes().filter(|take| take.ticket == ticket).collect();
            if let Some(waiting) = of_it.iter().find(|take| take.state == TakeState::Waiting) {
                return Ok(waiting.id);
            }
            let card = work.tx.get(Table::PoolCard, ticket.as_bytes())?.and_then(|card| Card::from_bytes(&card));
            let visit = card.ok_or(NotWished::NotOffered)?.visit;
            for answered in of_it.iter().filter(|take| take.state != TakeState::Withdrawing) {
                work.drop_wish(answered.id)?;
            }
            // Whatever stands in a card, this is JSON.
            let visit = visit.parse::<VisitId>().map(|visit| format!("{{\"visit\":\"{visit}\"}}"));
            let payload = visit.map(String::into_bytes).unwrap_or_default();
            let kind = intent::TAKE.to_owned();
            work.put_wish(Wish {
                intent: Intent { id, kind, ticket: Some(ticket), payload, made_at: now },
                answer: None,
            })?;
            work.state.session.unsent_wishes.insert(id);
            Ok(id)
        })
    }

    /// The user's wishes for tickets, oldest first, until she has [dismissed](Self::forget_wish) their answers.
    pub fn takes(&self) -> Vec<Take> {
        let mut takes: Vec<Take> = self.state.takes().collect();
        takes.sort_by_key(|take| (take.made_at, take.id));
        takes
    }

    /// The user does not want it any more. What was never in a request is gone at once; of the rest the server says
    /// whether it had decided before. Nothing happens if there is an answer.
    pub fn withdraw(&mut self, id: IntentId) -> Result<(), StoreError> {
        self.work(|work| {
            let Some(wish) = work.state.wishes.get(&id).cloned() else { return Ok(()) };
            if wish.intent.kind != intent::TAKE || wish.answer.is_some() {
                return Ok(());
            }
            if work.state.session.unsent_wishes.remove(&id) {
                return work.drop_wish(id);
            }
            let payload = WITHDRAWAL.to_vec();
            work.put_wish(Wish { intent: Intent { payload, ..wish.intent.clone() }, answer: None })
        })
    }
}

impl State {
    fn takes(&self) -> impl Iterator<Item = Take> {
        self.wishes.values().filter_map(take_of)
    }

    /// What to tell the server of the set.
    pub fn pool_held(&self) -> ReferenceVersion {
        ReferenceVersion { set: POOL.to_owned(), version: self.device.pool_version }
    }

    /// From now on they may have reached the server.
    pub fn note_wishes_sent(&mut self) {
        self.session.unsent_wishes.clear();
    }
}

fn take_of(wish: &Arc<Wish>) -> Option<Take> {
    let Intent { id, kind, ticket, payload, made_at } = &wish.intent;
    if kind != intent::TAKE {
        return None;
    }
    let state = match &wish.answer {
        None if payload == WITHDRAWAL => TakeState::Withdrawing,
        None => TakeState::Waiting,
        Some(answer) if answer.outcome == IntentOutcome::Granted => TakeState::Granted,
        Some(answer) => TakeState::Refused { code: answer.code.clone(), detail: answer.detail.clone() },
    };
    Some(Take { id: *id, ticket: (*ticket)?, made_at: *made_at, state })
}

impl<T: StoreTx> Work<T> {
    /// The next request asks for the whole pool. What is here is shown until it has come.
    pub fn ask_for_whole_pool(&mut self) {
        let version = &mut self.state.device.pool_version;
        *version = if *version == 0 { 0 } else { ANEW };
    }
}

impl<T: StoreTx> Page<'_, T> {
    /// The head of a page of cards, which follow it as items of their own.
    pub(super) fn take_pool(&mut self, head: &Reference) -> Result<(), StoreError> {
        if head.replaces_all {
            for key in self.work.tx.keys(Table::PoolCard, b"")? {
                self.work.tx.delete(Table::PoolCard, &key)?;
            }
        }
        self.work.state.device.pool_version = head.version;
        self.work.state.session.pool_has_more = head.has_more;
        self.arrived.pool = true;
        Ok(())
    }

    pub(super) fn take_pool_card(&mut self, card: &PoolCard) -> Result<(), StoreError> {
        let key = card.ticket.as_bytes();
        self.arrived.pool = true;
        if card.gone || card.card.len() > LARGEST_CARD {
            return self.work.tx.delete(Table::PoolCard, key);
        }
        self.work.tx.put(Table::PoolCard, key, &card.card)
    }

    /// A wish that was withdrawn in time is as if it had never been.
    pub(super) fn forget_if_withdrawn(&mut self, id: IntentId) -> Result<(), StoreError> {
        let is_withdrawn = self.work.state.wishes.get(&id).is_some_and(|wish| {
            wish.intent.kind == intent::TAKE && wish.answer.as_ref().is_some_and(|answer| answer.code == WITHDRAWN)
        });
        if is_withdrawn { self.work.drop_wish(id) } else { Ok(()) }
    }
}
