//! What a fact says, as JSON for people and searches: sealed texts opened, bytes in hexadecimal.

use serde_json::{Map, Value};
use sync_core::document::seal::{self, DocumentKey, Sealed, SealedAt};
use sync_core::document::{Fact, Scalar};
use sync_core::ids::TicketId;

/// The fields of a fact. A text that does not open under the ticket's key is shown as null: its author sealed it under
/// another one.
pub fn of(ticket: TicketId, key: &DocumentKey, fact: &Fact) -> Value {
    let mut shown: Map<String, Value> =
        fact.body.fields().into_iter().map(|(name, value)| (name, scalar(value))).collect();
    for (field, text) in fact.sealed() {
        shown.insert(field.to_owned(), open(ticket, key, fact, field, text));
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
