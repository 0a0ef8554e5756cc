//! Makes the outcome of what passed: claims what must be exclusive, and writes the server's change, which says for each
//! fact how it was admitted. From then on nobody judges it again.

use std::collections::{BTreeMap, BTreeSet};

use sync_core::document::{
    Actor, Admission, Effect, FactBody, Flag, RawChange, Scalar, Side, TicketState, WindowEffect, core::path,
    fold::reschedule,
};
use sync_core::ids::{FactId, VisitId};
use sync_core::time::{ServerTime, TimeWindow};

use super::documents::{Appended, Author, BatchKey, OpenTicket};
use super::judge::Passed;
use super::projections::{Admitted, Touched};
use super::{Ledger, LedgerError, Phone, booking};
use crate::tenancy::TenantTx;

/// What was made of a batch.
pub struct Settled {
    /// The phone's changes and, last, the server's: to be stored.
    pub appended: Vec<Appended>,
    pub admitted: Vec<Admitted>,
    pub state: TicketState,
    pub touched: Touched,
}

impl Settled {
    /// The facts that came in.
    pub fn facts(&self) -> Vec<FactId> {
        self.admitted.iter().map(|one| one.fact.id).collect()
    }
}

/// Settles what passed for one ticket, in the order in which it was made.
pub async fn settle(
    ledger: &Ledger,
    tx: &mut TenantTx,
    open: &mut OpenTicket,
    passed: Vec<Passed>,
    phone: &Phone,
    batch: BatchKey,
    now: ServerTime,
) -> Result<Settled, LedgerError> {
    let mut moves = Moves::default();
    for one in &passed {
        if let (FactBody::Reschedule { start, end }, Some(visit)) = (&one.fact.body, one.fact.visit) {
            moves.consider(tx, open, one.fact.id, visit, (*start, *end)).await?;
        }
    }
    let speculated = open.doc.state(ledger.workflow());
    let mut admissions = Vec::with_capacity(passed.len());
    for one in &passed {
        open.admitted += 1;
        let effect = Effect {
            status: speculated.status,
            flags: flags(one, &speculated, moves.effects.get(&one.fact.id)),
            window: moves.effects.get(&one.fact.id).copied(),
        };
        admissions.push(Admission { n: open.admitted, verdict: one.verdict, effect, received: now });
    }
    let actor = Actor::of_server(open.ticket, ledger.epoch());
    let change = open.doc.server_edit(actor, |edit| {
        for (path, value) in &moves.edits {
            edit.set_core(path, Some(value))?;
        }
        passed.iter().zip(&admissions).try_for_each(|(one, admission)| edit.admit(one.fact.id, admission))
    })?;

    let author = Author { user: Some(phone.user), batch: Some(batch) };
    let mut appended: Vec<Appended> = Vec::with_capacity(passed.len() + 1);
    let mut admitted = Vec::with_capacity(passed.len());
    for (one, admission) in passed.into_iter().zip(admissions) {
        let change = RawChange { hash: one.hash, bytes: one.bytes };
        appended.push(Appended { change, actor: one.actor, seq: one.seq, author });
        admitted.push(Admitted { fact: one.fact, admission, user: Some(phone.user), device: Some(phone.device) });
    }
    appended.push(Appended::by_server(&open.doc, change, None)?);
    let state = open.doc.state(ledger.workflow());
    let touched = if moves.edits.is_empty() { Touched::Standing } else { Touched::Plan };
    Ok(Settled { appended, admitted, state, touched })
}

/// Why somebody should look at this fact: what the policy said, what the fold says of it, what became of its window.
fn flags(one: &Passed, state: &TicketState, window: Option<&WindowEffect>) -> BTreeSet<Flag> {
    let kept = window.is_some_and(|effect| *effect != WindowEffect::Applied).then_some(Flag::WindowKept);
    one.flag.into_iter().chain(state.flags_of(one.fact.id)).chain(kept).collect()
}

/// The wishes of a batch to move visits, decided one after the other on the plan as the earlier ones left it.
#[derive(Default)]
struct Moves {
    effects: BTreeMap<FactId, WindowEffect>,
    edits: Vec<(String, Scalar)>,
    windows: BTreeMap<VisitId, Option<TimeWindow>>,
}

impl Moves {
    async fn consider(
        &mut self,
        tx: &mut TenantTx,
        open: &OpenTicket,
        fact: FactId,
        visit: VisitId,
        (start, end): (Option<Side>, Option<Side>),
    ) -> Result<(), LedgerError> {
        let planned = open.doc.core().visits.get(&visit).and_then(|plan| plan.window);
        let current = *self.windows.entry(visit).or_insert(planned);
        let effect = match reschedule(current, start, end) {
            Err(kept) => kept,
            Ok(moved) if booking::shift(tx, visit, current, moved).await? => {
                self.windows.insert(visit, Some(moved));
                self.edits.push((path::visit_start(visit), Scalar::Int(moved.start().0)));
                self.edits.push((path::visit_end(visit), Scalar::Int(moved.end().0)));
                WindowEffect::Applied
            }
            Ok(_) => WindowEffect::Booked,
        };
        self.effects.insert(fact, effect);
        Ok(())
    }
}
