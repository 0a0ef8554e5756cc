//! One ticket, one document: the facts people add, the core the desk writes, and what both come to.
//!
//! Phones and the server add *facts*, written once; only the server writes the core, the grants and the admissions.
//! What a ticket's status is, stands nowhere: [`TicketDoc::state`] folds it from the facts and their causal order.
//! Automerge carries the causality, the hashes and the convergence; nothing outside this module and `guard` names it.

pub mod fact;
pub mod body;
pub mod core;
pub mod grant;
pub mod admission;
pub mod flag;
pub mod place;
pub mod seal;
pub mod ticket;
mod travel;
pub mod fold;
pub mod edit;
pub mod change;
pub(crate) mod layout;
pub mod scalar;
pub mod field;
pub(crate) mod key;

pub use self::admission::{Admission, Effect, Verdict, WindowEffect};
pub use self::body::{Covers, FactBody, Kind, Quantity, Side};
pub use self::change::{Actor, ChangeHash, CheckedChange, RawChange};
pub use self::core::{Core, VisitPlan};
pub use self::edit::ServerEdit;
pub use self::fact::{Fact, FactError};
pub use self::field::FieldError;
pub use self::flag::Flag;
pub use self::fold::concurrency;
pub use self::fold::{
    CrewMember, Entries, LabourLog, SignatureStanding, SignatureState, TicketState, VisitState, reschedule,
};
pub use self::grant::{Ended, Grant, GrantRole};
pub use self::place::{NotAPlace, Place};
pub use self::scalar::{Fields, Scalar};
pub use self::seal::{DocumentKey, Sealed, SealedAt};
pub use self::ticket::TicketDoc;

use crate::ids::FactId;

/// Why a document could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// The layout's version is one that this build cannot read.
    #[error("a ticket document of version {0}, which needs a newer app")]
    OtherVersion(i64),
    /// One of the containers made in the first change is missing.
    #[error("not a ticket document: no map {0:?}")]
    NoRoom(String),
    /// A value that no ticket document holds, such as a float.
    #[error("the field {0:?} holds a kind of value that tickets do not have")]
    StrangeValue(String),
    /// A key that is not an id.
    #[error("{0:?} is not the key of an entry")]
    StrangeKey(String),
    /// A path that names no field of the core.
    #[error("the core has no field {0:?}")]
    NoSuchPath(String),
    /// A field of the core, a grant or an admission is wrong.
    #[error("the field {0}")]
    Field(#[from] FieldError),
    /// A fact is not one.
    #[error(transparent)]
    Fact(#[from] FactError),
    /// A fact is written once; this id is taken.
    #[error("{0} is already in the ticket")]
    FactExists(FactId),
    /// There is nothing under this id.
    #[error("nothing in the ticket has the id {0}")]
    NotThere(uuid::Uuid),
    /// The edit wrote nothing.
    #[error("the edit changes nothing")]
    EmptyEdit,
    /// Changes that these are built on are not here.
    #[error("{0} changes are missing that these were made upon")]
    MissingPast(usize),
    /// The bytes are no change, or not one that Automerge accepts.
    #[error("not a change of this document")]
    NotAChange,
    /// The bytes are no document that was sent to us.
    #[error("not a document")]
    NotADocument,
    /// Automerge refused.
    #[error("the document refuses")]
    Automerge(#[from] automerge::AutomergeError),
    /// Automerge panicked; the document is as it was before.
    #[error("the document could not take it in")]
    Panicked,
}
#[cfg(test)]
mod stored_formats;
