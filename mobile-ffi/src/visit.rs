//! A visit being worked: the steps of the engineer, and what is recorded on the way.
//!
//! Every call returns once its entry is durable on this phone, and is refused on the spot by the rule that the server
//! would apply. The steps take the place where they are made, if the user lets it be known.

use std::sync::Arc;

use sync_core::command::{self, Attachment, Refusal, Signing, Stamp};
use sync_core::document::{Fact, Quantity};
use sync_core::ids::Sha256Hash;
use sync_core::time::ServerTime;

use crate::driver::{Acting, Driver};
use crate::error::FieldError;
use crate::ids::{FactId, PartId};
use crate::record::{BlobReference, CustomerSignature, Place};

/// One visit of the user.
#[derive(uniffi::Object)]
pub struct Visit {
    driver: Arc<Driver>,
    ticket: sync_core::ids::TicketId,
    id: sync_core::ids::VisitId,
}

#[uniffi::export]
impl Visit {
    /// Takes it on.
    pub fn accept(&self) -> Result<FactId, FieldError> {
        self.act(|acting, stamp| command::accept(acting.view, &acting.author, stamp, self.id))
    }

    /// Turns it down; `reason` is a code from the tenant's list.
    pub fn decline(&self, reason: String) -> Result<FactId, FieldError> {
        self.act(|acting, stamp| command::decline(acting.view, &acting.author, stamp, self.id, reason))
    }

    /// Sets out.
    #[uniffi::method(default(place = None))]
    pub fn depart(&self, place: Option<Place>) -> Result<FactId, FieldError> {
        self.act_at(place, |acting, stamp| command::depart(acting.view, &acting.author, stamp, self.id))
    }

    /// Is on site.
    #[uniffi::method(default(place = None))]
    pub fn check_in(&self, place: Option<Place>) -> Result<FactId, FieldError> {
        self.act_at(place, |acting, stamp| command::check_in(acting.view, &acting.author, stamp, self.id))
    }

    /// Begins the work, or goes on with it.
    #[uniffi::method(default(place = None))]
    pub fn start(&self, place: Option<Place>) -> Result<FactId, FieldError> {
        self.act_at(place, |acting, stamp| command::start(acting.view, &acting.author, stamp, self.id))
    }

    /// Interrupts the work; `reason` is a code from the tenant's list.
    #[uniffi::method(default(place = None))]
    pub fn pause(&self, reason: String, place: Option<Place>) -> Result<FactId, FieldError> {
        self.act_at(place, |acting, stamp| command::pause(acting.view, &acting.author, stamp, self.id, reason))
    }

    /// Leaves the site.
    #[uniffi::method(default(place = None))]
    pub fn check_out(&self, place: Option<Place>) -> Result<FactId, FieldError> {
        self.act_at(place, |acting, stamp| command::check_out(acting.view, &acting.author, stamp, self.id))
    }

    /// Reports it done: `outcome` is a code (`solved`, `part_done`), `solution` says what was done.
    #[uniffi::method(default(solution = None, place = None))]
    pub fn done(&self, outcome: String, solution: Option<String>, place: Option<Place>) -> Result<FactId, FieldError> {
        self.act_at(place, |acting, stamp| {
            let solution = solution.map(|text| acting.seal("solution", &text));
            command::complete(acting.view, &acting.author, stamp, self.id, outcome, solution)
        })
    }

    /// Answers a step of the checklist; replaces the answer that is shown.
    pub fn answer(&self, step: String, value: String) -> Result<FactId, FieldError> {
        self.act(|acting, stamp| {
            let value = acting.seal("value", &value);
            command::answer(acting.view, &acting.author, stamp, self.id, step, value)
        })
    }

    /// Names a photo or another file that is on the disk already; the app uploads its bytes later.
    pub fn attach(&self, blob: BlobReference) -> Result<FactId, FieldError> {
        let BlobReference { sha256, size, mime, role, step } = blob;
        let attachment = Attachment { sha256: digest(&sha256)?, size, mime, role, step };
        self.act(|acting, stamp| command::attach(acting.view, &acting.author, stamp, Some(self.id), attachment))
    }

    /// A part went from the van into the customer's asset.
    #[uniffi::method(default(serial = None))]
    pub fn use_part(&self, part: PartId, quantity: i64, serial: Option<String>) -> Result<FactId, FieldError> {
        let part = (part.0, amount(quantity)?);
        self.act(|acting, stamp| command::use_part(acting.view, &acting.author, stamp, self.id, part, serial))
    }

    /// Asks the warehouse for a part.
    #[uniffi::method(default(note = None))]
    pub fn request_part(&self, part: PartId, quantity: i64, note: Option<String>) -> Result<FactId, FieldError> {
        let part = (part.0, amount(quantity)?);
        self.act(|acting, stamp| {
            let note = note.map(|text| acting.seal("note", &text));
            command::request_part(acting.view, &acting.author, stamp, Some(self.id), part, note)
        })
    }

    /// Records the customer's signature over exactly the entries that were shown.
    pub fn sign(&self, signature: CustomerSignature) -> Result<FactId, FieldError> {
        let CustomerSignature { shown_sha256, shown, strokes_sha256, signer } = signature;
        let (shown_sha256, strokes_sha256) = (digest(&shown_sha256)?, digest(&strokes_sha256)?);
        let shown = shown.into_iter().map(|fact| fact.0).collect();
        self.act(|acting, stamp| {
            let signing = Signing { shown_sha256, shown, strokes_sha256, signer: acting.seal("signer", &signer) };
            command::sign(acting.view, &acting.author, stamp, self.id, signing)
        })
    }

    /// Moves one or both sides of the time window, in milliseconds since 1970; a side that is not given stays with
    /// whoever moves it.
    #[uniffi::method(default(start_ms = None, end_ms = None))]
    pub fn reschedule(&self, start_ms: Option<i64>, end_ms: Option<i64>) -> Result<FactId, FieldError> {
        let sides = (start_ms.map(ServerTime), end_ms.map(ServerTime));
        self.act(|acting, stamp| command::reschedule(acting.view, &acting.author, stamp, self.id, sides))
    }
}

impl Visit {
    pub(crate) fn new(driver: Arc<Driver>, ticket: sync_core::ids::TicketId, id: sync_core::ids::VisitId) -> Self {
        Self { driver, ticket, id }
    }

    fn act(&self, command: impl FnOnce(&Acting<'_>, Stamp) -> Result<Fact, Refusal>) -> Result<FactId, FieldError> {
        self.act_at(None, command)
    }

    fn act_at(
        &self,
        place: Option<Place>,
        command: impl FnOnce(&Acting<'_>, Stamp) -> Result<Fact, Refusal>,
    ) -> Result<FactId, FieldError> {
        self.driver.act(self.ticket, place, command).map(FactId)
    }
}

fn amount(quantity: i64) -> Result<Quantity, FieldError> {
    let refused = || FieldError::refused("quantity", format!("{quantity} is not between one and a million"));
    Quantity::new(quantity).ok_or_else(refused)
}

fn digest(sha256: &[u8]) -> Result<Sha256Hash, FieldError> {
    Sha256Hash::from_slice(sha256).map_err(|error| FieldError::refused("sha256", error))
}
