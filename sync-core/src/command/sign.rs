use crate::command::{Author, Refusal, Stamp, TicketView};
use crate::document::{Covers, Fact, FactBody, Sealed};
use crate::ids::{FactId, Sha256Hash, VisitId};

/// What the customer saw and did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signing {
    /// The hash of exactly what was shown.
    pub shown_sha256: Sha256Hash,
    /// The entries that were shown.
    pub shown: Vec<FactId>,
    /// The hash of the strokes.
    pub strokes_sha256: Sha256Hash,
    /// The name of who signed, sealed for the field `signer`.
    pub signer: Sealed,
}

/// The customer signs. The signature stands for the content of the entries shown, whatever comes later.
pub fn sign(
    ticket: &TicketView<'_>,
    author: &Author,
    stamp: Stamp,
    visit: VisitId,
    signing: Signing,
) -> Result<Fact, Refusal> {
    let Signing { shown_sha256, shown, strokes_sha256, signer } = signing;
    let content = |id: &FactId| match ticket.fact(*id) {
        Some(entry) => Ok((*id, entry.content_hash())),
        None => Err(Refusal::NotThere(id.0)),
    };
    let covers = Covers::new(shown.iter().map(content).collect::<Result<Vec<_>, _>>()?);
    ticket.say(author, stamp, Some(visit), FactBody::Signature { shown_sha256, covers, strokes_sha256, signer })
}
