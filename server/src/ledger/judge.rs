//! What of a batch is admitted, decided on values alone: guard, policy, trial, change by change.
//!
//! A phone's changes build on each other, so what is admitted is a prefix: the first refused one is quarantined, and
//! those after it are orphans, which the phone makes again. They are kept as well, until it has.

use sync_core::document::{Actor, Fact, Flag, Verdict};
use sync_core::door::{self, Entered, Signer};
use sync_core::ids::{FactId, Sha256Hash, TicketId};
use sync_core::time::ServerTime;
use sync_core::workflow::Workflow;

use sync_core::wire::{Reject, RejectOutcome};

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

impl Passed {
    fn of(entered: Entered, actor: Actor, bytes: &[u8]) -> Self {
        let Entered { hash, seq, fact, verdict, flag } = entered;
        let seq = i64::try_from(seq).unwrap_or(i64::MAX);
        Self { hash, bytes: bytes.to_vec(), actor, seq, fact, verdict, flag }
    }
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
    /// It was not judged, because what it stands on is not here.
    pub wants_base: bool,
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
    /// The same, where what is missing may yet come back: a restored server gets its tickets again.
    pub fn wanting_base(mut self) -> Self {
        self.refused.iter_mut().for_each(|refused| refused.wants_base = true);
        self
    }

    /// Nothing of it went in, and what it stands on may yet come.
    pub fn waits_for_its_base(&self) -> bool {
        self.passed.is_empty() && self.refused.first().is_some_and(|first| first.wants_base)
    }

    /// Nobody is going to bring what it stands on: all of it is set aside, for a dispatcher to see; should its author come
    /// after all, it is made again.
    pub fn give_up_waiting(&mut self) {
        for refused in &mut self.refused {
            (refused.code, refused.make_again) = (ORPHANED, true);
        }
    }

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
            wants_base: false,
        };
        Self { refused: batch.signed.changes().map(refuse).collect(), ..Self::default() }
    }
}

/// Judges a batch, and applies what passes to the open document.
pub fn judge(open: &mut OpenTicket, batch: &Checked, workflow: &Workflow, now: ServerTime) -> Judged {
    let (header, phone) = (batch.signed.header(), &batch.author);
    let actor = Actor::of_device(phone.tenant, phone.device, header.ticket, header.actor_nonce);
    let signer = Signer { actor, user: phone.user, role: phone.role };
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
            wants_base: false,
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
            Ok(parsed) => match door::enter(&mut open.doc, parsed, fact, signer, workflow, now) {
                Ok(entered) => judged.passed.push(Passed::of(entered, actor, bytes)),
                Err(no) => {
                    let kind = Some(parsed.fact().body.kind_name().to_owned());
                    let make_again = no.is_in || no.is_for_want_of_base;
                    let wants_base = no.is_for_want_of_base && !no.is_in;
                    judged.refused.push(Refused { wants_base, ..refused(kind, no.code, no.detail, make_again) });
                }
            },
        }
    }
    judged
}
