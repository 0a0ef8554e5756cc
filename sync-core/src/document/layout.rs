//! Where things stand in the Automerge document, and how maps of scalars are read and written there.
//!
//! ```text
//! ROOT { v, kind: "ticket", tenant, ticket }
//!   core/ { …, skills/ { <name> }, visits/ { <visit id>/ { start, end, pinned } } }
//!   asg/ <grant id>/ { visit, user, role, from, by, ended_at, ended_by }
//!   fact/ <fact id>/ { k, visit, grant, wall, hlc, after, place, p/ { … } }
//!   adm/ <fact id>/ { n, verdict, status, flags, window, recv }
//! ```
//! Maps only. Whatever a phone writes under `fact` is written once.

use automerge::transaction::Transactable;
use automerge::{Automerge, ChangeHash, ObjId, ObjType, ROOT, ReadDoc, ScalarValue, Value, ValueRef};

use crate::document::DocumentError;
use crate::document::core::Core;
use crate::document::field::Field;
use crate::document::scalar::{Fields, Scalar};
use crate::ids::{TenantId, TicketId};

/// The version of this layout.
pub const VERSION: i64 = 1;

/// The containers that the server makes in a ticket's first change.
#[derive(Debug, Clone)]
pub(crate) struct Rooms {
    pub core: ObjId,
    pub skills: ObjId,
    pub visits: ObjId,
    pub grants: ObjId,
    pub facts: ObjId,
    pub admissions: ObjId,
}

impl Rooms {
    /// Makes them, empty.
    pub fn furnish<T: Transactable>(tx: &mut T, tenant: TenantId, ticket: TicketId) -> Result<Self, DocumentError> {
        let mut root = Fields::from([("v".into(), VERSION.into()), ("kind".into(), "ticket".into())]);
        tenant.put("tenant", &mut root);
        ticket.put("ticket", &mut root);
        put_fields(tx, &ROOT, &root)?;
        let core = tx.put_object(ROOT, "core", ObjType::Map)?;
        Ok(Self {
            skills: tx.put_object(&core, "skills", ObjType::Map)?,
            visits: tx.put_object(&core, "visits", ObjType::Map)?,
            core,
            grants: tx.put_object(ROOT, "asg", ObjType::Map)?,
            facts: tx.put_object(ROOT, "fact", ObjType::Map)?,
            admissions: tx.put_object(ROOT, "adm", ObjType::Map)?,
        })
    }

    /// Finds them, and whose ticket this is.
    pub fn find(doc: &Automerge) -> Result<(Self, TenantId, TicketId), DocumentError> {
        let mut root = read_fields(doc, &ROOT, None)?;
        match i64::take("v", &mut root)? {
            VERSION => {}
            other => return Err(DocumentError::OtherVersion(other)),
        }
        let tenant = Field::take("tenant", &mut root)?;
        let ticket = Field::take("ticket", &mut root)?;
        let core = map_in(doc, &ROOT, "core")?;
        let rooms = Self {
            skills: map_in(doc, &core, "skills")?,
            visits: map_in(doc, &core, "visits")?,
            core,
            grants: map_in(doc, &ROOT, "asg")?,
            facts: map_in(doc, &ROOT, "fact")?,
            admissions: map_in(doc, &ROOT, "adm")?,
        };
        Ok((rooms, tenant, ticket))
    }

    /// The core's fields by path.
    pub fn read_core(&self, doc: &Automerge) -> Result<Fields, DocumentError> {
        let mut fields = read_fields(doc, &self.core, None)?;
        for (name, level) in read_fields(doc, &self.skills, None)? {
            fields.insert(format!("skills/{name}"), level);
        }
        for (visit, plan) in children(doc, &self.visits, None, |_| false) {
            for (name, value) in read_fields(doc, &plan, None)? {
                fields.insert(format!("visits/{visit}/{name}"), value);
            }
        }
        Ok(fields)
    }

    /// Writes one field of the core by its path; `None` empties it.
    pub fn put_core<T: Transactable + ReadDoc>(
        &self,
        tx: &mut T,
        path: &str,
        value: Option<&Scalar>,
    ) -> Result<(), DocumentError> {
        let (map, name) = match path.split_once('/') {
            None => (self.core.clone(), path),
            Some(("skills", name)) => (self.skills.clone(), name),
            Some(("visits", rest)) => {
                let (visit, name) = rest.split_once('/').ok_or_else(|| DocumentError::NoSuchPath(path.to_owned()))?;
                (child_or_new(tx, &self.visits, visit)?, name)
            }
            Some(_) => return Err(DocumentError::NoSuchPath(path.to_owned())),
        };
        match value {
            Some(value) => tx.put(&map, name, scalar_value(value))?,
            None => tx.delete(&map, name)?,
        }
        Ok(())
    }

