//! What only the server writes: core, grants, admissions and the desk's facts, together in one change.

use std::collections::BTreeSet;
use std::sync::Arc;

use automerge::transaction::{CommitOptions, Transaction};

use crate::document::admission::Admission;
use crate::document::body::FactBody;
use crate::document::core::{Core, window};
use crate::document::fact::Fact;
use crate::document::grant::{Ended, Grant};
use crate::document::layout::{Rooms, map_in, put_entry, put_fields};
use crate::document::scalar::{Fields, Scalar};
use crate::document::ticket::Decoded;
use crate::document::{DocumentError, key};
use crate::ids::{FactId, GrantId, VisitId};

/// An open change of the server. What has been written so far can be read back from it.
pub struct ServerEdit<'a> {
    tx: Transaction<'a>,
    rooms: &'a Rooms,
    decoded: Decoded,
    core_fields: Fields,
}

impl<'a> ServerEdit<'a> {
    pub(crate) fn begin(tx: Transaction<'a>, rooms: &'a Rooms, decoded: Decoded) -> Self {
        let core_fields = (*decoded.core_fields).clone();
        Self { tx, rooms, decoded, core_fields }
    }

    /// Adds a fact of the desk. One that edits the core does so; one that gives or takes a visit wants
    /// [`add_grant`](Self::add_grant) or [`end_grant`](Self::end_grant) beside it.
    pub fn add_fact(&mut self, fact: &Fact) -> Result<(), DocumentError> {
        if self.decoded.facts.contains_key(&fact.id) {
            return Err(DocumentError::FactExists(fact.id));
        }
        let (entry, fields) = fact.to_fields();
        put_entry(&mut self.tx, &self.rooms.facts, &key::of(&fact.id.0), &entry, &fields)?;
        self.decoded.insert_fact(fact.clone());
        match &fact.body {
            FactBody::DeskEdit { path, new, .. } => self.set_core(path, new.as_ref()),
            _ => Ok(()),
        }
    }

    /// Sets or empties one field of the core. Whether the core as a whole is right is checked at the end.
    pub fn set_core(&mut self, path: &str, value: Option<&Scalar>) -> Result<(), DocumentError> {
        if self.core_fields.get(path) == value {
            return Ok(());
        }
        self.rooms.put_core(&mut self.tx, path, value)?;
        match value {
            Some(value) => self.core_fields.insert(path.to_owned(), value.clone()),
            None => self.core_fields.remove(path),
        };
        Ok(())
    }

    /// Gives a visit to an engineer.
    pub fn add_grant(&mut self, grant: Grant) -> Result<(), DocumentError> {
        put_entry(&mut self.tx, &self.rooms.grants, &key::of(&grant.id.0), &grant.to_fields(), &Fields::new())?;
        Arc::make_mut(&mut self.decoded.grants).insert(grant.id, grant);
        Ok(())
    }

    /// Takes it back.
    pub fn end_grant(&mut self, id: GrantId, ended: Ended) -> Result<(), DocumentError> {
        let grants = Arc::make_mut(&mut self.decoded.grants);
        let grant = grants.get_mut(&id).ok_or(DocumentError::NotThere(id.0))?;
        let before = grant.to_fields();
        grant.ended = Some(ended);
        let mut fields = grant.to_fields();
        fields.retain(|name, value| before.get(name) != Some(value));
        let entry = map_in(&self.tx, &self.rooms.grants, &key::of(&id.0))?;
        put_fields(&mut self.tx, &entry, &fields)
    }

    /// Records how a fact was admitted; once.
    pub fn admit(&mut self, fact: FactId, admission: &Admission) -> Result<(), DocumentError> {
        if !self.decoded.facts.contains_key(&fact) {
            return Err(DocumentError::NotThere(fact.0));
        }
        if self.decoded.admissions.contains_key(&fact) {
            return Err(DocumentError::FactExists(fact));
        }
        put_entry(&mut self.tx, &self.rooms.admissions, &key::of(&fact.0), &admission.to_fields(), &Fields::new())?;
        Arc::make_mut(&mut self.decoded.admissions).insert(fact, admission.clone());
        Ok(())
    }

    /// The number of the next admission.
    pub fn next_n(&self) -> i64 {
        self.decoded.admissions.values().map(|admission| admission.n).max().unwrap_or(0) + 1
    }

    /// Checks the core and closes the change.
    pub(crate) fn commit(mut self) -> Result<(Option<automerge::ChangeHash>, Decoded), DocumentError> {
        if self.core_fields != *self.decoded.core_fields {
            let core = Core::from_fields(self.core_fields.clone())?;
            let touched: BTreeSet<VisitId> = core.visits.keys().copied().collect();
            for visit in touched {
                window(visit, &self.core_fields)?;
            }
            self.decoded.core = Arc::new(core);
            self.decoded.core_fields = Arc::new(self.core_fields);
        }
        let (hash, _) = self.tx.commit_with(CommitOptions::default());
        Ok((hash, self.decoded))
    }
}
