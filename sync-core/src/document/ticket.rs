//! [`TicketDoc`]: one ticket's document, and the only holder of an Automerge.
//!
//! Next to the Automerge it keeps everything decoded, so that no question reads the document again; a clone shares
//! all of it. Every write either happens whole or leaves the document as it was.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use automerge::transaction::CommitOptions;
use automerge::{Automerge, ReadDoc, SaveOptions};

use crate::document::admission::Admission;
use crate::document::change::{Actor, ChangeHash, CheckedChange, RawChange};
use crate::document::core::Core;
use crate::document::edit::ServerEdit;
use crate::document::fact::Fact;
use crate::document::fold::order::seen;
use crate::document::fold::{Input, TicketState, fold};
use crate::document::grant::Grant;
use crate::document::layout::{Rooms, children, put_entry, read_fields};
use crate::document::scalar::Fields;
use crate::document::{DocumentError, key};
use crate::ids::{FactId, GrantId, Sha256Hash, TenantId, TicketId};
use crate::workflow::Workflow;

/// One ticket's document. Cloning is cheap; a clone is a trial that can be dropped.
#[derive(Debug, Clone)]
pub struct TicketDoc {
    automerge: Automerge,
    rooms: Arc<Rooms>,
    tenant: TenantId,
    ticket: TicketId,
    pub(crate) decoded: Decoded,
}

/// What the Automerge says, in our types.
#[derive(Debug, Clone)]
pub(crate) struct Decoded {
    pub facts: Arc<BTreeMap<FactId, Arc<Fact>>>,
    pub core_fields: Arc<Fields>,
    pub core: Arc<Core>,
    pub grants: Arc<BTreeMap<GrantId, Grant>>,
    pub admissions: Arc<BTreeMap<FactId, Admission>>,
}

impl TicketDoc {
    /// A new ticket: the server's first change, which makes all containers and the core.
    pub fn create(
        actor: Actor,
        tenant: TenantId,
        ticket: TicketId,
        core: &Core,
    ) -> Result<(Self, RawChange), DocumentError> {
        let mut automerge = Automerge::new().with_actor(actor.id());
        let mut tx = automerge.transaction();
        let rooms = Rooms::furnish(&mut tx, tenant, ticket)?;
        rooms.put_new_core(&mut tx, core)?;
        let (hash, _) = tx.commit_with(CommitOptions::default());
        let change = raw_change(&automerge, hash)?;
        Ok((Self::read(automerge)?, change))
    }

    /// Opens what [`save`](Self::save) gave. Never for foreign bytes: Automerge may panic or worse on them.
    pub fn load_own(snapshot: &[u8]) -> Result<Self, DocumentError> {
        Self::read(unpanicked(|| Automerge::load(snapshot))??)
    }

    /// Builds the document from admitted changes, in any order.
    pub fn from_changes(changes: impl IntoIterator<Item = RawChange>) -> Result<Self, DocumentError> {
        let mut automerge = Automerge::new();
        take_in(&mut automerge, changes)?;
        Self::read(automerge)
    }

    /// A snapshot. It is a cache: the changes are the truth.
    pub fn save(&self) -> Vec<u8> {
        self.automerge.save_with_options(SaveOptions { deflate: true, retain_orphans: false })
    }

    /// A snapshot that is not compressed, for where the whole message will be.
    pub fn save_plain(&self) -> Vec<u8> {
        self.automerge.save_with_options(SaveOptions { deflate: false, retain_orphans: false })
    }

    /// The ticket.
    pub fn ticket(&self) -> TicketId {
        self.ticket
    }

    /// Whose it is.
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// The hashes of the latest changes, sorted: two documents with equal heads are equal.
    pub fn heads(&self) -> Vec<ChangeHash> {
        let mut heads: Vec<_> = self.automerge.get_heads().iter().map(|hash| Sha256Hash(hash.0)).collect();
        heads.sort_unstable();
        heads
    }

    /// Whether this change is in.
    pub fn has_change(&self, hash: &ChangeHash) -> bool {
        self.automerge.get_change_meta_by_hash(&automerge::ChangeHash(hash.0)).is_some()
    }

