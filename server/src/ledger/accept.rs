//! The one door for what phones did. A push goes through these steps, and each batch of it is one story.
//!
//! What can be decided without the database is decided before the transaction begins ([`super::verify`]). Inside it, in
//! this order: number the batch, lock the ticket, guard and policy and trial, claim what must be exclusive, write the
//! server's change with the outcome, project, publish, record the answer. Either all of that commits or none of it.

use std::sync::Arc;

use sync_core::ids::TicketId;
use sync_core::time::ServerTime;
use sync_core::wire::{Ack, BatchRefusal, ChainPosition, Deferred, Reject, RejectOutcome};

use super::documents::{self, BatchKey, OpenTicket};
use super::judge::{self, Judged, Passed};
use super::numbering::{self, Place, Session};
use super::verify::{self, Brought, Checked, Push, Pushed};
use super::{Ledger, LedgerError, Phone, answer, instant, projections, publish, quarantine, settle};
use crate::platform::random::Random;
use crate::tenancy::{TenantCtx, TenantTx};

/// Batches that share one transaction: enough that a day's work is a handful of commits, few enough that locks are short.
const BATCHES_PER_TRANSACTION: usize = 64;

/// What became of one pushed batch.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Taken; `rejects` names what of it was not admitted.
    Answered { ack: Ack, rejects: Vec<Reject> },
    /// An earlier batch of its session is missing.
    Deferred(Deferred),
    /// A courier brought it before that which it stands on; nothing became of it yet.
    Waits,
    /// It says nothing that can be acted on.
    Refused(BatchRefusal),
}

impl Ledger {
    /// Takes what a phone pushed. The outcomes stand in the order of the batches. Of a user or device that `is_active` no
    /// longer, everything goes into quarantine, for a dispatcher to look at.
    pub async fn accept(
        self: &Arc<Self>,
        ctx: &TenantCtx,
        is_active: bool,
        pushed: Push,
        now: ServerTime,
    ) -> Result<Vec<Outcome>, LedgerError> {
        let Some(phone) = self.phone(ctx, is_active).await? else { return Err(LedgerError::NoDevice) };
        let pushed = verify::verify(pushed, &phone).await?;
        self.accept_checked(ctx, &pushed, now).await
    }

    pub(super) async fn accept_checked(
        self: &Arc<Self>,
        ctx: &TenantCtx,
        pushed: &[Pushed],
        now: ServerTime,
    ) -> Result<Vec<Outcome>, LedgerError> {
        let mut outcomes = Vec::with_capacity(pushed.len());
        for together in pushed.chunks(BATCHES_PER_TRANSACTION) {
            match self.accept_together(ctx, together, now).await {
                Ok(answered) => outcomes.extend(answered),
                Err(error) if together.len() == 1 || error.is_transient() => return Err(error),
                // One batch that breaks something must not hold back its neighbours.
                Err(error) => {
                    tracing::error!(device.id = ?ctx.device(), %error, "a push failed as a whole; taking its batches one by one");
                    for alone in together {
                        outcomes.extend(self.accept_together(ctx, std::slice::from_ref(alone), now).await?);
                    }
                }
            }
        }
        Ok(outcomes)
    }

    async fn accept_together(
        self: &Arc<Self>,
        ctx: &TenantCtx,
        together: &[Pushed],
        now: ServerTime,
    ) -> Result<Vec<Outcome>, LedgerError> {
        let (ledger, together) = (Arc::clone(self), together.to_vec());
        ctx.transact(async move |tx: &mut TenantTx| {
            documents::lock_in_order(tx, &tickets_of(&together)).await?;
            let mut outcomes = Vec::with_capacity(together.len());
            for pushed in &together {
                outcomes.push(match pushed {
                    Ok(batch) => Box::pin(ledger.accept_batch(tx, batch, now)).await?,
                    Err(refusal) => Outcome::Refused(refusal.clone()),
                });
            }
            Ok(outcomes)
        })
        .await
    }

