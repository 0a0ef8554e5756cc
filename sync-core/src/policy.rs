//! Who may say what: one table, compiled into phone and server alike.
//!
//! The phone asks it before it commits, so an honest refusal can only come from authority that went stale meanwhile.
//! The server asks it as of what the author had seen: an engineer reassigned while underground really did check in.

mod standing;
#[cfg(test)]
mod tests;

pub use standing::{GRACE_MS, standing};

use crate::document::{Flag, GrantRole, Kind};
use crate::words::words;

/// Whether this may be said by somebody in this position.
pub fn judge(standing: Standing, kind: Kind) -> Verdict {
    use Class::*;
    match (standing.origin, standing.role, class_of(kind)) {
        (Origin::Phone, _, Desk) => Verdict::Deny(Rule::DeskOnly),
        (_, Role::Auditor, _) => Verdict::Deny(Rule::RoleMayNot),
        (Origin::Phone, Role::Warehouse | Role::Customer, _) => Verdict::Deny(Rule::RoleMayNot),

        (Origin::Phone, Role::Admin | Role::Dispatcher | Role::Engineer, class)
        | (Origin::Desk, Role::Engineer, class @ (Step | Lead | Plan | Note | Part | Entry)) => {
            by_grant(standing.grant, class)
        }
        (Origin::Desk, Role::Engineer, Desk | Unknown) => Verdict::Deny(Rule::RoleMayNot),

        (Origin::Desk, Role::Admin | Role::Dispatcher, Step | Lead | Plan | Note | Part | Entry | Desk) => {
            Verdict::Allow
        }
        (Origin::Desk, Role::Admin | Role::Dispatcher, Unknown) => Verdict::Deny(Rule::NotHere),

        (Origin::Desk, Role::Warehouse, Note | Part) => Verdict::Allow,
        (Origin::Desk, Role::Customer, Note) => Verdict::Allow,
        (Origin::Desk, Role::Customer, Plan) => Verdict::AllowFlagged(Flag::CustomerMoved),
        (Origin::Desk, Role::Warehouse, Step | Lead | Plan | Entry | Desk | Unknown)
        | (Origin::Desk, Role::Customer, Step | Lead | Part | Entry | Desk | Unknown) => {
            Verdict::Deny(Rule::RoleMayNot)
        }
    }
}

/// An engineer's part of the table: what an assignment lets him say.
fn by_grant(grant: GrantStanding, class: Class) -> Verdict {
    use GrantStanding::*;
    let (role, flag) = match grant {
        Active(role) | Staying(role) => (role, None),
        InGrace(role) => (role, Some(Flag::GrantEnded)),
        PastGrace => return Verdict::Deny(Rule::GraceOver),
        NotHis => return Verdict::Deny(Rule::NotAssigned),
    };
    match (class, role) {
        (Class::Desk, _) => Verdict::Deny(Rule::DeskOnly),
        (Class::Lead | Class::Plan, GrantRole::Crew) => Verdict::Deny(Rule::LeadOnly),
        (Class::Unknown, _) => Verdict::AllowFlagged(Flag::UnknownKind),
        (Class::Step | Class::Note | Class::Part | Class::Entry, GrantRole::Lead | GrantRole::Crew)
        | (Class::Lead | Class::Plan, GrantRole::Lead) => flag.map_or(Verdict::Allow, Verdict::AllowFlagged),
    }
}

words!(/// What a user is in the tenant.
Role, "role", {
    /// Runs the tenant.
    Admin = "admin",
    /// Plans and decides.
    Dispatcher = "dispatcher",
    /// Works in the field.
    Engineer = "engineer",
    /// Hands out parts.
    Warehouse = "warehouse",
    /// Asked for the work.
    Customer = "customer",
    /// Reads everything, writes nothing.
    Auditor = "auditor",
});

words!(/// Whose hand writes the change.
Origin, "origin", {
    /// A device, offline or not; its changes go through the guard.
    Phone = "phone",
    /// The server, for somebody at its API.
    Desk = "desk",
});

/// What an author is to the ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// In the tenant.
    pub role: Role,
    /// Through which door.
    pub origin: Origin,
    /// On the visit.
    pub grant: GrantStanding,
}

/// What the assignment that a fact names is worth to its author; see [`standing`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrantStanding {
    /// It holds.
    Active(GrantRole),
    /// It has ended and he knew, but he was still on site: he may finish what he does there.
    Staying(GrantRole),
    /// It has ended, which he had not seen, not long ago.
    InGrace(GrantRole),
    /// It has ended, which he had not seen, too long ago.
    PastGrace,
    /// There is none of his for this visit, or he knew that it had ended.
    NotHis,
}

/// What the table says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It counts.
    Allow,
    /// It counts, and somebody should look. A fact of unknown kind is admitted inert.
    AllowFlagged(Flag),
    /// It is set aside with this reason.
    Deny(Rule),
}

words!(/// The rule that stands against a fact.
Rule, "rule", {
    /// Phones never say what only the desk may.
    DeskOnly = "desk_only",
    /// His role does not let him say it.
    RoleMayNot = "role_may_not",
    /// The visit is not his.
    NotAssigned = "not_assigned",
    /// Only the engineer who answers for the visit may.
    LeadOnly = "lead_only",
    /// The assignment ended too long ago.
    GraceOver = "grace_over",
    /// The desk says nothing that it does not know itself.
    NotHere = "not_here",
});

/// Kinds of facts that are treated alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// A step of one engineer's work.
    Step,
    /// What only the lead says.
    Lead,
    /// Moving the visit in time.
    Plan,
    Note,
    Part,
    /// Answers, evidence, time, signatures.
    Entry,
    Desk,
    Unknown,
}

fn class_of(kind: Kind) -> Class {
    match kind {
        Kind::Accept | Kind::Decline | Kind::Depart | Kind::CheckIn | Kind::CheckOut | Kind::Start | Kind::Pause => {
            Class::Step
        }
        Kind::Done => Class::Lead,
        Kind::Reschedule => Class::Plan,
        Kind::Note => Class::Note,
        Kind::PartUsed | Kind::PartRequest => Class::Part,
        Kind::Answer | Kind::Labour | Kind::Blob | Kind::Signature => Class::Entry,
        Kind::Verify | Kind::Close | Kind::Cancel | Kind::Reopen | Kind::Assign | Kind::Unassign | Kind::DeskEdit => {
            Class::Desk
        }
        Kind::Unknown => Class::Unknown,
    }
}
