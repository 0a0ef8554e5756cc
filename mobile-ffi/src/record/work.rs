//! Evidence on its way, and work that was refused.

use sync_core::document;
use sync_core::replica::{self, Replica};
use sync_core::wire::NoticeDecision;

use crate::driver::PhoneStore;
use crate::error::FieldError;
use crate::ids::{FactId, TicketId};

/// Where the device is, in WGS-84, as the platform's location service says.
#[derive(Debug, Clone, Copy, PartialEq, uniffi::Record)]
pub struct Place {
    pub latitude_deg: f64,
    pub longitude_deg: f64,
    /// The radius within which it is.
    pub accuracy_m: Option<f64>,
}

/// A photo or another file that is on the disk of this phone.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct BlobReference {
    /// SHA-256 of its bytes.
    pub sha256: Vec<u8>,
    /// How many bytes.
    pub size: i64,
    /// Its media type.
    pub mime: String,
    /// What it shows, as a code: `before`, `after`, `meter`.
    pub role: String,
    /// The step of the checklist it belongs to.
    pub step: Option<String>,
}

/// What the customer saw and did.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct CustomerSignature {
    /// SHA-256 of exactly what was shown.
    pub shown_sha256: Vec<u8>,
    /// The entries that were shown.
    pub shown: Vec<FactId>,
    /// SHA-256 of the strokes, whose bytes are on the disk of this phone.
    pub strokes_sha256: Vec<u8>,
    /// The name of who signed.
    pub signer: String,
}

/// A file that the server does not have yet.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct AwaitedBlob {
    pub sha256: Vec<u8>,
    pub ticket: TicketId,
    /// The entry that names it.
    pub fact: FactId,
    /// How many bytes; 0 where the entry does not say.
    pub size: i64,
    pub mime: String,
    /// The server has found twice that the bytes on this phone are not those that the entry names: the app shows it, and
    /// uploads them no more.
    pub is_corrupt: bool,
}

/// Work that was refused. Nothing of it is lost: it waits here for the user to settle it.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Draft {
    pub fact: FactId,
    pub ticket: TicketId,
    /// What it was: `note`, `answer`, `check_in`, …
    pub kind: String,
    /// Why it was refused, as a code.
    pub code: String,
    /// The rule, where one decided.
    pub rule: String,
    /// For a person.
    pub detail: String,
    pub made_device_ms: i64,
    pub refused_device_ms: i64,
    pub decision: DraftDecision,
    /// What the dispatcher wrote.
    pub dispatcher_note: String,
}

/// What a dispatcher has made of refused work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum DraftDecision {
    Waiting,
    Accepted,
    Rejected,
}

impl From<NoticeDecision> for DraftDecision {
    fn from(decision: NoticeDecision) -> Self {
        match decision {
            NoticeDecision::Waiting => Self::Waiting,
            NoticeDecision::Accepted => Self::Accepted,
            NoticeDecision::Rejected => Self::Rejected,
        }
    }
}

impl TryFrom<Place> for document::Place {
    type Error = FieldError;

    fn try_from(place: Place) -> Result<Self, FieldError> {
        let Place { latitude_deg, longitude_deg, accuracy_m } = place;
        document::Place::new(latitude_deg, longitude_deg, accuracy_m)
            .map_err(|error| FieldError::refused("place", error))
    }
}

impl AwaitedBlob {
    pub(crate) fn all(replica: &Replica<PhoneStore>) -> Vec<Self> {
        let record = |blob: &replica::AwaitedBlob| Self {
            sha256: blob.sha256.0.to_vec(),
            ticket: TicketId(blob.ticket),
            fact: FactId(blob.fact),
            size: blob.size,
            mime: blob.mime.clone(),
            is_corrupt: blob.is_corrupt(),
        };
        replica.awaited_blobs().map(|blob| record(blob)).collect()
    }
}

impl Draft {
    pub(crate) fn all(replica: &Replica<PhoneStore>) -> Vec<Self> {
        let record = |draft: &replica::Draft| Self {
            fact: FactId(draft.fact.id),
            ticket: TicketId(draft.ticket),
            kind: draft.fact.body.kind_name().to_owned(),
            code: draft.code.clone(),
            rule: draft.rule.clone(),
            detail: draft.detail.clone(),
            made_device_ms: draft.made_at.0,
            refused_device_ms: draft.refused_at.0,
            decision: draft.decision.into(),
            dispatcher_note: draft.note.clone(),
        };
        replica.drafts().map(|draft| record(draft)).collect()
    }
}
