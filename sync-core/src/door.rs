//! Whether what a device wrote enters a ticket: guard, policy and trial, one change at a time.
//!
//! The server's door and a phone that is handed a colleague's work ask here alike. What the server does besides, such as
//! claiming what must be exclusive and writing the outcome, is its own.

use crate::document::{Actor, ChangeHash, Fact, Flag, TicketDoc, Verdict};
use crate::guard::{self, ParsedChange};
use crate::ids::{FactId, UserId};
use crate::policy::{self, Origin, Role, Standing};
use crate::time::ServerTime;
use crate::workflow::Workflow;

/// Who signed for a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signer {
    /// What the change must have been numbered by.
    pub actor: Actor,
    pub user: UserId,
    pub role: Role,
}

/// A change that is in the document now.
#[derive(Debug)]
pub struct Entered {
    pub hash: ChangeHash,
    pub seq: u64,
    pub fact: Fact,
    pub verdict: Verdict,
    pub flag: Option<Flag>,
}

/// A change that is not, and left no trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnedAway {
    /// Stable: a guard's or a policy's code.
    pub code: &'static str,
    /// For a person.
    pub detail: String,
    /// It stands on something that is not there: it was not judged.
    pub is_for_want_of_base: bool,
    /// The document says the same already: a clone of the device was faster, or it was made again.
    pub is_in: bool,
}

/// Applies a change to this document, if it may enter. `named` is the fact that the batch's header says it adds.
pub fn enter(
    doc: &mut TicketDoc,
    parsed: &ParsedChange,
    named: FactId,
    signer: Signer,
    workflow: &Workflow,
    now: ServerTime,
) -> Result<Entered, TurnedAway> {
    let fact = parsed.fact();
    if fact.id != named {
        return Err(TurnedAway::by("other_fact", "the header names another fact than the change adds".to_owned()));
    }
    let is_in = doc.fact(named).is_some_and(|there| there.content_hash() == fact.content_hash());
    let checked = guard::check_against(doc, parsed.clone(), signer.actor).map_err(|refusal| TurnedAway {
        is_for_want_of_base: refusal.is_for_want_of_base(),
        is_in,
        ..TurnedAway::by(refusal.code(), refusal.to_string())
    })?;
    let grant = policy::standing(doc, fact, signer.user, workflow, now);
    let standing = Standing { role: signer.role, origin: Origin::Phone, grant };
    let (verdict, flag) = match policy::judge(standing, fact.body.kind()) {
        policy::Verdict::Allow => (Verdict::Allowed, None),
        policy::Verdict::AllowFlagged(Flag::UnknownKind) => (Verdict::Inert, Some(Flag::UnknownKind)),
        policy::Verdict::AllowFlagged(flag) => (Verdict::Flagged, Some(flag)),
        policy::Verdict::Deny(rule) => {
            let detail = format!("the policy does not allow it: {}", rule.as_str());
            return Err(TurnedAway::by(rule.as_str(), detail));
        }
    };
    let hash = checked.hash();
    doc.apply_checked(checked).map_err(|error| TurnedAway::by("does_not_apply", error.to_string()))?;
    Ok(Entered { hash, seq: parsed.seq(), fact: fact.clone(), verdict, flag })
}

impl TurnedAway {
    fn by(code: &'static str, detail: String) -> Self {
        Self { code, detail, is_for_want_of_base: false, is_in: false }
    }
}
