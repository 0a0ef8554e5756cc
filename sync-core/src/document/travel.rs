//! A document as it travels in an `enter`: the snapshot with its sealed texts cut out, and beside it what they say.
//!
//! Sealed text does not compress, and each brings 40 bytes of nonce and tag. The document key goes along anyway, so
//! nothing is given away by sending the texts open inside the signed and encrypted reply; the receiver seals them again,
//! which gives the same bytes ([`seal`](super::seal)), and the document's own checksum and heads prove that it did.
//! What was sealed in another way stays where it stands.

use std::collections::BTreeMap;

use prost::Message;

use crate::document::key;
use crate::document::seal::{self, DocumentKey, Sealed, SealedAt};
use crate::document::{DocumentError, TicketDoc};
use crate::ids::{FactId, TicketId};

/// Each column holds one thing of every text, in the order in which they stand in the snapshot: like beside like
/// compresses best.
#[derive(Clone, PartialEq, Message)]
struct Travelling {
    /// The snapshot without its sealed texts.
    #[prost(bytes = "vec", tag = "1")]
    snapshot: Vec<u8>,
    /// Bytes of the snapshot between the text before and this one.
    #[prost(uint32, repeated, tag = "2")]
    gaps: Vec<u32>,
    /// Whose texts they are, each a length and a key as Automerge writes them; a length of nought is the core.
    #[prost(bytes = "vec", tag = "3")]
    owners: Vec<u8>,
    /// Names of fields, each once.
    #[prost(string, repeated, tag = "4")]
    names: Vec<String>,
    /// The place in `names` of each text's field.
    #[prost(bytes = "vec", tag = "5")]
    fields: Vec<u8>,
    #[prost(uint32, repeated, tag = "6")]
    lengths: Vec<u32>,
    #[prost(bytes = "vec", tag = "7")]
    texts: Vec<u8>,
}

/// Every sealed text starts with this much of a nonce that is its own.
type Start = [u8; 8];

struct Candidate<'a> {
    owner: Option<FactId>,
    field: &'static str,
    sealed: &'a Sealed,
    text: Vec<u8>,
}

impl TicketDoc {
    /// The document for a device that is given its key as well.
    pub fn to_travel(&self, key: &DocumentKey) -> Vec<u8> {
        let whole = self.save_plain();
        let candidates = self.texts_sealed_with(key);
        let (mut travelling, mut cut_at, mut at) = (Travelling::default(), 0, 0);
        while let Some(start) = whole.get(at..at + size_of::<Start>()) {
            let here = |candidate: &&Candidate<'_>| whole[at..].starts_with(candidate.sealed.as_bytes());
            let Some(candidate) = candidates.get(start).filter(here) else {
                at += 1;
                continue;
            };
            travelling.snapshot.extend_from_slice(&whole[cut_at..at]);
            if !travelling.push(at - cut_at, candidate) {
                return Travelling { snapshot: whole, ..Travelling::default() }.encode_to_vec();
            }
            at += candidate.sealed.as_bytes().len();
            cut_at = at;
        }
        travelling.snapshot.extend_from_slice(&whole[cut_at..]);
        travelling.encode_to_vec()
    }

    /// The document that [`to_travel`](Self::to_travel) sent off. Only ever for what our server has signed.
    pub fn arrived(bytes: &[u8], ticket: TicketId, key: &DocumentKey) -> Result<Self, DocumentError> {
        let whole = Travelling::decode(bytes).ok().and_then(|travelling| travelling.put_together(ticket, key));
        Self::load_own(&whole.ok_or(DocumentError::NotADocument)?)
    }

    /// The texts that sealing again would give just so.
    fn texts_sealed_with(&self, key: &DocumentKey) -> BTreeMap<Start, Candidate<'_>> {
        let core = [("title", Some(&self.core().title)), ("description", self.core().description.as_ref())];
        let core = core.into_iter().filter_map(|(field, sealed)| Some((None, field, sealed?)));
        let facts = self.facts().flat_map(|fact| fact.sealed().map(|(field, sealed)| (Some(fact.id), field, sealed)));
        core.chain(facts)
            .filter_map(|(owner, field, sealed)| {
                let at = SealedAt { ticket: self.ticket(), fact: owner, field };
                let text = seal::open_reproducible(key, at, sealed)?;
                Some((*sealed.as_bytes().first_chunk()?, Candidate { owner, field, sealed, text }))
            })
            .collect()
    }
}

