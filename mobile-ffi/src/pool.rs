//! The open pool on this phone.

use std::sync::Arc;

use crate::driver::Driver;
use crate::error::FieldError;
use crate::host;
use crate::ids::{IntentId, TicketId};
use crate::record::{Offer, Take};

/// What the user may take herself. Cards come with `sync`; a wish is durable at once, and the server decides when it hears
/// of it: of two who want the same, one gets it and the other is told why not.
#[derive(uniffi::Object)]
pub struct Pool {
    driver: Arc<Driver>,
}

#[uniffi::export]
impl Pool {
    /// What is on offer, as of the last `sync`.
    pub fn offers(&self) -> Result<Vec<Offer>, FieldError> {
        self.driver.with(|replica| Ok(replica.pool()?.into_iter().map(Offer::from).collect()))
    }

    /// Wishes for a ticket on offer, with or without a network. While a wish for it waits, that is the one.
    pub fn take(&self, ticket: TicketId) -> Result<IntentId, FieldError> {
        let random = host::random_bytes()?;
        self.driver.change(|replica| {
            let now = host::now();
            Ok(IntentId(replica.take(ticket.0, sync_core::ids::IntentId::fresh(now.0, random), now)?))
        })
    }

    /// The user's wishes and what became of them, oldest first: to be shown until she has dismissed the answers.
    pub fn takes(&self) -> Result<Vec<Take>, FieldError> {
        self.driver.with(|replica| Ok(Take::all(replica)))
    }

    /// The user does not want it any more. What has not left the phone is gone at once; of the rest the next answer of the
    /// server says whether it had been decided before.
    pub fn withdraw(&self, wish: IntentId) -> Result<(), FieldError> {
        self.driver.change(|replica| Ok(replica.withdraw(wish.0)?))
    }

    /// The user has seen the answer.
    pub fn dismiss(&self, wish: IntentId) -> Result<(), FieldError> {
        self.driver.change(|replica| Ok(replica.forget_wish(wish.0)?))
    }
}

impl Pool {
    pub(crate) fn new(driver: Arc<Driver>) -> Self {
        Self { driver }
    }
}
