//! A fact: one entry that an engineer, or the desk through the server, adds to a ticket. Written once, never changed.

use prost::Message;

use crate::document::body::FactBody;
use crate::document::field::{Field, FieldError, bad};
use crate::document::key;
use crate::document::scalar::{Fields, Scalar};
use crate::document::seal::Sealed;
use crate::ids::{FactId, GrantId, Sha256Hash, VisitId};
use crate::time::{DeviceTime, Hlc};
use crate::wire::decode;

/// One entry of a ticket. Who wrote it is not in it: that is the signer of its batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// Made with its command, kept through every replay.
    pub id: FactId,
    /// The visit it is about.
    pub visit: Option<VisitId>,
    /// The assignment by which an engineer says it; the policy checks that it is the signer's.
    pub grant: Option<GrantId>,
    /// What the device's clock showed; shown, never trusted.
    pub wall: DeviceTime,
    /// Orders what this device said.
    pub hlc: Hlc,
    /// The latest facts its author had seen, sorted; all that these had seen is implied.
    pub after: Vec<FactId>,
    /// Where it was said: the text of a [`Place`](crate::document::Place), sealed for the field `place`.
    pub place: Option<Sealed>,
    /// What it says.
    pub body: FactBody,
    /// Fields that a newer version added to this kind, kept as they came.
    pub extra: Fields,
}

/// Bytes or fields that are no fact.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FactError {
    /// One field is missing or wrong.
    #[error("the fact's field {0}")]
    Field(#[from] FieldError),
    /// A field of the entry itself that no fact has.
    #[error("a fact has no field {0:?}")]
    Stray(String),
    /// Its kind needs a visit.
    #[error("a fact of kind {0:?} names its visit")]
    NoVisit(String),
    /// The record did not decode.
    #[error("not a record of a fact")]
    NotARecord,
}

/// How many facts `after` may name: more than a frontier ever has.
pub const MAX_AFTER: usize = 256;

impl Fact {
    /// The entry's own fields and those of its body, as they stand in the document under its id.
    pub fn to_fields(&self) -> (Fields, Fields) {
        let mut entry = Fields::new();
        self.body.kind_name().to_owned().put("k", &mut entry);
        self.visit.put("visit", &mut entry);
        self.grant.put("grant", &mut entry);
        self.wall.put("wall", &mut entry);
        self.hlc.put("hlc", &mut entry);
        entry.insert("after".to_owned(), Scalar::Str(self.after.iter().map(|id| key::of(&id.0)).collect()));
        self.place.put("place", &mut entry);
        let mut fields = self.extra.clone();
        fields.append(&mut self.body.fields());
        (entry, fields)
    }

    /// The fact in these fields. Whatever a stranger put there, this gives a fact or says what is wrong.
    pub fn from_fields(id: FactId, mut entry: Fields, mut fields: Fields) -> Result<Self, FactError> {
        let body = FactBody::take(&String::take("k", &mut entry)?, &mut fields)?;
        let fact = Fact {
            id,
            visit: Field::take("visit", &mut entry)?,
            grant: Field::take("grant", &mut entry)?,
            wall: Field::take("wall", &mut entry)?,
            hlc: Field::take("hlc", &mut entry)?,
            after: take_after(&mut entry)?,
            place: Field::take("place", &mut entry)?,
            body,
            extra: fields,
        };
        if let Some((stray, _)) = entry.pop_first() {
            return Err(FactError::Stray(stray));
        }
        if fact.visit.is_none() && fact.body.kind().needs_visit() {
            return Err(FactError::NoVisit(fact.body.kind_name().to_owned()));
        }
        Ok(fact)
    }

    /// Its sealed texts, each with the name of its field: what its body says, and where it was said.
    pub fn sealed(&self) -> impl Iterator<Item = (&'static str, &Sealed)> {
        self.body.sealed().into_iter().chain(self.place.as_ref().map(|place| ("place", place)))
    }

    /// Its record, the same bytes everywhere: for the outbox.
    pub fn to_bytes(&self) -> Vec<u8> {
        let (entry, fields) = self.to_fields();
        FactRecord { id: self.id.as_bytes().to_vec(), entry: records(entry), fields: records(fields) }.encode_to_vec()
    }

    /// The fact in this record, which may be a stranger's: a `review` intent carries one.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FactError> {
        let record: FactRecord = decode("fact", bytes).map_err(|_| FactError::NotARecord)?;
        let id = FactId::from_slice(&record.id).map_err(|_| FactError::NotARecord)?;
        Fact::from_fields(id, scalars(record.entry)?, scalars(record.fields)?)
    }

    /// The hash of what it says, which a signature covers. `after` is left out: a replay may change what a fact
    /// follows, never what it says.
    pub fn content_hash(&self) -> Sha256Hash {
        Sha256Hash::of(&Fact { after: Vec::new(), ..self.clone() }.to_bytes())
    }
}

/// The ids stand as the keys of the entries they name, one after the other: repeated text compresses away.
fn take_after(entry: &mut Fields) -> Result<Vec<FactId>, FieldError> {
    let Some(Scalar::Str(keys)) = entry.remove("after") else { return Err(bad("after", "keys of entries")) };
    let id = |key: &[u8]| Some(FactId(key::parse(std::str::from_utf8(key).ok()?)?));
    let ids: Option<Vec<FactId>> = keys.as_bytes().chunks(key::LEN).map(id).collect();
    match ids {
        Some(ids) if ids.len() <= MAX_AFTER && ids.is_sorted_by(|before, after| before < after) => Ok(ids),
        _ => Err(bad("after", "at most 256 keys of entries in the order of their ids")),
    }
}

#[derive(Clone, PartialEq, Message)]
struct FactRecord {
    #[prost(bytes = "vec", tag = "1")]
    id: Vec<u8>,
    #[prost(message, repeated, tag = "2")]
    entry: Vec<FieldRecord>,
    #[prost(message, repeated, tag = "3")]
    fields: Vec<FieldRecord>,
}

#[derive(Clone, PartialEq, Message)]
struct FieldRecord {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(oneof = "ValueRecord", tags = "2, 3, 4, 5")]
    value: Option<ValueRecord>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum ValueRecord {
    #[prost(sint64, tag = "2")]
    Int(i64),
    #[prost(string, tag = "3")]
    Str(String),
    #[prost(bytes, tag = "4")]
    Bytes(Vec<u8>),
    #[prost(bool, tag = "5")]
    Bool(bool),
}

fn records(fields: Fields) -> Vec<FieldRecord> {
    let value = |scalar| match scalar {
        Scalar::Int(value) => ValueRecord::Int(value),
        Scalar::Str(value) => ValueRecord::Str(value),
        Scalar::Bytes(value) => ValueRecord::Bytes(value),
        Scalar::Bool(value) => ValueRecord::Bool(value),
    };
    fields.into_iter().map(|(name, scalar)| FieldRecord { name, value: Some(value(scalar)) }).collect()
}

fn scalars(records: Vec<FieldRecord>) -> Result<Fields, FactError> {
    let mut fields = Fields::new();
    for record in records {
        let scalar = match record.value.ok_or(FactError::NotARecord)? {
            ValueRecord::Int(value) => Scalar::Int(value),
            ValueRecord::Str(value) => Scalar::Str(value),
            ValueRecord::Bytes(value) => Scalar::Bytes(value),
            ValueRecord::Bool(value) => Scalar::Bool(value),
        };
        if fields.insert(record.name, scalar).is_some() {
            return Err(FactError::NotARecord);
        }
    }
    Ok(fields)
}
