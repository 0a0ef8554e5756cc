//! What its owner takes from the pool.

use callout_server::platform::random::Random;
use sync_core::ids::{IntentId, TicketId};
use sync_core::replica::{NotWished, Offer, Take, TakeState};

use super::Phone;

impl Phone {
    /// What she may take, as of the last exchange.
    pub fn offers(&mut self) -> Vec<Offer> {
        self.replica.pool().expect("the phone's store")
    }

    /// Whether she may take this ticket, as of the last exchange.
    pub fn is_offered(&mut self, ticket: TicketId) -> bool {
        self.offers().iter().any(|offer| offer.ticket == ticket)
    }

    /// She wants a ticket that is offered to her.
    pub fn take(&mut self, ticket: TicketId) -> IntentId {
        self.try_take(ticket).expect("an offer")
    }

    pub fn try_take(&mut self, ticket: TicketId) -> Result<IntentId, NotWished> {
        let now = self.time.day.unwrap_or_else(|| self.time.now());
        self.replica.take(ticket, IntentId::fresh(now.0, Random.bytes()), now)
    }

    /// Her wishes and what became of them.
    pub fn takes(&self) -> Vec<Take> {
        self.replica.takes()
    }

    /// What became of one wish; none if it is forgotten.
    pub fn took(&self, wish: IntentId) -> Option<TakeState> {
        self.takes().into_iter().find(|take| take.id == wish).map(|take| take.state)
    }

    /// She does not want it any more.
    pub fn withdraw(&mut self, wish: IntentId) {
        self.replica.withdraw(wish).expect("the phone's store");
    }

    /// She has seen the answer.
    pub fn dismiss(&mut self, wish: IntentId) {
        self.replica.forget_wish(wish).expect("the phone's store");
    }
}
