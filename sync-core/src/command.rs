//! What people do to a ticket: one verb a file, each a function from a view of the ticket to the fact that says it.
//!
//! Phone and server call the same functions, so a wrong tap is refused on the spot, offline, by the rule the server
//! would apply. A verb only words the fact; whether it may be said is decided in one place, [`check`], so that
//! [`redo`] can ask again when work has to be put on a newer document.

mod check;
mod redo;

mod accept;
mod decline;
mod depart;
mod check_in;
mod start;
mod pause;
mod check_out;
mod complete;

mod note;
mod answer;
mod attach;
mod use_part;
mod request_part;
mod record_labour;
mod sign;
mod reschedule;

mod assign;
mod unassign;
mod edit;
mod verify;
mod close;
mod cancel;
mod reopen;

#[cfg(test)]
mod tests;

pub use self::accept::accept;
pub use self::answer::answer;
pub use self::assign::assign;
pub use self::attach::{Attachment, attach};
pub use self::cancel::cancel;
pub use self::check::check;
pub use self::check_in::check_in;
pub use self::check_out::check_out;
pub use self::close::close;
pub use self::complete::complete;
pub use self::decline::decline;
pub use self::depart::depart;
pub use self::edit::{FieldEdit, edit};
pub use self::note::note;
pub use self::pause::pause;
pub use self::record_labour::record_labour;
pub use self::redo::redo;
pub use self::reopen::reopen;
pub use self::request_part::request_part;
pub use self::reschedule::reschedule;
pub use self::sign::{Signing, sign};
pub use self::start::start;
pub use self::unassign::unassign;
pub use self::use_part::use_part;
pub use self::verify::verify;

use crate::document::{Fact, FactBody, Fields, Sealed, TicketDoc, TicketState};
use crate::ids::{FactId, GrantId, UserId, VisitId};
use crate::policy::{Origin, Role, Rule};
use crate::time::{DeviceTime, Hlc, ServerTime};
use crate::workflow::{Move, Need, Status, Workflow};

/// A ticket as its author sees it at the moment of the command.
#[derive(Debug, Clone)]
pub struct TicketView<'a> {
    /// The document.
    pub doc: &'a TicketDoc,
    /// What its facts come to.
    pub state: TicketState,
    /// The workflow that the ticket's type names.
    pub workflow: &'a Workflow,
    /// The server's time, as far as it is known here.
    pub now: ServerTime,
    said: Vec<Fact>,
    after: Vec<FactId>,
}

/// Who acts, and through which door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Author {
    /// The person.
    pub user: UserId,
    /// In the tenant.
    pub role: Role,
    /// On a device, or at the server's API.
    pub origin: Origin,
}

/// What every fact carries beside what it says. All of it is made by the caller, together with the command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// A fresh id; it survives replay.
    pub id: FactId,
    /// What the device's clock shows.
    pub wall: DeviceTime,
    /// The device's next stamp.
    pub hlc: Hlc,
    /// Where, if the author lets it be known: the text of a [`Place`](crate::document::Place), sealed for the field
    /// `place`.
    pub place: Option<Sealed>,
}

/// Why a command may not be given, as something that an app can explain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The author has no right to it.
    #[error("not allowed: {0}")]
    Denied(Rule),
    /// The workflow does not foresee it from here.
    #[error("{verb} is not possible while {status}")]
    NotFrom {
        /// What was to be done.
        verb: Move,
        /// Where it stands.
        status: Status,
    },
    /// The workflow reserves it for others.
    #[error("{verb} is for others to do")]
    NotByYou {
        /// What was to be done.
        verb: Move,
    },
    /// Something has to be there first.
    #[error("{} things are missing first", .0.len())]
    Missing(Vec<Need>),
    /// The ticket is closed or cancelled: only a note or evidence can still be added.
    #[error("the ticket is {0}")]
    Ended(Status),
    /// It is not in the ticket.
    #[error("{0} is not in the ticket")]
    NotThere(uuid::Uuid),
    /// It is in the ticket already.
    #[error("{0} is in the ticket already")]
    AlreadyThere(uuid::Uuid),
    /// Nothing would change.
    #[error("nothing would change")]
    NoChange,
    /// The time window would run backwards, or have one side only.
    #[error("the time window would not have two sides in order")]
    NoWindow,
}

impl<'a> TicketView<'a> {
    /// The document as it is now.
    pub fn new(doc: &'a TicketDoc, workflow: &'a Workflow, now: ServerTime) -> Self {
        Self { doc, state: doc.state(workflow), workflow, now, said: Vec::new(), after: doc.frontier() }
    }

    /// The same with one more fact said, for commands that come in one change.
    #[must_use]
    pub fn with(mut self, fact: &Fact) -> Self {
        self.after.retain(|id| !fact.after.contains(id));
        self.after.push(fact.id);
        self.after.sort_unstable();
        self.said.push(fact.clone());
        self.state = self.doc.state_with(self.workflow, &self.said);
        self
    }

    fn fact(&self, id: FactId) -> Option<&Fact> {
        self.doc.fact(id).or_else(|| self.said.iter().find(|fact| fact.id == id))
    }

    /// The fact that says this now, if it may be said.
    fn say(&self, author: &Author, stamp: Stamp, visit: Option<VisitId>, body: FactBody) -> Result<Fact, Refusal> {
        let Stamp { id, wall, hlc, place } = stamp;
        let grant = self.grant_of(author.user, visit);
        let fact = Fact { id, visit, grant, wall, hlc, after: self.after.clone(), place, body, extra: Fields::new() };
        check(self, author, &fact)?;
        Ok(fact)
    }

    /// The assignment by which this user acts on the visit, or on the ticket: one that holds, else one he had.
    fn grant_of(&self, user: UserId, visit: Option<VisitId>) -> Option<GrantId> {
        let grants = self.doc.grants().values();
        let his = grants.filter(|grant| grant.user == user && visit.is_none_or(|visit| visit == grant.visit));
        his.max_by_key(|grant| (grant.ended.is_none(), grant.from, grant.id)).map(|grant| grant.id)
    }

    fn must_have(&self, entry: Option<FactId>) -> Result<(), Refusal> {
        match entry {
            Some(id) if self.fact(id).is_none() => Err(Refusal::NotThere(id.0)),
            _ => Ok(()),
        }
    }
}
