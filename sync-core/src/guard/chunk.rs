//! The second look at a change: decoded, and held against what a phone may write at all.
//!
//! Runs outside any lock and transaction. What comes out adds exactly one well-formed fact under one key; whether that
//! is the place where this ticket keeps its facts, and whether the key is free, the document must say.

use std::panic::{AssertUnwindSafe, catch_unwind};

use automerge::legacy::{Key, ObjectId, Op, OpId, OpType};
use automerge::{ExpandedChange, ObjType, ScalarValue};

use crate::document::{Actor, Fact, Fields, Scalar, key};
use crate::guard::{GuardError, prescan};
use crate::ids::{FactId, Sha256Hash};

/// A change that is fit to be held against its document.
#[derive(Debug, Clone)]
pub struct ParsedChange {
    pub(super) change: automerge::Change,
    pub(super) fact: Fact,
    /// The map it adds its entry to.
    pub(super) room: OpId,
}

impl ParsedChange {
    /// The hash that names it.
    pub fn hash(&self) -> Sha256Hash {
        Sha256Hash(self.change.hash().0)
    }

    /// Who claims to have made it; [`check_against`](crate::guard::check_against) compares.
    pub fn actor(&self) -> Option<Actor> {
        self.change.actor_id().to_bytes().try_into().ok().map(Actor)
    }

    /// Its number among that actor's changes.
    pub fn seq(&self) -> u64 {
        self.change.seq()
    }

    /// The changes it was made on top of.
    pub fn deps(&self) -> Vec<Sha256Hash> {
        self.change.deps().iter().map(|hash| Sha256Hash(hash.0)).collect()
    }

    /// The fact it adds.
    pub fn fact(&self) -> &Fact {
        &self.fact
    }
}

/// Checks everything about a change that needs no document: size, frame, checksum, run lengths, canonical encoding,
/// the kinds of operations, and that they add one well-formed fact.
pub fn check_chunk(raw: &[u8]) -> Result<ParsedChange, GuardError> {
    prescan(raw)?;
    let (change, expanded) = decode(raw)?;
    if expanded.time != 0 {
        return Err(GuardError::Extra("time"));
    }
    if expanded.message.is_some() {
        return Err(GuardError::Extra("message"));
    }
    if expanded.author.is_some() || !expanded.extra_bytes.is_empty() {
        return Err(GuardError::Extra("bytes"));
    }
    let (room, fact) = read_fact(&expanded)?;
    Ok(ParsedChange { change, fact, room })
}

/// Decodes, and encodes again: whatever Automerge would write otherwise is refused. Panics stay in here.
fn decode(raw: &[u8]) -> Result<(automerge::Change, ExpandedChange), GuardError> {
    let decoded = catch_unwind(AssertUnwindSafe(|| {
        let change = automerge::Change::from_bytes(raw.to_vec()).ok()?;
        let expanded = change.decode();
        let is_canonical = automerge::Change::from(expanded.clone()).raw_bytes() == raw;
        Some((change, expanded, is_canonical))
    }));
    match decoded {
        Ok(Some((change, expanded, true))) => Ok((change, expanded)),
        Ok(Some((_, _, false))) => Err(GuardError::NotCanonical),
        Ok(None) | Err(_) => Err(GuardError::Undecodable),
    }
}

/// The fact that these operations add, and the map they add it to.
fn read_fact(change: &ExpandedChange) -> Result<(OpId, Fact), GuardError> {
    let mut entry: Option<(OpId, OpId, FactId)> = None;
    let mut inner: Option<OpId> = None;
    let (mut entry_fields, mut inner_fields) = (Fields::new(), Fields::new());
    for (op, counter) in change.operations.iter().zip(change.start_op.get()..) {
        let (target, name) = target_of(op)?;
        let made_here = || OpId(counter, change.actor_id.clone());
        match (&op.action, &entry, &inner) {
            (OpType::Make(ObjType::Map), None, _) => {
                let id = key::parse(name).map(FactId).ok_or(GuardError::NotOneFact("the key is no fact id"))?;
                entry = Some((target.clone(), made_here(), id));
            }
            (OpType::Make(ObjType::Map), Some((_, map, _)), None) if target == map && name == INNER => {
                inner = Some(made_here());
            }
            (OpType::Make(ObjType::Map), ..) => return Err(GuardError::NotOneFact("more maps than one fact has")),
            (OpType::Put(value), Some((_, map, _)), _) if target == map => {
                put(&mut entry_fields, name, value)?;
            }
            (OpType::Put(value), _, Some(map)) if target == map => put(&mut inner_fields, name, value)?,
            _ => return Err(GuardError::ForbiddenOp("no map of the new fact, and no put into one")),
        }
    }
    let (room, _, id) = entry.ok_or(GuardError::NotOneFact("none"))?;
    if entry_fields.contains_key(INNER) || inner.is_some() == inner_fields.is_empty() {
        return Err(GuardError::NotOneFact("its inner map"));
    }
    let fact = Fact::from_fields(id, entry_fields.clone(), inner_fields.clone())
        .map_err(|why| GuardError::BadFact(why.to_string()))?;
    if fact.to_fields() != (entry_fields, inner_fields) {
        return Err(GuardError::BadFact("it reads in more than one way".into()));
    }
    Ok((room, fact))
}

/// The map and key that an operation writes, if it is one that overwrites nothing.
fn target_of(op: &Op) -> Result<(&OpId, &str), GuardError> {
    let ObjectId::Id(map) = &op.obj else { return Err(GuardError::ForbiddenOp("at the root")) };
    let Key::Map(name) = &op.key else { return Err(GuardError::ForbiddenOp("in a sequence")) };
    if op.insert || !op.pred.is_empty() {
        return Err(GuardError::ForbiddenOp("it replaces what was there"));
    }
    Ok((map, name.as_str()))
}

fn put(fields: &mut Fields, name: &str, value: &ScalarValue) -> Result<(), GuardError> {
    let scalar = match value {
        ScalarValue::Int(number) => Scalar::Int(*number),
        ScalarValue::Str(text) => Scalar::Str(text.to_string()),
        ScalarValue::Bytes(bytes) => Scalar::Bytes(bytes.clone()),
        ScalarValue::Boolean(claim) => Scalar::Bool(*claim),
        _ => return Err(GuardError::ForbiddenOp("a kind of value we do not use")),
    };
    match fields.insert(name.to_owned(), scalar) {
        None => Ok(()),
        Some(_) => Err(GuardError::ForbiddenOp("it writes one field twice")),
    }
}

/// The key of the map with the fields of a fact's body.
const INNER: &str = "p";