    /// Who numbered a change, and how; nothing if it is not in.
    pub fn numbering_of(&self, hash: &ChangeHash) -> Option<(Actor, u64)> {
        let meta = self.automerge.get_change_meta_by_hash(&automerge::ChangeHash(hash.0))?;
        let actor = meta.actor.to_bytes().try_into().ok()?;
        Some((Actor(actor), meta.seq))
    }

    /// The changes that somebody with these heads does not have, each after those it was made upon. Heads that are
    /// not known here are passed over.
    pub fn changes_since(&self, have: &[ChangeHash]) -> Vec<RawChange> {
        let have: Vec<_> =
            have.iter().filter(|hash| self.has_change(hash)).map(|hash| automerge::ChangeHash(hash.0)).collect();
        self.automerge.get_changes(&have).iter().map(RawChange::of).collect()
    }

    /// Adds one fact, in one change by `actor`.
    pub fn append_fact(&mut self, actor: Actor, fact: &Fact) -> Result<RawChange, DocumentError> {
        if self.fact(fact.id).is_some() {
            return Err(DocumentError::FactExists(fact.id));
        }
        self.automerge.set_actor(actor.id());
        let mut tx = self.automerge.transaction();
        let (entry, fields) = fact.to_fields();
        put_entry(&mut tx, &self.rooms.facts, &key::of(&fact.id.0), &entry, &fields)?;
        let (hash, _) = tx.commit_with(CommitOptions::default());
        self.decoded.insert_fact(fact.clone());
        raw_change(&self.automerge, hash)
    }

