use crate::command::{Author, Refusal, Stamp, TicketView};
use crate::document::{Fact, FactBody};
use crate::ids::{Sha256Hash, VisitId};

/// A photo, a recording or a document whose bytes are durable on the device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// The hash of its bytes.
    pub sha256: Sha256Hash,
    /// How many bytes.
    pub size: i64,
    /// Its media type.
    pub mime: String,
    /// What it shows, as a code: `before`, `after`, `meter`, …
    pub role: String,
    /// The step of the checklist it belongs to.
    pub step: Option<String>,
}

/// Names evidence. The bytes must be on disk before this is called; they follow by themselves.
pub fn attach(
    ticket: &TicketView<'_>,
    author: &Author,
    stamp: Stamp,
    visit: Option<VisitId>,
    attachment: Attachment,
) -> Result<Fact, Refusal> {
    let Attachment { sha256, size, mime, role, step } = attachment;
    ticket.say(author, stamp, visit, FactBody::Blob { sha256, size, mime, role, step })
}