    async fn accept_batch(&self, tx: &mut TenantTx, batch: &Checked, now: ServerTime) -> Result<Outcome, LedgerError> {
        let (header, phone) = (batch.signed.header(), &batch.author);
        let mut session = numbering::lock_session(tx, phone.device, header.session_nonce, now).await?;
        match session.place(tx, batch).await? {
            Place::Next => {}
            Place::Repeated(stored) => return answer::read(&stored),
            Place::Gap { expected } => {
                let (session_nonce, dev_seq) = (header.session_nonce, header.dev_seq);
                return Ok(Outcome::Deferred(Deferred { session_nonce, dev_seq, expected }));
            }
            Place::Contradicts(why) => {
                return Ok(Outcome::Refused(BatchRefusal {
                    position: batch.position,
                    code: "batch_contradiction".into(),
                    detail: why.into(),
                }));
            }
        }

        let mut position = None;
        let mut judged = match self.open(tx, header.ticket).await {
            Ok(None) => Judged::nothing(batch, "unknown_ticket", "there is no such ticket").wanting_base(),
            // It is kept aside and seen; the rest of what the phone says goes on.
            Err(error) if error.is_of_one_ticket() => {
                tracing::error!(ticket.id = %header.ticket, %error, "a stored ticket cannot be read; a push to it is set aside");
                Judged::nothing(batch, "unreadable_ticket", "what is stored of the ticket cannot be read")
            }
            Err(error) => return Err(error),
            Ok(Some(mut open)) => {
                if open.has_returned {
                    Box::pin(self.take_in_admitted_before(tx, &mut open, batch, now)).await?;
                }
                let mut judged = judge::judge(&mut open, batch, self.workflow(), now);
                let passed = std::mem::take(&mut judged.passed);
                if !passed.is_empty() {
                    self.admit(tx, &mut open, passed, phone, batch.key(), now).await?;
                }
                position = Some(ChainPosition { version: open.version.unsigned_abs(), link: open.chain });
                judged
            }
        };
        if let (Brought::Couriered { is_waited_for }, true) = (batch.brought, judged.waits_for_its_base()) {
            if is_waited_for {
                return Ok(Outcome::Waits);
            }
            judged.give_up_waiting();
        }
        self.answer(tx, &mut session, batch, (judged, position), now).await
    }

    /// Claims, writes the outcome, stores, projects and publishes what passed.
    async fn admit(
        &self,
        tx: &mut TenantTx,
        open: &mut OpenTicket,
        passed: Vec<Passed>,
        phone: &Phone,
        batch: BatchKey,
        now: ServerTime,
    ) -> Result<(), LedgerError> {
        let from_version = open.version + 1;
        let settled = settle::settle(self, tx, open, passed, phone, batch, now).await?;
        let waiting = documents::append(tx, open, &settled.appended, now).await?;
        projections::project(tx, open, &settled.state, &settled.admitted, settled.touched, now).await?;
        publish::publish(tx, open, &settled.state, &settled.admitted, from_version, now).await?;
        if waiting.in_quarantine {
            quarantine::settle_entered(tx, open.ticket, &settled.facts(), now).await?;
        }
        if waiting.returned {
            Box::pin(self.take_in_parked(tx, open, now)).await?;
        }
        self.keep_warm(tx.tenant(), open);
        Ok(())
    }

    /// Sets aside what was refused, and records the answer under the batch's number.
    async fn answer(
        &self,
        tx: &mut TenantTx,
        session: &mut Session,
        batch: &Checked,
        (judged, position): (Judged, Option<ChainPosition>),
        now: ServerTime,
    ) -> Result<Outcome, LedgerError> {
        let header = batch.signed.header();
        let admitted = batch.changes.len() - judged.refused.len();
        let (mut rejects, mut aside) = (Vec::new(), Vec::new());
        for refused in judged.refused {
            let is_orphan = refused.code == judge::ORPHANED;
            let id = Random.uuid(instant(now));
            if !is_orphan {
                let outcome = match refused.make_again {
                    true => RejectOutcome::MakeAgain,
                    false => RejectOutcome::Quarantined { quarantine: id.as_bytes().to_vec() },
                };
                rejects.push(refused.reject(header.ticket, outcome));
            }
            if is_orphan || !refused.make_again {
                aside.push(refused.set_aside(id));
            }
        }
        quarantine::keep(tx, header.ticket, header.user, batch.key(), &aside, now).await?;
        let ack = Ack {
            device: None,
            session_nonce: header.session_nonce,
            dev_seq: header.dev_seq,
            admitted: u32::try_from(admitted).unwrap_or(u32::MAX),
            received: now,
            position,
        };
        session.record(tx, &batch.signed, &answer::write(&ack, &rejects), now).await?;
        Ok(Outcome::Answered { ack, rejects })
    }
}

fn tickets_of(pushed: &[Pushed]) -> Vec<TicketId> {
    let mut tickets: Vec<TicketId> = pushed.iter().flatten().map(|batch| batch.signed.header().ticket).collect();
    tickets.sort_unstable();
    tickets.dedup();
    tickets
}
