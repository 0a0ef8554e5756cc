//! What a fact says, as JSON for people and searches: sealed texts opened, bytes in hexadecimal.

use serde_json::{Map, Value};
use sync_core::document::seal::{self, DocumentKey, Sealed, SealedAt};
use sync_core::document::{Fact, FactBody, Scalar};
use sync_core::ids::TicketId;

/// The texts of a fact that are sealed, by the name of their field.
fn sealed(body: &FactBody) -> Option<(&'static str, &Sealed)> {
    match body {
        FactBody::Done { solution, .. } => solution.as_ref().map(|text| ("solution", text)),
        FactBody::Note { text, .. } => Some(("text", text)),
        FactBody::Answer { value, .. } => Some(("value", value)),
        FactBody::PartRequest { note, .. } => note.as_ref().map(|text| ("note", text)),
        FactBody::Signature { signer, .. } => Some(("signer", signer)),
        FactBody::Accept {}
        | FactBody::Decline { .. }
        | FactBody::Depart {}
        | FactBody::CheckIn {}
        | FactBody::CheckOut {}
        | FactBody::Start {}
        | FactBody::Pause { .. }
        | FactBody::Verify {}
        | FactBody::Close {}
        | FactBody::Cancel { .. }
        | FactBody::Reopen { .. }
        | FactBody::Assign { .. }
        | FactBody::Unassign { .. }
        | FactBody::DeskEdit { .. }
        | FactBody::Reschedule { .. }
        | FactBody::PartUsed { .. }
        | FactBody::Labour { .. }
        | FactBody::Blob { .. }
        | FactBody::Unknown { .. } => None,
    }
}

/// The fields of a fact. A text that does not open under the ticket's key is shown as null: its author sealed it under
/// another one.
pub fn of(ticket: TicketId, key: &DocumentKey, fact: &Fact) -> Value {
    let mut shown: Map<String, Value> =
        fact.body.fields().into_iter().map(|(name, value)| (name, scalar(value))).collect();
    if let Some((field, text)) = sealed(&fact.body) {
        shown.insert(field.to_owned(), open(ticket, key, fact, field, text));
    }
    if let Some(place) = &fact.place {
        shown.insert("place".to_owned(), open(ticket, key, fact, "place", place));
    }
    Value::Object(shown)
}

fn open(ticket: TicketId, key: &DocumentKey, fact: &Fact, field: &str, text: &Sealed) -> Value {
    let at = SealedAt { ticket, fact: Some(fact.id), field };
    seal::open(key, at, text).ok().and_then(|text| String::from_utf8(text).ok()).map_or(Value::Null, Value::String)
}

fn scalar(value: Scalar) -> Value {
    match value {
        Scalar::Int(value) => value.into(),
        Scalar::Str(value) => value.into(),
        Scalar::Bool(value) => value.into(),
        Scalar::Bytes(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into(),
    }
}