    /// Writes whatever `edit` writes, in one change by the server's `actor`; nothing if it fails.
    pub fn server_edit<E: From<DocumentError>>(
        &mut self,
        actor: Actor,
        edit: impl FnOnce(&mut ServerEdit<'_>) -> Result<(), E>,
    ) -> Result<RawChange, E> {
        self.automerge.set_actor(actor.id());
        let mut server_edit = ServerEdit::begin(self.automerge.transaction(), &self.rooms, self.decoded.clone());
        edit(&mut server_edit)?;
        let (hash, decoded) = server_edit.commit()?;
        self.decoded = decoded;
        Ok(raw_change(&self.automerge, hash)?)
    }

    /// Takes in a phone's change that the guard has let through.
    pub fn apply_checked(&mut self, checked: CheckedChange) -> Result<(), DocumentError> {
        if self.fact(checked.fact.id).is_some() {
            return Err(DocumentError::FactExists(checked.fact.id));
        }
        let mut trial = self.automerge.clone();
        apply(&mut trial, vec![checked.change])?;
        self.automerge = trial;
        self.decoded.insert_fact(checked.fact);
        Ok(())
    }

    /// Takes in changes that the server has admitted and signed for, in any order, known ones included.
    pub fn apply_admitted(&mut self, changes: impl IntoIterator<Item = RawChange>) -> Result<(), DocumentError> {
        let mut trial = self.automerge.clone();
        take_in(&mut trial, changes)?;
        let Decoded { facts, admissions, .. } = &self.decoded;
        self.decoded = Decoded::read_more(&trial, &self.rooms, facts.clone(), admissions.clone())?;
        self.automerge = trial;
        Ok(())
    }

    /// Every fact, in the order of the ids.
    pub fn facts(&self) -> impl Iterator<Item = &Fact> {
        self.decoded.facts.values().map(|fact| &**fact)
    }

    /// One fact.
    pub fn fact(&self, id: FactId) -> Option<&Fact> {
        self.decoded.facts.get(&id).map(|fact| &**fact)
    }

    /// The facts that no other fact follows, sorted: what the next one comes `after`.
    pub fn frontier(&self) -> Vec<FactId> {
        let followed: BTreeSet<FactId> = self.facts().flat_map(|fact| fact.after.iter().copied()).collect();
        self.decoded.facts.keys().filter(|id| !followed.contains(id)).copied().collect()
    }

    /// What the desk says the ticket is.
    pub fn core(&self) -> &Core {
        &self.decoded.core
    }

    /// The core's fields by path, as desk edits name them.
    pub fn core_fields(&self) -> &Fields {
        &self.decoded.core_fields
    }

    /// The assignments, ended ones too.
    pub fn grants(&self) -> &BTreeMap<GrantId, Grant> {
        &self.decoded.grants
    }

    /// The assignments as whoever made a change upon `deps` could see them.
    pub fn grants_at(&self, deps: &[ChangeHash]) -> Result<BTreeMap<GrantId, Grant>, DocumentError> {
        let heads = foreign(deps);
        if heads == self.automerge.get_heads() {
            return Ok((*self.decoded.grants).clone());
        }
        read_grants(&self.automerge, &self.rooms, Some(&heads))
    }

    /// Whether a fact was there for whoever made a change upon `deps`.
    pub fn fact_exists_at(&self, id: FactId, deps: &[ChangeHash]) -> bool {
        self.fact(id).is_some()
            && self
                .automerge
                .get_at(&self.rooms.facts, key::of(&id.0), &foreign(deps))
                .is_ok_and(|found| found.is_some())
    }

    /// The server's records of the facts it has admitted.
    pub fn admissions(&self) -> &BTreeMap<FactId, Admission> {
        &self.decoded.admissions
    }

    /// The facts that the server has not admitted yet.
    pub fn pending(&self) -> impl Iterator<Item = &Fact> {
        self.facts().filter(|fact| !self.decoded.admissions.contains_key(&fact.id))
    }

    /// What the facts come to.
    pub fn state(&self, workflow: &Workflow) -> TicketState {
        self.state_with(workflow, &[])
    }

    /// What the facts come to together with `more`, which are not in the document (yet).
    pub fn state_with(&self, workflow: &Workflow, more: &[Fact]) -> TicketState {
        let mut facts: Vec<&Fact> = self.facts().chain(more).collect();
        facts.sort_by_key(|fact| fact.id);
        facts.dedup_by_key(|fact| fact.id);
        self.fold(&facts, workflow)
    }

    /// What somebody could know who had seen the facts `after` and all that those had seen.
    pub fn state_at(&self, workflow: &Workflow, after: &[FactId]) -> TicketState {
        let facts: Vec<&Fact> = self.facts().collect();
        self.fold(&seen(&facts, after), workflow)
    }

    /// Whether somebody who had seen the facts `after`, and all that those had seen, saw one like this.
    pub fn saw(&self, after: &[FactId], is_one: impl Fn(&Fact) -> bool) -> bool {
        let facts: Vec<&Fact> = self.facts().collect();
        seen(&facts, after).into_iter().any(is_one)
    }

    fn fold(&self, facts: &[&Fact], workflow: &Workflow) -> TicketState {
        let Decoded { core, grants, admissions, .. } = &self.decoded;
        fold(&Input { facts, core, grants, admissions, workflow })
    }

    /// For the guard alone.
    pub(crate) fn automerge(&self) -> &Automerge {
        &self.automerge
    }

    /// For the guard alone: the map that facts are added to.
    pub(crate) fn fact_room(&self) -> &automerge::ObjId {
        &self.rooms.facts
    }

    fn read(automerge: Automerge) -> Result<Self, DocumentError> {
        let (rooms, tenant, ticket) = Rooms::find(&automerge)?;
        let decoded = Decoded::read(&automerge, &rooms)?;
        Ok(Self { automerge, rooms: Arc::new(rooms), tenant, ticket, decoded })
    }
}

impl Decoded {
    /// Reads it all.
    fn read(doc: &Automerge, rooms: &Rooms) -> Result<Self, DocumentError> {
        Self::read_more(doc, rooms, Arc::default(), Arc::default())
    }