impl Travelling {
    /// Says false if there is more of anything than the form can hold.
    fn push(&mut self, gap: usize, candidate: &Candidate<'_>) -> bool {
        let known = self.names.iter().position(|name| name == candidate.field).unwrap_or(self.names.len());
        let (Ok(gap), Ok(length), Ok(name)) =
            (u32::try_from(gap), u32::try_from(candidate.text.len()), u8::try_from(known))
        else {
            return false;
        };
        if known == self.names.len() {
            self.names.push(candidate.field.to_owned());
        }
        let owner = candidate.owner.map(|fact| key::of(&fact.0)).unwrap_or_default();
        self.owners.push(if owner.is_empty() { 0 } else { key::LEN as u8 });
        self.owners.extend_from_slice(owner.as_bytes());
        self.gaps.push(gap);
        self.fields.push(name);
        self.lengths.push(length);
        self.texts.extend_from_slice(&candidate.text);
        true
    }

    /// The snapshot as it was; nothing if the columns do not fit together.
    fn put_together(&self, ticket: TicketId, document_key: &DocumentKey) -> Option<Vec<u8>> {
        let mut whole = Vec::with_capacity(self.snapshot.len() + self.texts.len() + 40 * self.gaps.len());
        let (mut snapshot, mut owners, mut texts) = (&self.snapshot[..], &self.owners[..], &self.texts[..]);
        for (number, gap) in self.gaps.iter().enumerate() {
            let field = self.names.get(usize::from(*self.fields.get(number)?))?;
            let fact = match take(&mut owners, 1)?[0] {
                0 => None,
                length => Some(FactId(key::parse(std::str::from_utf8(take(&mut owners, length.into())?).ok()?)?)),
            };
            let text = take(&mut texts, usize::try_from(*self.lengths.get(number)?).ok()?)?;
            whole.extend_from_slice(take(&mut snapshot, usize::try_from(*gap).ok()?)?);
            whole.extend_from_slice(seal::seal(document_key, SealedAt { ticket, fact, field }, text).as_bytes());
        }
        whole.extend_from_slice(snapshot);
        Some(whole)
    }
}

fn take<'a>(from: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = from.split_at_checked(length)?;
    *from = rest;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::GrantRole;
    use crate::testing::{ANA, KEY, Scene, TICKET, VISIT, sealed, sealed_at};
    use crate::wire::envelope::{Effort, pack};
    use crate::{command, workflow::Status};

    fn a_worked_ticket() -> TicketDoc {
        let mut scene = Scene::new();
        scene.assign(ANA, GrantRole::Lead);
        let mut ana = scene.phone_of(ANA);
        ana.works(Status::InProgress);
        for text in ["seal worn", "fetched a new one", "seal worn"] {
            ana.does(|ticket, author, stamp| {
                let text = sealed_at(stamp.id, "text", text);
                command::note(ticket, author, stamp, Some(VISIT), text, None)
            });
        }
        // Sealed for another place than the one where it stands.
        ana.does(|ticket, author, stamp| command::note(ticket, author, stamp, Some(VISIT), sealed("moved"), None));
        ana.completes();
        scene.sync(&mut ana);
        scene.server
    }

    #[test]
    fn a_document_arrives_as_it_was_sent_off() {
        let doc = a_worked_ticket();
        let bytes = doc.to_travel(&KEY);
        let arrived = TicketDoc::arrived(&bytes, TICKET, &KEY).unwrap();
        assert_eq!(arrived.heads(), doc.heads());
        assert_eq!(arrived.save(), doc.save());
        let packed = |bytes: &[u8]| pack(bytes, Effort::Thorough).len();
        let (open, sealed) = (packed(&bytes), packed(&doc.save_plain()));
        assert!(open + 3 * 36 < sealed, "{open} bytes against {sealed}");
        let travels_open = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
        assert!(travels_open(b"fetched a new one") && !travels_open(b"moved"));
    }

    #[test]
    fn with_another_key_or_for_another_ticket_nothing_arrives() {
        let bytes = a_worked_ticket().to_travel(&KEY);
        assert!(TicketDoc::arrived(&bytes, TICKET, &DocumentKey([9; 32])).is_err());
        assert!(TicketDoc::arrived(&bytes, TicketId(uuid::Uuid::from_u128(99)), &KEY).is_err());
        // Whoever has no key is given what he cannot read either.
        let closed = a_worked_ticket().to_travel(&DocumentKey([9; 32]));
        assert!(TicketDoc::arrived(&closed, TICKET, &KEY).is_ok());
    }

    #[test]
    fn damaged_bytes_are_an_error_and_nothing_worse() {
        let bytes = a_worked_ticket().to_travel(&KEY);
        for at in 0..bytes.len() {
            assert!(TicketDoc::arrived(&bytes[..at], TICKET, &KEY).is_err(), "cut at {at}");
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            let _ = TicketDoc::arrived(&damaged, TICKET, &KEY);
        }
    }
}
