//! The entries of a ticket: what people wrote, answered, used and proved.

use sync_core::document::{Fact, FactBody, Sealed, SignatureStanding, TicketState};
use sync_core::replica::Sight;

use crate::ids::{FactId, PartId};

/// Something written down.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Note {
    pub fact: FactId,
    pub text: String,
    pub written_device_ms: i64,
    /// The server has it.
    pub is_admitted: bool,
}

/// The answer to a step of the checklist.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Answer {
    pub fact: FactId,
    pub step: String,
    pub value: String,
    /// Others answered the same step without knowing of this: these are kept beside it.
    pub others: Vec<FactId>,
    pub is_admitted: bool,
}

/// A part that went into the customer's asset.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct PartUsed {
    pub fact: FactId,
    pub part: PartId,
    pub quantity: i64,
    pub serial: Option<String>,
    pub is_admitted: bool,
}

/// A photo or another file.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Evidence {
    pub fact: FactId,
    pub sha256: Vec<u8>,
    pub size: i64,
    pub mime: String,
    pub role: String,
    pub step: Option<String>,
    pub is_admitted: bool,
}

/// A signature of the customer.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Signature {
    pub fact: FactId,
    pub signer: String,
    /// The entries it stands for.
    pub covers: Vec<FactId>,
    /// Something it does not cover was added or changed since: another signature is needed.
    pub needs_new: bool,
    /// An entry it covers is missing or differs.
    pub is_broken: bool,
    pub is_admitted: bool,
}

/// Reads entries out of a document.
pub(super) struct Reader<'a> {
    pub sight: &'a Sight<'a>,
}

impl Reader<'_> {
    /// The text of a field of the core, or nothing if the key on this phone does not open it.
    pub fn open(&self, field: &str, sealed: &Sealed) -> String {
        self.sight.open(None, field, sealed).unwrap_or_default()
    }

    pub fn notes(&self, state: &TicketState) -> Vec<Note> {
        let note = |fact: &Fact| match &fact.body {
            FactBody::Note { text, .. } => Some(Note {
                fact: FactId(fact.id),
                text: self.open_in(fact, "text", text),
                written_device_ms: fact.wall.0,
                is_admitted: self.is_admitted(fact),
            }),
            _ => None,
        };
        self.each(&state.entries.notes, note)
    }

    pub fn answers(&self, state: &TicketState) -> Vec<Answer> {
        let shown = state.entries.answers.values().filter_map(|answers| answers.split_last());
        let answer = |(last, others): (&sync_core::ids::FactId, &[sync_core::ids::FactId])| {
            let fact = self.sight.ticket.doc.fact(*last)?;
            let FactBody::Answer { step, value, .. } = &fact.body else { return None };
            Some(Answer {
                fact: FactId(fact.id),
                step: step.clone(),
                value: self.open_in(fact, "value", value),
                others: others.iter().copied().map(FactId).collect(),
                is_admitted: self.is_admitted(fact),
            })
        };
        shown.filter_map(answer).collect()
    }

    pub fn parts_used(&self, state: &TicketState) -> Vec<PartUsed> {
        let part_used = |fact: &Fact| match &fact.body {
            FactBody::PartUsed { part, quantity, serial } => Some(PartUsed {
                fact: FactId(fact.id),
                part: PartId(*part),
                quantity: quantity.get(),
                serial: serial.clone(),
                is_admitted: self.is_admitted(fact),
            }),
            _ => None,
        };
        self.each(&state.entries.parts_used, part_used)
    }

    pub fn evidence(&self, state: &TicketState) -> Vec<Evidence> {
        let evidence = |fact: &Fact| match &fact.body {
            FactBody::Blob { sha256, size, mime, role, step } => Some(Evidence {
                fact: FactId(fact.id),
                sha256: sha256.0.to_vec(),
                size: *size,
                mime: mime.clone(),
                role: role.clone(),
                step: step.clone(),
                is_admitted: self.is_admitted(fact),
            }),
            _ => None,
        };
        self.each(&state.entries.evidence, evidence)
    }

    pub fn signatures(&self, state: &TicketState) -> Vec<Signature> {
        let signature = |signature: &sync_core::document::SignatureState| {
            let fact = self.sight.ticket.doc.fact(signature.fact)?;
            let FactBody::Signature { covers, signer, .. } = &fact.body else { return None };
            Some(Signature {
                fact: FactId(fact.id),
                signer: self.open_in(fact, "signer", signer),
                covers: covers.iter().map(|(entry, _)| FactId(entry)).collect(),
                needs_new: matches!(signature.standing, SignatureStanding::NeedsNew(_)),
                is_broken: matches!(signature.standing, SignatureStanding::Broken(_)),
                is_admitted: self.is_admitted(fact),
            })
        };
        state.signatures.iter().filter_map(signature).collect()
    }

    fn each<T>(&self, ids: &[sync_core::ids::FactId], record: impl Fn(&Fact) -> Option<T>) -> Vec<T> {
        ids.iter().filter_map(|id| record(self.sight.ticket.doc.fact(*id)?)).collect()
    }

    fn open_in(&self, fact: &Fact, field: &str, sealed: &Sealed) -> String {
        self.sight.open(Some(fact.id), field, sealed).unwrap_or_default()
    }

    fn is_admitted(&self, fact: &Fact) -> bool {
        self.sight.ticket.doc.admissions().contains_key(&fact.id)
    }
}
