//! What to tell the user about the exchange with the server, and how to pace it.

use std::sync::Arc;

use crate::ids::TicketId;
use crate::replica::Replica;
use crate::replica::rows::ticket::Ticket;
use crate::store::{Space, Store, StoreError};
use crate::time::{DeviceTime, ServerTime, Skew};
use crate::wire::{Standing, Upgrade};

/// Where the phone stands with the server. "Synced" is only said when the server has said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncStatus {
    /// Facts that the server has not acknowledged.
    pub unsent: usize,
    /// How long ago the oldest of them was made, by the device's own clock.
    pub oldest_unsent_age_ms: Option<i64>,
    /// Refused work that its author has not settled.
    pub drafts: usize,
    /// Blobs that the server is not known to have.
    pub awaited_blobs: usize,
    /// Batches of colleagues' phones that this one carries to the server.
    pub carried: usize,
    /// When the server last answered, on its clock.
    pub last_reply: Option<ServerTime>,
    /// Nothing is unsent and the last signed reply was the last page.
    pub is_synced: bool,
    /// How far the device's clock is off.
    pub skew: Skew,
    /// The clock is so far off that the user should be told.
    pub is_clock_off: bool,
    pub standing: Standing,
    pub upgrade_required: Option<Upgrade>,
    /// Tickets of which the server keeps sending what does not open here.
    pub unreadable: Vec<TicketId>,
    /// Whether more can be stored.
    pub space: Space,
    /// Rows of the store that did not read, of which some may have been work: kept, and to be reported.
    pub set_aside: usize,
    /// Why nothing moves, if nothing does.
    pub trouble: Option<Trouble>,
}

/// Why the last exchange did not succeed, or did not carry everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// No network, no answer, or one that somebody on the way gave.
    Offline,
    /// The network's login page, or another server, answers in our server's place.
    NotOurServer,
    /// The server answered with an error.
    Server { status: u16 },
    /// The session has ended: the user must sign in.
    SignIn,
    /// The device's key does not sign.
    KeyUnavailable(String),
    /// The server does not take a batch as it is.
    BatchRefused { code: String },
    /// The device cannot store the answer.
    Store(StoreError),
}

/// How an exchange failed, as the host saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// No connection, a timeout, a body cut short.
    Offline,
    /// The server refused the token.
    SignIn,
    /// An HTTP status that is no success, with its `Retry-After` if there was one.
    Server { status: u16, retry_after_ms: Option<u32> },
}

impl<S: Store> Replica<S> {
    /// Where the phone stands with the server.
    pub fn status(&self, now: DeviceTime) -> SyncStatus {
        let (device, session) = (&self.state.device, &self.state.session);
        let outstanding = self.state.outstanding(now);
        let unreadable = |ticket: &&Arc<Ticket>| ticket.failures > 0 && ticket.leaving.is_none();
        SyncStatus {
            unsent: self.state.outbox.len(),
            oldest_unsent_age_ms: (!self.state.outbox.is_empty()).then_some(outstanding.oldest_age_ms),
            drafts: self.state.drafts.len(),
            awaited_blobs: self.state.blobs.len(),
            carried: self.state.carried.len(),
            last_reply: device.last_reply.map(|(server, _)| server),
            is_synced: self.state.outbox.is_empty()
                && device.last_reply.is_some()
                && !session.has_more
                && session.failures == 0,
            skew: device.skew,
            is_clock_off: device.skew.0.saturating_abs() > Skew::WORTH_TELLING_MS,
            standing: device.standing,
            upgrade_required: device.upgrade.clone(),
            unreadable: self.state.tickets.values().filter(unreadable).map(|ticket| ticket.id).collect(),
            space: self.store.space(),
            set_aside: self.state.set_aside,
            trouble: session.trouble.clone(),
        }
    }

    /// The exchange under way has failed; the same batches will be in the next request.
    pub fn handle_failure(&mut self, failure: Failure) {
        let (trouble, retry_after_ms) = match failure {
            Failure::Offline => (Trouble::Offline, None),
            Failure::SignIn => (Trouble::SignIn, None),
            Failure::Server { status, retry_after_ms } => (Trouble::Server { status }, retry_after_ms),
        };
        self.fail(trouble, retry_after_ms.unwrap_or(0));
    }

    /// The store had to be opened anew: the user is told until the next exchange has gone well.
    pub fn note_store_fault(&mut self, fault: StoreError) {
        self.state.session.trouble = Some(Trouble::Store(fault));
    }

    pub(super) fn fail(&mut self, trouble: Trouble, retry_after_ms: u32) {
        let session = &mut self.state.session;
        session.in_flight = None;
        session.failures = session.failures.saturating_add(1);
        session.trouble = Some(trouble);
        session.retry_after_ms = retry_after_ms;
    }

    /// How long to wait before the next [`poll_request`](Self::poll_request): nothing while there is more to fetch or
    /// to send, a minute at most after failures, and what the server asked for. The host adds its own jitter.
    pub fn retry_delay_ms(&self) -> u32 {
        let session = &self.state.session;
        let backoff = match session.failures {
            0 if session.trouble.is_some() => IDLE_MS,
            0 if session.has_more
                || session.knowledge_has_more
                || session.pool_has_more
                || !session.unsent_wishes.is_empty()
                || !self.state.outbox.is_empty()
                || self.state.device.is_reoffering
                || self.state.has_to_deliver() =>
            {
                0
            }
            0 => IDLE_MS,
            failures => (1_000_u32 << failures.min(6)).min(MAX_BACKOFF_MS),
        };
        backoff.max(session.retry_after_ms)
    }
}

/// Between two polls when nothing is to be done.
const IDLE_MS: u32 = 30_000;
const MAX_BACKOFF_MS: u32 = 60_000;