    /// Reads all but the facts and admissions known already: each server writes them once.
    fn read_more(
        doc: &Automerge,
        rooms: &Rooms,
        mut facts: Arc<BTreeMap<FactId, Arc<Fact>>>,
        mut admissions: Arc<BTreeMap<FactId, Admission>>,
    ) -> Result<Self, DocumentError> {
        let id = |name: &str| key::parse(name).map(FactId);
        for (name, entry) in
            children(doc, &rooms.facts, None, |name| id(name).is_some_and(|id| facts.contains_key(&id)))
        {
            let id = FactId(id_of(&name)?);
            Arc::make_mut(&mut facts).insert(id, Arc::new(read_fact(doc, id, &entry)?));
        }
        let is_known = |name: &str| id(name).is_some_and(|id| admissions.contains_key(&id));
        for (name, entry) in children(doc, &rooms.admissions, None, is_known) {
            let admission = Admission::from_fields(read_fields(doc, &entry, None)?)?;
            Arc::make_mut(&mut admissions).insert(FactId(id_of(&name)?), admission);
        }
        let core_fields = rooms.read_core(doc)?;
        Ok(Self {
            facts,
            core: Arc::new(Core::from_fields(core_fields.clone())?),
            core_fields: Arc::new(core_fields),
            grants: Arc::new(read_grants(doc, rooms, None)?),
            admissions,
        })
    }

    pub fn insert_fact(&mut self, fact: Fact) {
        Arc::make_mut(&mut self.facts).insert(fact.id, Arc::new(fact));
    }
}

fn read_fact(doc: &Automerge, id: FactId, entry: &automerge::ObjId) -> Result<Fact, DocumentError> {
    let fields = match children(doc, entry, None, |_| false).first() {
        Some((_, map)) => read_fields(doc, map, None)?,
        None => Fields::new(),
    };
    Ok(Fact::from_fields(id, read_fields(doc, entry, None)?, fields)?)
}

fn read_grants(
    doc: &Automerge,
    rooms: &Rooms,
    heads: Option<&[automerge::ChangeHash]>,
) -> Result<BTreeMap<GrantId, Grant>, DocumentError> {
    let grant = |(name, entry): (String, automerge::ObjId)| {
        let id = GrantId(id_of(&name)?);
        Ok((id, Grant::from_fields(id, read_fields(doc, &entry, heads)?)?))
    };
    children(doc, &rooms.grants, heads, |_| false).into_iter().map(grant).collect()
}

fn id_of(name: &str) -> Result<uuid::Uuid, DocumentError> {
    key::parse(name).ok_or_else(|| DocumentError::StrangeKey(name.to_owned()))
}

/// Parses and applies; fails if any of them builds on something that is missing.
fn take_in(doc: &mut Automerge, changes: impl IntoIterator<Item = RawChange>) -> Result<(), DocumentError> {
    let parse = |raw: RawChange| automerge::Change::from_bytes(raw.bytes).map_err(|_| DocumentError::NotAChange);
    let changes = unpanicked(|| changes.into_iter().map(parse).collect::<Result<Vec<_>, _>>())??;
    apply(doc, changes)
}

fn apply(doc: &mut Automerge, changes: Vec<automerge::Change>) -> Result<(), DocumentError> {
    unpanicked(|| doc.apply_changes(changes))??;
    match doc.get_missing_deps(&[]).len() {
        0 => Ok(()),
        missing => Err(DocumentError::MissingPast(missing)),
    }
}

/// Callers hand in a clone or drop what they handed in, so nothing half-done is seen after a panic.
fn unpanicked<T>(work: impl FnOnce() -> T) -> Result<T, DocumentError> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| DocumentError::Panicked)
}

fn raw_change(doc: &Automerge, hash: Option<automerge::ChangeHash>) -> Result<RawChange, DocumentError> {
    let change = hash.and_then(|hash| doc.get_change_by_hash(&hash)).ok_or(DocumentError::EmptyEdit)?;
    Ok(RawChange::of(&change))
}

fn foreign(hashes: &[ChangeHash]) -> Vec<automerge::ChangeHash> {
    hashes.iter().map(|hash| automerge::ChangeHash(hash.0)).collect()
}

#[cfg(test)]
mod tests;