    /// Writes a whole core into an empty room.
    pub fn put_new_core<T: Transactable + ReadDoc>(&self, tx: &mut T, core: &Core) -> Result<(), DocumentError> {
        core.to_fields().iter().try_for_each(|(path, value)| self.put_core(tx, path, Some(value)))
    }
}

/// Makes a map of scalars under `key`, and inside it another one named `p` if there is anything to put there.
pub(crate) fn put_entry<T: Transactable>(
    tx: &mut T,
    room: &ObjId,
    key: &str,
    entry: &Fields,
    inner: &Fields,
) -> Result<(), DocumentError> {
    let map = tx.put_object(room, key, ObjType::Map)?;
    put_fields(tx, &map, entry)?;
    if !inner.is_empty() {
        let inner_map = tx.put_object(&map, "p", ObjType::Map)?;
        put_fields(tx, &inner_map, inner)?;
    }
    Ok(())
}

pub(crate) fn put_fields<T: Transactable>(tx: &mut T, map: &ObjId, fields: &Fields) -> Result<(), DocumentError> {
    for (name, value) in fields {
        tx.put(map, name.as_str(), scalar_value(value))?;
    }
    Ok(())
}

/// The scalars of a map, now or as of some heads.
pub(crate) fn read_fields(doc: &Automerge, map: &ObjId, heads: Option<&[ChangeHash]>) -> Result<Fields, DocumentError> {
    let range = match heads {
        Some(heads) => doc.map_range_at(map, .., heads),
        None => doc.map_range(map, ..),
    };
    let mut fields = Fields::new();
    for item in range {
        if let ValueRef::Scalar(value) = item.value {
            let scalar = to_scalar(value).ok_or_else(|| DocumentError::StrangeValue(item.key.to_string()))?;
            fields.insert(item.key.into_owned(), scalar);
        }
    }
    Ok(fields)
}

/// The maps in a map with their keys, now or as of some heads, but for those whose key is `known`. Where two were written
/// under one key, as by a server before and after it was restored, the one that stands may have changed: it is there
/// though known.
pub(crate) fn children(
    doc: &Automerge,
    map: &ObjId,
    heads: Option<&[ChangeHash]>,
    known: impl Fn(&str) -> bool,
) -> Vec<(String, ObjId)> {
    let range = match heads {
        Some(heads) => doc.map_range_at(map, .., heads),
        None => doc.map_range(map, ..),
    };
    range
        .filter(|item| matches!(item.value, ValueRef::Object(ObjType::Map)) && (item.conflict || !known(&item.key)))
        .map(|item| (item.key.to_string(), item.id()))
        .collect()
}

/// The scalar of Automerge's value, if it is one of the four kinds that documents may hold.
pub(crate) fn to_scalar(value: automerge::ScalarValueRef<'_>) -> Option<Scalar> {
    use automerge::ScalarValueRef::*;
    match value {
        Int(value) => Some(Scalar::Int(value)),
        Str(value) => Some(Scalar::Str(value.into_owned())),
        Bytes(value) => Some(Scalar::Bytes(value.into_owned())),
        Boolean(value) => Some(Scalar::Bool(value)),
        Uint(_) | F64(_) | Counter(_) | Timestamp(_) | Unknown { .. } | Null => None,
    }
}

pub(crate) fn scalar_value(scalar: &Scalar) -> ScalarValue {
    match scalar {
        Scalar::Int(value) => ScalarValue::Int(*value),
        Scalar::Str(value) => ScalarValue::Str(value.as_str().into()),
        Scalar::Bytes(value) => ScalarValue::Bytes(value.clone()),
        Scalar::Bool(value) => ScalarValue::Boolean(*value),
    }
}

pub(crate) fn map_in<R: ReadDoc>(doc: &R, parent: &ObjId, key: &str) -> Result<ObjId, DocumentError> {
    match doc.get(parent, key)? {
        Some((Value::Object(ObjType::Map), map)) => Ok(map),
        _ => Err(DocumentError::NoRoom(key.to_owned())),
    }
}

fn child_or_new<T: Transactable + ReadDoc>(tx: &mut T, parent: &ObjId, key: &str) -> Result<ObjId, DocumentError> {
    match tx.get(parent, key)? {
        Some((Value::Object(ObjType::Map), map)) => Ok(map),
        _ => Ok(tx.put_object(parent, key, ObjType::Map)?),
    }
}
