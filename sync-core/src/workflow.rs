//! How a ticket moves: its states, the moves between them, who may make them and what they need. Pure data.
//!
//! A ticket type names a workflow and a version; the phone carries the versions that its tickets use. Deciding with it
//! is `command`'s part, reading the status from the facts is `document`'s.

mod status;
mod field_service;
mod record;

pub use record::NotAWorkflow;
pub use status::{Move, Status};

use crate::words::words;

/// The rules by which tickets of a type move. Versions never change once used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workflow {
    /// Its code, unique in the tenant.
    pub code: String,
    /// Rises with each change of it.
    pub version: i64,
    /// In the order in which they are tried; a move may have several, for different states.
    pub rules: Vec<MoveRule>,
}

/// One way to move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoveRule {
    /// The move.
    pub verb: Move,
    /// Where it may start.
    pub from: Vec<Status>,
    /// Where it leads.
    pub to: Status,
    /// Who may make it.
    pub by: Vec<Party>,
    /// What must be there before.
    pub needs: Vec<Need>,
}

words!(/// Who makes a move, as far as a workflow tells them apart.
Party, "party", {
    /// The engineer who answers for the visit.
    Lead = "lead",
    /// An engineer who helps.
    Crew = "crew",
    /// A dispatcher.
    Dispatcher = "dispatcher",
    /// An administrator: a move only for these is an approval by a superior.
    Admin = "admin",
});

/// What must be there before a move.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// An answer to this step of the checklist.
    Answer {
        /// The step.
        step: String,
    },
    /// Photos or other evidence.
    Evidence {
        /// What they show: `before`, `after`, `meter`, …
        role: String,
        /// How many.
        at_least: i64,
    },
    /// The customer's signature.
    Signature,
    /// Words on what was done.
    Solution,
}

impl Workflow {
    /// The built-in workflow: accept, depart, check in, start, done, verify, close.
    pub fn field_service() -> Self {
        field_service::workflow()
    }

    /// The rule for a move from here; nothing if it may not be made here.
    pub fn rule(&self, verb: Move, from: Status) -> Option<&MoveRule> {
        self.rules.iter().find(|rule| rule.verb == verb && rule.from.contains(&from))
    }

    /// Where a move leads that has been made, foreseen or not: work that was done is never argued away.
    pub fn status_after(&self, verb: Move, from: Status) -> Status {
        let any_rule = || self.rules.iter().find(|rule| rule.verb == verb);
        self.rule(verb, from).or_else(any_rule).map_or(verb.leads_to(), |rule| rule.to)
    }
}
