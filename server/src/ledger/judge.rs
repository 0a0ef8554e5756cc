//! What of a batch is admitted, decided on values alone: guard, policy, trial, change by change.
//!
//! A phone's changes build on each other, so what is admitted is a prefix: the first refused one is quarantined, and
//! those after it are orphans, which the phone makes again. They are kept as well, until it has.

use sync_core::document::{Actor, Fact, Flag, TicketDoc, Verdict};
use sync_core::guard;
use sync_core::ids::{FactId, Sha256Hash, TicketId};
use sync_core::policy::{self, Origin, Standing};
use sync_core::time::ServerTime;
use sync_core::workflow::Workflow;

use sync_core::wire::{Reject, RejectOutcome};

use super::Phone;
use super::documents::OpenTicket;
use super::quarantine::SetAside;
use super::verify::Checked;

/// The code of a change that was not judged because one before it was refused.
pub const ORPHANED: &str = "orphaned";

/// A change that goes into the document.
#[derive(Debug)]
pub struct Passed {
    pub hash: Sha256Hash,
    pub bytes: Vec<u8>,
    pub actor: Actor,
    pub seq: i64,
    pub fact: Fact,
    pub verdict: Verdict,
    pub flag: Option<Flag>,
}

/// A change that does not.
#[derive(Debug)]
pub struct Refused {
    pub hash: Sha256Hash,
    pub bytes: Vec<u8>,
    pub fact: FactId,
    pub kind: Option<String>,
    pub code: &'static str,
    pub detail: String,
    /// The change itself is sound; the phone makes the same fact again on the document as it is now.
    pub make_again: bool,
}

impl Refused {
    /// What the phone is told.
    pub fn reject(&self, ticket: TicketId, outcome: RejectOutcome) -> Reject {
        Reject {
            ticket,
            change: self.hash,
            fact: self.fact,
            code: self.code.to_owned(),
            rule: String::new(),
            detail: self.detail.clone(),
            outcome,
        }
    }

    /// What is kept of it.
    pub fn set_aside(self, id: uuid::Uuid) -> SetAside {
        let Self { hash: change, bytes, fact, kind, code, detail, .. } = self;
        SetAside { id, change, bytes, fact, kind, code: code.to_owned(), detail }
    }
}

/// What becomes of one batch.
#[derive(Debug, Default)]
pub struct Judged {
    pub passed: Vec<Passed>,
    pub refused: Vec<Refused>,
    /// Changes at the start of the batch that had come before, in another batch.
    pub known: usize,
}

impl Judged {
    /// A batch of which nothing can be admitted, for one reason.
    pub fn nothing(batch: &Checked, code: &'static str, detail: &str) -> Self {
        let refuse = |(hash, fact, bytes): (Sha256Hash, FactId, &[u8])| Refused {
            hash,
            bytes: bytes.to_vec(),
            fact,
            kind: None,
            code,
            detail: detail.to_owned(),
            make_again: false,
        };
        Self { refused: batch.signed.changes().map(refuse).collect(), ..Self::default() }
    }
}

/// Judges a batch, and applies what passes to the open document.
pub fn judge(open: &mut OpenTicket, batch: &Checked, phone: &Phone, workflow: &Workflow, now: ServerTime) -> Judged {
    let header = batch.signed.header();
    let actor = Actor::of_device(phone.tenant, phone.device, header.ticket, header.actor_nonce);
    let mut judged = Judged::default();
    for ((hash, fact, bytes), parsed) in batch.signed.changes().zip(&batch.changes) {
        if judged.refused.is_empty() && open.doc.has_change(&hash) {
            judged.known += 1;
            continue;
        }
        let refused = |kind: Option<String>, code, detail, make_again| Refused {
            hash,
            bytes: bytes.to_vec(),
            fact,
            kind,
            code,
            detail,
            make_again,
        };
        if !phone.is_active {
            let detail = "the user or the device is no longer admitted".to_owned();
            judged.refused.push(refused(None, "revoked", detail, false));
            continue;
        }
        if !judged.refused.is_empty() {
            judged.refused.push(refused(None, ORPHANED, "it builds on a change that was refused".into(), true));
            continue;
        }
        match parsed {
            Err(error) => judged.refused.push(refused(None, error.code(), error.to_string(), false)),
            Ok(parsed) => match admit(&mut open.doc, parsed, actor, fact, phone, workflow, now) {
                Ok(passed) => judged.passed.push(Passed { bytes: bytes.to_vec(), ..passed }),
                Err(no) => {
                    let kind = Some(parsed.fact().body.kind_name().to_owned());
                    judged.refused.push(refused(kind, no.code, no.detail, no.make_again));
                }
            },
        }
    }
    judged
}

struct No {
    code: &'static str,
    detail: String,
    make_again: bool,
}

fn admit(
    doc: &mut TicketDoc,
    parsed: &guard::ParsedChange,
    actor: Actor,
    named: FactId,
    phone: &Phone,
    workflow: &Workflow,
    now: ServerTime,
) -> Result<Passed, No> {
    if parsed.fact().id != named {
        let detail = "the header names another fact than the change adds".to_owned();
        return Err(No { code: "other_fact", detail, make_again: false });
    }
    let hash = parsed.hash();
    let seq = i64::try_from(parsed.seq()).unwrap_or(i64::MAX);
    // A clone of the phone may have made the same fact again before this one did: it is in, nothing is to be kept.
    let is_in = doc.fact(named).is_some_and(|there| there.content_hash() == parsed.fact().content_hash());
    let checked = guard::check_against(doc, parsed.clone(), actor).map_err(|refusal| No {
        code: refusal.code(),
        detail: refusal.to_string(),
        make_again: is_in || refusal.is_for_want_of_base(),
    })?;
    let fact = checked.fact().clone();
    let grant = policy::standing(doc, &fact, phone.user, workflow, now);
    let standing = Standing { role: phone.role, origin: Origin::Phone, grant };
    let (verdict, flag) = match policy::judge(standing, fact.body.kind()) {
        policy::Verdict::Allow => (Verdict::Allowed, None),
        policy::Verdict::AllowFlagged(Flag::UnknownKind) => (Verdict::Inert, Some(Flag::UnknownKind)),
        policy::Verdict::AllowFlagged(flag) => (Verdict::Flagged, Some(flag)),
        policy::Verdict::Deny(rule) => {
            let detail = format!("the policy does not allow it: {}", rule.as_str());
            return Err(No { code: rule.as_str(), detail, make_again: false });
        }
    };
    doc.apply_checked(checked).map_err(|error| No {
        code: "does_not_apply",
        detail: error.to_string(),
        make_again: false,
    })?;
    Ok(Passed { hash, bytes: Vec::new(), actor, seq, fact, verdict, flag })
}
